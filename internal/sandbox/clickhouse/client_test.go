package clickhouse_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/schemas"
)

// eventTable is the stored event's columns as a table.
func eventTable(name string) string {
	var columns []string
	for _, c := range schemas.EventColumns() {
		columns = append(columns, c.Name+" "+c.Type)
	}
	return "CREATE TABLE " + name + " (" + strings.Join(columns, ", ") + ") ENGINE = MergeTree ORDER BY (subscription_id, event_timestamp, event_id)"
}

func TestServer_ClickhouseGo(t *testing.T) {
	for name, protocol := range protocols {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t, "clients_"+name)
			conn := open(t, options(protocol, db))
			ctx := context.Background()
			if err := conn.Ping(ctx); err != nil {
				t.Fatal(err)
			}

			t.Run("event columns come back as they went in", func(t *testing.T) {
				execute(t, conn, eventTable("events"))
				batch, err := conn.PrepareBatch(ctx, "INSERT INTO events")
				if err != nil {
					t.Fatal(err)
				}
				id := uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff")
				at := time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC)
				text, money, number := "monthly", decimal.RequireFromString("-12.3456"), int32(7)
				for _, present := range []bool{true, false} {
					row := []any{id, "s-1", "u-1", at, "Created", nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, true, nil, "created", uint64(1) << 60, at, "kafka", "topic", uint32(0), int32(3), int64(-1)}
					if present {
						row[5], row[7], row[11], row[15] = text, &at, &money, &number
						row[17] = "s-2"
					}
					if err := batch.Append(row...); err != nil {
						t.Fatal(err)
					}
				}
				if err := batch.Send(); err != nil {
					t.Fatal(err)
				}
				var got struct {
					id     uuid.UUID
					at     time.Time
					event  *string
					billed *time.Time
					value  *decimal.Decimal
					period *int32
					to     *string
					bool   bool
					v      uint64
					offset int64
				}
				const columns = "SELECT event_id, event_timestamp, event_name, next_billed_at, transaction_value, subscription_period_number, upgrade_to_subscription_id, is_internal_user, version, source_offset FROM events WHERE event_name IS "
				scan := func(where string) {
					t.Helper()
					if err := conn.QueryRow(ctx, columns+where).Scan(&got.id, &got.at, &got.event, &got.billed, &got.value, &got.period, &got.to, &got.bool, &got.v, &got.offset); err != nil {
						t.Fatal(err)
					}
				}
				scan("NOT NULL")
				if got.id != id || !got.at.Equal(at) || *got.event != text || !got.billed.Equal(at) || !got.value.Equal(money) || *got.period != number || *got.to != "s-2" || !got.bool || got.v != 1<<60 || got.offset != -1 {
					t.Errorf("row with everything: %+v", got)
				}
				scan("NULL")
				if got.event != nil || got.billed != nil || got.value != nil || got.period != nil || got.to != nil {
					t.Errorf("row with nothing optional: %+v", got)
				}
			})

			t.Run("nested types come back as they went in", func(t *testing.T) {
				execute(t, conn, "CREATE TABLE nested (a Array(LowCardinality(String)), m Map(String, UInt64), t Tuple(x UInt8, y Nullable(String)), e Enum8('on' = 1, 'off' = 2), f FixedString(3), aa Array(Array(Int16))) ENGINE = Memory")
				batch, err := conn.PrepareBatch(ctx, "INSERT INTO nested")
				if err != nil {
					t.Fatal(err)
				}
				y := "why"
				for i := range 3 {
					if err := batch.Append([]string{"a", "b", "a"}[:i], map[string]uint64{"k": uint64(i)}, map[string]any{"x": uint8(i), "y": &y}, "off", "abc", [][]int16{{1, 2}, {}, {3}}[:i]); err != nil {
						t.Fatal(err)
					}
				}
				if err := batch.Send(); err != nil {
					t.Fatal(err)
				}
				var a []string
				var m map[string]uint64
				var tuple map[string]any
				var e, f string
				var aa [][]int16
				if err := conn.QueryRow(ctx, "SELECT * FROM nested WHERE t.x = 2").Scan(&a, &m, &tuple, &e, &f, &aa); err != nil {
					t.Fatal(err)
				}
				if len(a) != 2 || a[1] != "b" || m["k"] != 2 || e != "off" || f != "abc" || len(aa) != 2 || aa[0][1] != 2 {
					t.Error(a, m, tuple, e, f, aa)
				}
			})

			t.Run("an empty result has its columns", func(t *testing.T) {
				rows, err := conn.Query(ctx, "SELECT 1 AS one, 'x' AS two WHERE 0")
				if err != nil {
					t.Fatal(err)
				}
				defer rows.Close()
				if rows.Next() || len(rows.Columns()) != 2 || rows.Err() != nil {
					t.Error(rows.Columns(), rows.Err())
				}
			})

			t.Run("parameters are bound", func(t *testing.T) {
				ctx := chgo.Context(ctx, chgo.WithParameters(chgo.Parameters{"n": "5", "s": `it's`}))
				var s string
				if err := conn.QueryRow(ctx, "SELECT concat({s:String}, toString({n:UInt8} + 1))").Scan(&s); err != nil || s != "it's6" {
					t.Errorf("%q, %v", s, err)
				}
			})

			t.Run("errors have their code", func(t *testing.T) {
				execute(t, conn, "CREATE TABLE strict (n UInt8, CONSTRAINT small CHECK n < 10) ENGINE = MergeTree ORDER BY n")
				for sql, code := range map[string]int32{
					"SELECT * FROM no_such_table":       60,
					"SELECT no_such_function(1)":        46,
					"selec 1":                           62,
					"SELECT 1; SELECT 2":                62,
					"INSERT INTO strict VALUES (10)":    469,
					"USE no_such_database":              81,
					"SELECT throwIf(1, 'as asked for')": 395,
				} {
					err := conn.Exec(ctx, sql)
					var e *chgo.Exception
					if !errors.As(err, &e) || e.Code != code {
						t.Errorf("%s: %v, want code %d", sql, err, code)
					}
				}
				batch, err := conn.PrepareBatch(ctx, "INSERT INTO strict")
				if err != nil {
					t.Fatal(err)
				}
				if err := batch.Append(uint8(11)); err != nil {
					t.Fatal(err)
				}
				var e *chgo.Exception
				if err := batch.Send(); !errors.As(err, &e) || e.Code != 469 {
					t.Errorf("refused row: %v", err)
				}
				if n := count(t, conn, "SELECT count() FROM strict"); n != 0 {
					t.Errorf("%d rows after refused inserts", n)
				}
			})

			t.Run("an error in the middle of a result is told", func(t *testing.T) {
				rows, err := conn.Query(ctx, "SELECT toString(number), throwIf(number = 3000000) FROM numbers(4000000) SETTINGS max_block_size = 50000")
				if err != nil {
					t.Fatal(err)
				}
				defer rows.Close()
				n := 0
				for rows.Next() {
					n++
				}
				if err := rows.Err(); n < 1000 || err == nil || !strings.Contains(err.Error(), "395") {
					t.Errorf("%d rows, %v", n, err)
				}
			})

			t.Run("settings hold for their statement alone", func(t *testing.T) {
				setting := func(ctx context.Context) string {
					t.Helper()
					var value string
					if err := conn.QueryRow(ctx, "SELECT toString(getSetting('max_partitions_per_insert_block'))").Scan(&value); err != nil {
						t.Fatal(err)
					}
					return value
				}
				if got := setting(chgo.Context(ctx, chgo.WithSettings(chgo.Settings{"max_partitions_per_insert_block": 7}))); got != "7" {
					t.Errorf("with the setting: %s", got)
				}
				if got := setting(ctx); got != "100" {
					t.Errorf("after it: %s", got)
				}
			})

			t.Run("a token is stored once", func(t *testing.T) {
				execute(t, conn, "CREATE TABLE once (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100")
				for _, token := range []string{"a", "a", "b"} {
					ctx := chgo.Context(ctx, chgo.WithSettings(chgo.Settings{"insert_deduplication_token": token, "async_insert": 0}))
					batch, err := conn.PrepareBatch(ctx, "INSERT INTO once")
					if err != nil {
						t.Fatal(err)
					}
					for i := range uint64(10) {
						if err := batch.Append(i); err != nil {
							t.Fatal(err)
						}
					}
					if err := batch.Send(); err != nil {
						t.Fatal(err)
					}
				}
				if n := count(t, conn, "SELECT count() FROM once"); n != 20 {
					t.Errorf("%d rows, want 20", n)
				}
			})

			t.Run("an insert's settings are in force", func(t *testing.T) {
				execute(t, conn, "CREATE TABLE monthly (n UInt64) ENGINE = MergeTree PARTITION BY n ORDER BY n")
				insert := func(most int) error {
					ctx := chgo.Context(ctx, chgo.WithSettings(chgo.Settings{"max_partitions_per_insert_block": most}))
					batch, err := conn.PrepareBatch(ctx, "INSERT INTO monthly")
					if err != nil {
						t.Fatal(err)
					}
					for i := range uint64(150) {
						if err := batch.Append(i); err != nil {
							t.Fatal(err)
						}
					}
					return batch.Send()
				}
				var e *chgo.Exception
				if err := insert(100); !errors.As(err, &e) || e.Code != 252 {
					t.Errorf("150 partitions where 100 are allowed: %v", err)
				}
				if err := insert(0); err != nil {
					t.Errorf("150 partitions where any number is: %v", err)
				}
				if n := count(t, conn, "SELECT count() FROM monthly"); n != 150 {
					t.Errorf("%d rows, want 150", n)
				}
			})

			t.Run("system tables can be read", func(t *testing.T) {
				for _, table := range []string{"tables", "columns", "databases", "settings", "parts", "functions", "data_type_families"} {
					rows, err := conn.Query(ctx, "SELECT * FROM system."+table)
					if err != nil {
						t.Errorf("%s: %v", table, err)
						continue
					}
					n := 0
					for rows.Next() {
						n++
					}
					if err := errors.Join(rows.Err(), rows.Close()); err != nil || n == 0 {
						t.Errorf("%s: %d rows, %v", table, n, err)
					}
				}
			})
		})
	}
}

