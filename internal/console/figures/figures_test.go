package figures

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
)

var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

func reader(t *testing.T) *Reader {
	t.Helper()
	r, err := New(server.Connect(t), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReader_Table_Values(t *testing.T) {
	got, err := reader(t).Table(t.Context(), Query{Params: map[string]string{"name": `it's <b>\`}, SQL: `
SELECT {name:String} AS name, toUInt64(18446744073709551615) AS big, toDecimal64(-12.50, 2) AS amount, CAST(NULL, 'Nullable(Float64)') AS none,
    toDateTime64('2026-01-02 03:04:05.678', 3, 'UTC') AS moment, toDate('2026-01-02') AS day, true AS yes, CAST('x', 'LowCardinality(Nullable(String))') AS low,
    ['a', 'b'] AS list, toUUID('00000000-0000-0000-0000-000000000001') AS id`})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`it's <b>\`, "18446744073709551615", "-12.5", "", "2026-01-02 03:04:05.678", "2026-01-02", "yes", "x", "[a b]", "00000000-0000-0000-0000-000000000001"}
	for i, column := range got.Columns {
		if text := got.Text(0, i); text != want[i] {
			t.Errorf("%s (%s): %q, want %q", column.Name, column.Type, text, want[i])
		}
	}
	for name, number := range map[string]bool{"big": true, "amount": true, "none": true, "name": false, "moment": false, "low": false} {
		if got.Columns[got.Index(name)].Number() != number {
			t.Errorf("%s is a number: %v", name, !number)
		}
	}
	if n, ok := got.Number(0, got.Index("amount")); !ok || n != -12.5 {
		t.Errorf("amount is %v %v", n, ok)
	}
	if _, ok := got.Number(0, got.Index("none")); ok {
		t.Error("NULL is a number")
	}
}

func TestReader_Table_Limits(t *testing.T) {
	r := reader(t)
	got, err := r.Table(t.Context(), Query{SQL: "SELECT number FROM numbers(100000)"})
	if err != nil || len(got.Rows) != MaxRows || !got.Cut {
		t.Errorf("%d rows, cut %v, %v", len(got.Rows), got.Cut, err)
	}
	got, err = r.Table(t.Context(), Query{SQL: "SELECT number FROM numbers(5000)"})
	if err != nil || len(got.Rows) != MaxRows || got.Cut {
		t.Errorf("%d rows, cut %v, %v", len(got.Rows), got.Cut, err)
	}
	if _, err := r.Table(t.Context(), Query{SQL: "SELECT throwIf(1, 'a secret value')"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

// TestReader_Cached: however many people look at a page, its query runs once at a time,
// and again when its answer is old.
func TestReader_Cached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := New(nil, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		var runs atomic.Int32
		read := func(context.Context) (*Table, error) {
			runs.Add(1)
			timer := time.NewTimer(time.Second)
			<-timer.C
			return &Table{AsOf: time.Now()}, nil
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := r.Cached(t.Context(), "key", 5*time.Second, read); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := runs.Load(); n != 1 {
			t.Errorf("%d runs", n)
		}
		if _, err := r.Cached(t.Context(), "key", 5*time.Second, read); err != nil || runs.Load() != 1 {
			t.Errorf("%d runs, %v", runs.Load(), err)
		}
		<-time.NewTimer(6 * time.Second).C
		if _, err := r.Cached(t.Context(), "key", 5*time.Second, read); err != nil || runs.Load() != 2 {
			t.Errorf("%d runs, %v", runs.Load(), err)
		}
	})
}

// TestReader_Cached_ACallerThatGoesAway does not end the read for the others.
func TestReader_Cached_ACallerThatGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := New(nil, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		read := func(ctx context.Context) (*Table, error) {
			timer := time.NewTimer(time.Second)
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-timer.C:
				return &Table{AsOf: time.Now()}, nil
			}
		}
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := r.Cached(ctx, "key", time.Minute, read); !errors.Is(err, context.Canceled) {
				t.Errorf("the one who left got %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := r.Cached(t.Context(), "key", time.Minute, read); err != nil {
				t.Errorf("the one who stayed got %v", err)
			}
		})
		synctest.Wait()
		leave()
		all.Wait()
	})
}

// TestReader_Cached_Busy: when too many reads wait, another one is refused at once.
func TestReader_Cached_Busy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := New(nil, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		hold := make(chan struct{})
		read := func(context.Context) (*Table, error) { <-hold; return &Table{}, nil }
		var all sync.WaitGroup
		for i := range cap(r.queued) {
			all.Go(func() { _, _ = r.Cached(t.Context(), string(rune(i)), time.Minute, read) })
		}
		synctest.Wait()
		if _, err := r.Cached(t.Context(), "one more", time.Minute, read); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v", err)
		}
		close(hold)
		all.Wait()
	})
}

func TestTable_WriteCSV(t *testing.T) {
	table := &Table{Columns: []Column{{"name", "String"}, {"n", "Int64"}}, Rows: [][]any{{"=cmd()", int64(-5)}, {"a, \"b\"\nc", nil}, {"@x", int64(0)}}}
	var b strings.Builder
	if err := table.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	if want := "name,n\n'=cmd(),-5\n\"a, \"\"b\"\"\nc\",\n'@x,0\n"; b.String() != want {
		t.Errorf("%q", b.String())
	}
}

func TestQuery_Shown(t *testing.T) {
	q := Query{SQL: "\nSELECT {a:String}, {from:DateTime('UTC')}"}.With(map[string]string{"a": `it's \`, "from": "2026-01-01 00:00:00", "unused": "x"})
	if want := "SET param_a = 'it\\'s \\\\\\\\';\nSET param_from = '2026-01-01 00:00:00';\nSELECT {a:String}, {from:DateTime('UTC')}"; q.Shown() != want {
		t.Errorf("%q", q.Shown())
	}
}
