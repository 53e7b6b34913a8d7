package libchdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// start opens an engine for one test; the tests of this package run one after
// another, since a process has one engine.
func start(t *testing.T) *Engine {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	path, err := Locate(ctx, func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(path, t.TempDir(), "--implicit_select=0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func connect(t *testing.T, e *Engine) *Conn {
	t.Helper()
	c, err := e.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func text(t *testing.T, c *Conn, sql string) string {
	t.Helper()
	got, err := c.Text(sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.TrimSuffix(got, "\n")
}

func TestEngine_OneAtATime(t *testing.T) {
	first := start(t)
	c := connect(t, first)
	text(t, c, "CREATE DATABASE first")
	if _, err := Open(loaded.path, t.TempDir()); !errors.Is(err, ErrEngineRunning) {
		t.Errorf("a second engine: %v", err)
	}
	first.Close()
	if _, err := c.Query("SELECT 1", "CSV"); !errors.Is(err, ErrClosed) {
		t.Errorf("a conn of a closed engine: %v", err)
	}
	if _, err := first.Connect(); !errors.Is(err, ErrClosed) {
		t.Errorf("a conn to a closed engine: %v", err)
	}
	second := start(t)
	if got := text(t, connect(t, second), "SELECT count() FROM system.databases WHERE name = 'first'"); got != "0" {
		t.Error("an engine on another directory has the first one's databases")
	}
}

func TestConn(t *testing.T) {
	e := start(t)
	c := connect(t, e)

	t.Run("queries, parameters and errors", func(t *testing.T) {
		if got := text(t, c, "SELECT 'a', 1"); got != "a\t1" {
			t.Errorf("%q", got)
		}
		r, err := c.Query("SELECT {s:String} || '!', {n:UInt8} + 1", "CSV", Param{"s", "it's"}, Param{"n", "5"})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(r.Bytes()); got != "\"it's!\",6\n" || r.Rows() != 1 {
			t.Errorf("%q, %d rows", got, r.Rows())
		}
		r.Close()
		_, err = c.Query("SELECT * FROM no_such_table", "CSV")
		var own *Error
		if !errors.As(err, &own) || own.Code != 60 || own.Name != "UNKNOWN_TABLE" || strings.Contains(own.Message, "UNKNOWN_TABLE") {
			t.Errorf("%#v", err)
		}
	})

	t.Run("statements are classified", func(t *testing.T) {
		for sql, want := range map[string]Analysis{
			"SELECT 1":           {ReadOnly, 1},
			"SELECT 1; SELECT 2": {ReadOnly, 2},
			"CREATE TABLE x (a Int8) ENGINE = Memory":      {Mutating, 1},
			"SET max_threads = 1":                          {Control, 1},
			"selec":                                        {Unknown, 0},
			"SELECT 1 FORMAT CSV":                          {ReadOnly, 1},
			"INSERT INTO FUNCTION null('a UInt8') VALUES ": {Control, 1},
		} {
			if got, err := c.Classify(sql); err != nil || got != want {
				t.Errorf("%s: %+v, %v", sql, got, err)
			}
		}
	})

	t.Run("a stream gives chunks and then the end, every time", func(t *testing.T) {
		s, err := c.Stream("SELECT number FROM numbers(200000)", "RowBinary")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var chunks, rows, size int
		for {
			r, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			chunks++
			rows += int(r.Rows())
			size += len(r.Bytes())
			r.Close()
		}
		if _, err := s.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after the end: %v", err)
		}
		if chunks < 2 || rows != 200000 || size != 8*200000 {
			t.Errorf("%d chunks, %d rows, %d bytes", chunks, rows, size)
		}
	})

	t.Run("a stream can be left", func(t *testing.T) {
		for range 20 {
			s, err := c.Stream("SELECT number FROM system.numbers", "RowBinary")
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.Next()
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			s.Close()
		}
		if got := text(t, c, "SELECT 1"); got != "1" {
			t.Errorf("%q", got)
		}
	})

	t.Run("an error in the middle of a stream ends it", func(t *testing.T) {
		s, err := c.Stream("SELECT throwIf(number = 150000) FROM numbers(200000)", "RowBinary")
		for err == nil {
			var r *Result
			if r, err = s.Next(); err == nil {
				r.Close()
			}
		}
		var own *Error
		if !errors.As(err, &own) || own.Code != 395 {
			t.Errorf("%v", err)
		}
		s.Close()
	})

	t.Run("an insert is stored by its commit", func(t *testing.T) {
		text(t, c, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
		for commit, want := range map[bool]string{false: "0", true: "1000"} {
			text(t, c, "TRUNCATE TABLE t")
			in, err := c.Insert("INSERT INTO t", "CSV")
			if err != nil {
				t.Fatal(err)
			}
			var data bytes.Buffer
			for i := range 1000 {
				fmt.Fprintln(&data, i)
			}
			// A few bytes at a time: the engine puts them together.
			for chunk := data.Bytes(); len(chunk) > 0; {
				n := min(7, len(chunk))
				if _, err := in.Write(chunk[:n]); err != nil {
					t.Fatal(err)
				}
				chunk = chunk[n:]
			}
			if commit {
				if rows, _, err := in.Commit(); err != nil || rows != 1000 {
					t.Errorf("%d rows, %v", rows, err)
				}
			}
			in.Close()
			if got := text(t, c, "SELECT count() FROM t"); got != want {
				t.Errorf("commit %v: %s rows", commit, got)
			}
		}
	})

	t.Run("an insert's errors come early where they can", func(t *testing.T) {
		for sql, code := range map[string]int{"INSERT INTO no_such_table": 60, "INSERT INTO t (no_such_column)": 16} {
			_, err := c.Insert(sql, "CSV")
			var own *Error
			if !errors.As(err, &own) || own.Code != code {
				t.Errorf("%s: %v", sql, err)
			}
		}
		in, err := c.Insert("INSERT INTO t", "CSV")
		if err != nil {
			t.Fatal(err)
		}
		if _, err = in.Write([]byte("nonsense\n")); err == nil {
			_, _, err = in.Commit()
		}
		var own *Error
		if !errors.As(err, &own) || own.Code != 117 {
			t.Errorf("nonsense: %v", err)
		}
		in.Close()
		if got := text(t, c, "SELECT 1"); got != "1" {
			t.Errorf("%q", got)
		}
	})

	t.Run("conns run in parallel", func(t *testing.T) {
		var all sync.WaitGroup
		for range 8 {
			own := connect(t, e)
			all.Go(func() {
				for range 20 {
					if got, err := own.Text("SELECT sum(number) FROM numbers(1000)"); err != nil || got != "499500\n" {
						t.Errorf("%q, %v", got, err)
					}
				}
			})
		}
		all.Wait()
	})
}

// TestEngine_LeavesSignalsToGo shows that the runtime's handlers are in place: a
// nil dereference is a panic, and a signal asked for arrives.
func TestEngine_LeavesSignalsToGo(t *testing.T) {
	connect(t, start(t))
	recovered := func() (v any) {
		defer func() { v = recover() }()
		var p *int
		*p = 1 //nolint:govet // the panic is what is tested
		return nil
	}()
	if err, ok := recovered.(error); !ok || !strings.Contains(err.Error(), "nil pointer") {
		t.Errorf("a nil dereference: %v", recovered)
	}
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, syscall.SIGHUP)
	defer signal.Stop(arrived)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	select {
	case <-arrived:
	case <-time.After(10 * time.Second):
		t.Error("SIGHUP did not arrive")
	}
}

func TestParseError(t *testing.T) {
	for in, want := range map[string]Error{
		"Code: 60. DB::Exception: Table x does not exist. (UNKNOWN_TABLE)":                                        {60, "UNKNOWN_TABLE", "Table x does not exist."},
		"Code: 27. DB::Exception: Cannot\nparse (at row 1)\n. (CANNOT_PARSE) (version 26.7.2.1 (official build))": {27, "CANNOT_PARSE", "Cannot\nparse (at row 1)\n."},
		"Code: 9. DB::Exception: no name":  {9, "DB::Exception", "no name"},
		"Cannot run a query while another": {1001, "STD_EXCEPTION", "Cannot run a query while another"},
	} {
		if got := parseError(in); *got != want {
			t.Errorf("%q: %+v", in, *got)
		}
	}
}
