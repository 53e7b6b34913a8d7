package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	server "github.com/pianola/pianola/internal/sandbox/clickhouse"
)

func TestMain(m *testing.M) {
	server.ServeIfChild()
	os.Exit(m.Run())
}

func TestServeClickHouse_KeepsItsData(t *testing.T) {
	listens := regexp.MustCompile(`^ClickHouse listens on (127\.0\.0\.1:\d+) \(native\) and http://127\.0\.0\.1:\d+, user pianola, password (\S+), data in .+\n$`)
	serve := func(o clickhouseOptions, do func(clickhouse.Conn)) {
		t.Helper()
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		var out bytes.Buffer
		asked := writerFunc(func(p []byte) {
			out.Write(p)
			defer interrupt()
			found := listens.FindStringSubmatch(out.String())
			if found == nil {
				t.Errorf("got %q", out.String())
				return
			}
			conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{found[1]}, Auth: clickhouse.Auth{Username: "pianola", Password: found[2]}})
			if err != nil {
				t.Error(err)
				return
			}
			do(conn)
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		})
		if err := serveClickHouse(ctx, o, asked, io.Discard); err != nil {
			t.Errorf("an interrupted server: %v", err)
		}
	}
	t.Setenv("TMPDIR", t.TempDir())
	o, err := parseClickHouse([]string{"--native", "127.0.0.1:0", "--http", "127.0.0.1:0"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	serve(o, func(conn clickhouse.Conn) {
		if err := conn.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	o.dataDir = t.TempDir()
	serve(o, func(conn clickhouse.Conn) {
		if err := conn.Exec(t.Context(), "CREATE TABLE kept ENGINE = MergeTree ORDER BY n AS SELECT 7 AS n"); err != nil {
			t.Error(err)
		}
	})
	serve(o, func(conn clickhouse.Conn) {
		var n uint8
		if err := conn.QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n); err != nil || n != 7 {
			t.Errorf("got %d, %v", n, err)
		}
	})
}

// writerFunc is called with what is written, and takes all of it.
type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

func TestServeClickHouse_SaysWhichFlagHelps(t *testing.T) {
	for addr, want := range map[string]string{"0.0.0.0:9000": "not a loopback address", "127.0.0.1": "missing port"} {
		o := clickhouseOptions{native: addr, http: "127.0.0.1:0", dataDir: t.TempDir()}
		if err := serveClickHouse(t.Context(), o, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", addr, err, want)
		}
	}
	for _, args := range []string{"more", "--native", "--port 1"} {
		if _, err := command(append([]string{"clickhouse"}, strings.Fields(args)...), io.Discard, io.Discard); err == nil {
			t.Errorf("%s: no error", args)
		}
	}
}
