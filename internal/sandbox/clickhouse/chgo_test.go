package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	chgo "github.com/ClickHouse/clickhouse-go/v2"
)

func dial(t *testing.T, database string, compression ch.Compression) *ch.Client {
	t.Helper()
	client, err := ch.Dial(context.Background(), ch.Options{Address: server.NativeAddr(), Database: database, Compression: compression})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// insertNumbers inserts blocks of rows, counted from 0, each block from OnInput.
func insertNumbers(ctx context.Context, client *ch.Client, table string, blocks, rows int) error {
	number, text, low := new(proto.ColUInt64), new(proto.ColStr), proto.NewLowCardinality[string](new(proto.ColStr))
	fill := func(block int) {
		number.Reset()
		text.Reset()
		low.Reset()
		if block == blocks {
			return
		}
		for i := range rows {
			n := block*rows + i
			number.Append(uint64(n))
			text.Append(fmt.Sprint("row ", n))
			low.Append([]string{"a", "b", "c"}[n%3])
		}
	}
	fill(0)
	next := 1
	input := proto.Input{{Name: "n", Data: number}, {Name: "s", Data: text}, {Name: "l", Data: low}}
	return client.Do(ctx, ch.Query{
		Body: input.Into(table), Input: input,
		OnInput: func(context.Context) error {
			fill(next)
			next++
			if next > blocks {
				return io.EOF
			}
			return nil
		},
	})
}

const numbersTable = "CREATE TABLE %s (n UInt64, s String, l LowCardinality(String)) ENGINE = MergeTree ORDER BY n"

func TestServer_ChGo(t *testing.T) {
	db := newDatabase(t, "chgo")
	conn := open(t, options(chgo.Native, db))
	ctx := context.Background()
	for name, compression := range map[string]ch.Compression{"lz4": ch.CompressionLZ4, "zstd": ch.CompressionZSTD, "none": ch.CompressionDisabled} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, db, compression)
			table := "numbers_" + name
			execute(t, conn, fmt.Sprintf(numbersTable, table))
			if err := insertNumbers(ctx, client, table, 5, 1000); err != nil {
				t.Fatal(err)
			}
			if n := count(t, conn, "SELECT countIf(s = 'row ' || toString(n) AND l = char(97 + n % 3)) FROM "+table); n != 5000 {
				t.Errorf("%d whole rows, want 5000", n)
			}

			var number proto.ColUInt64
			low := proto.NewLowCardinality[string](new(proto.ColStr))
			var rows, sum uint64
			if err := client.Do(ctx, ch.Query{
				Body: "SELECT n, l FROM " + table,
				Result: proto.Results{
					{Name: "n", Data: &number},
					{Name: "l", Data: low},
				},
				OnResult: func(context.Context, proto.Block) error {
					for _, n := range number {
						rows++
						sum += n
					}
					return nil
				},
			}); err != nil {
				t.Fatal(err)
			}
			if rows != 5000 || sum != 5000*4999/2 {
				t.Errorf("%d rows, sum %d", rows, sum)
			}
		})
	}

	t.Run("a connection goes on after an error", func(t *testing.T) {
		client := dial(t, db, ch.CompressionLZ4)
		err := client.Do(ctx, ch.Query{Body: "SELECT * FROM no_such_table", Result: new(proto.Results).Auto()})
		var e *ch.Exception
		if !errors.As(err, &e) || e.Code != proto.ErrUnknownTable {
			t.Fatalf("%v", err)
		}
		if err := client.Ping(ctx); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("a refused block is told", func(t *testing.T) {
		execute(t, conn, "CREATE TABLE strict (n UInt64, s String, l LowCardinality(String), CONSTRAINT small CHECK n < 2500) ENGINE = MergeTree ORDER BY n")
		err := insertNumbers(ctx, dial(t, db, ch.CompressionLZ4), "strict", 5, 1000)
		var e *ch.Exception
		if !errors.As(err, &e) || e.Code != proto.ErrViolatedConstraint {
			t.Fatalf("%v", err)
		}
		if n := count(t, conn, "SELECT count() FROM strict"); n != 0 {
			t.Errorf("%d rows of a refused insert", n)
		}
	})
}

func TestServer_Large(t *testing.T) {
	db := newDatabase(t, "large")
	conn := open(t, options(chgo.Native, db))
	execute(t, conn, fmt.Sprintf(numbersTable, "numbers"))
	ctx := context.Background()
	if err := insertNumbers(ctx, dial(t, db, ch.CompressionLZ4), "numbers", 10, 50_000); err != nil {
		t.Fatal(err)
	}
	for name, protocol := range protocols {
		t.Run("500,000 rows are read back over "+name, func(t *testing.T) {
			rows, err := open(t, options(protocol, db)).Query(ctx, "SELECT n, s, l FROM numbers")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			var sum, n uint64
			for rows.Next() {
				var number uint64
				var s, l string
				if err := rows.Scan(&number, &s, &l); err != nil {
					t.Fatal(err)
				}
				sum += number
				n++
			}
			if err := rows.Err(); err != nil || n != 500_000 || sum != 500_000*499_999/2 {
				t.Errorf("%d rows, sum %d, %v", n, sum, err)
			}
		})
	}
}

func TestServer_ParallelConnections(t *testing.T) {
	db := newDatabase(t, "parallel")
	conn := open(t, options(chgo.Native, db))
	execute(t, conn, fmt.Sprintf(numbersTable, "numbers"))
	ctx := context.Background()
	var all sync.WaitGroup
	for range 8 {
		client := dial(t, db, ch.CompressionLZ4)
		all.Go(func() {
			if err := insertNumbers(ctx, client, "numbers", 3, 1000); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := count(t, conn, "SELECT count() FROM numbers"); n != 8*3000 {
		t.Errorf("%d rows, want %d", n, 8*3000)
	}
}

// TestServer_CancelledQuery shows that the engine stops working on a query whose
// client has cancelled it or left: over every way there is.
func TestServer_CancelledQuery(t *testing.T) {
	watcher := open(t, options(chgo.Native, ""))
	endless := map[string]string{
		"while it computes": "SELECT count() FROM numbers_mt(100000000000000) WHERE NOT ignore(sipHash64(number), %s)",
		"while it sends":    "SELECT number, %s FROM system.numbers",
	}
	for name, protocol := range protocols {
		for when, query := range endless {
			t.Run(name+" "+when, func(t *testing.T) {
				mark := fmt.Sprintf("'mark %s %s'", name, when)
				running := func() uint64 {
					return count(t, watcher, "SELECT count() FROM system.processes WHERE query LIKE {mark:String} AND query NOT LIKE '%system.processes%'",
						chgo.Named("mark", "%"+"mark "+name+" "+when+"%"))
				}
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan error, 1)
				conn := open(t, options(protocol, ""))
				go func() {
					rows, err := conn.Query(ctx, fmt.Sprintf(query, mark))
					if err == nil {
						for rows.Next() {
						}
						err = errors.Join(rows.Err(), rows.Close())
					}
					ended <- err
				}()
				waitFor(t, "the query to run", func() bool { return running() > 0 })
				cancel()
				if err := <-ended; err == nil {
					t.Error("an endless query ended without an error")
				}
				waitFor(t, "the engine to stop", func() bool { return running() == 0 })
			})
		}
	}
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for !holds() {
		select {
		case <-limit.C:
			t.Fatalf("waited a minute for %s", what)
		case <-tick.C:
		}
	}
}