// TestServer_InsertFormat shows the two ways to send Native bytes over HTTP: as
// they are, and in ClickHouse's compressed frames.
func TestServer_InsertFormat(t *testing.T) {
	db := newDatabase(t, "insert_format")
	conn := open(t, options(chgo.HTTP, db))
	execute(t, conn, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 10")
	var native proto.Buffer
	column := proto.ColUInt64{1, 2, 3}
	if err := (proto.Block{Columns: 1, Rows: 3}).EncodeRawBlock(&native, 0, []proto.InputColumn{{Name: "n", Data: column}}); err != nil {
		t.Fatal(err)
	}
	frame := compress.NewWriter(compress.LevelZero, compress.LZ4)
	if err := frame.Compress(native.Buf); err != nil {
		t.Fatal(err)
	}
	for i, test := range []struct {
		data     []byte
		settings chgo.Settings
		want     uint64
	}{
		{native.Buf, chgo.Settings{"insert_deduplication_token": "a"}, 3},
		{frame.Data, chgo.Settings{"insert_deduplication_token": "a", "decompress": 1}, 3},
		{frame.Data, chgo.Settings{"insert_deduplication_token": "b", "decompress": 1}, 6},
	} {
		o := options(chgo.HTTP, db)
		o.Compression = nil
		ctx := chgo.Context(context.Background(), chgo.WithSettings(test.settings))
		sender := open(t, o)
		// The client sends its greeting, which is not in frames, with the settings of
		// the statement that dials: it has to be connected before.
		if err := sender.Ping(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := sender.InsertFormat(ctx, "Native", "INSERT INTO t (n)", bytes.NewReader(test.data)); err != nil {
			t.Fatalf("insert %d: %v", i, err)
		}
		if n := count(t, conn, "SELECT count() FROM t"); n != test.want {
			t.Errorf("after insert %d: %d rows, want %d", i, n, test.want)
		}
	}
}
