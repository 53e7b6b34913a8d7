package clickhouse_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/ClickHouse/ch-go"
	chgo "github.com/ClickHouse/clickhouse-go/v2"
)

// BenchmarkServer_Insert is one insert of 200,000 rows of three columns by ch-go
// over the native protocol, in blocks of 50,000.
func BenchmarkServer_Insert(b *testing.B) {
	const blocks, rows = 4, 50_000
	ctx := context.Background()
	conn, err := chgo.Open(options(chgo.Native, ""))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	for _, sql := range []string{"CREATE DATABASE bench", fmt.Sprintf(numbersTable, "bench.numbers")} {
		if err := conn.Exec(ctx, sql); err != nil {
			b.Fatal(err)
		}
	}
	defer func() {
		if err := conn.Exec(ctx, "DROP DATABASE bench"); err != nil {
			b.Error(err)
		}
	}()
	client, err := ch.Dial(ctx, ch.Options{Address: server.NativeAddr(), Database: "bench", Compression: ch.CompressionLZ4})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	b.ReportAllocs()
	for b.Loop() {
		if err := insertNumbers(ctx, client, "numbers", blocks, rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*blocks*rows)/b.Elapsed().Seconds(), "rows/s")
}
