package clickhouse_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/pressly/goose/v3"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/clickhouse/libchdb"
)

// childVariable tells this test binary to be a server on a directory instead: a
// process runs one engine, and killing it takes another process.
const childVariable = "PIANOLA_TEST_CLICKHOUSE_DIR"

// child serves until it is killed, having printed its address.
func child(dir string) int {
	ctx := context.Background()
	s, err := clickhouse.Start(ctx, clickhouse.Config{DataDir: dir, NativeAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("address", s.NativeAddr())
	// The parent holds standard input open.
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	if err := s.Close(); err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

type childServer struct {
	cmd  *exec.Cmd
	addr string
	quit func() error
}

func startChild(t *testing.T, dir string) (*childServer, error) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	what, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if what != "address" {
		_ = stdin.Close()
		_ = cmd.Wait()
		return nil, errors.New(rest)
	}
	return &childServer{cmd: cmd, addr: rest, quit: func() error { return errors.Join(stdin.Close(), cmd.Wait()) }}, nil
}

func TestServer_SurvivesKill(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	connect := func(s *childServer) (context.Context, func(string) error, func(string) uint64) {
		o := options(chgo.Native, "")
		o.Addr = []string{s.addr}
		conn := open(t, o)
		return ctx, func(q string) error { return conn.Exec(ctx, q) }, func(q string) uint64 { return count(t, conn, q) }
	}
	s, err := startChild(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := startChild(t, dir); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second process on the directory: %v", err)
	}
	_, do, _ := connect(s)
	for _, q := range []string{
		"CREATE DATABASE kept",
		"CREATE TABLE kept.t (n UInt64) ENGINE = MergeTree ORDER BY n",
		"CREATE TABLE default.t (n UInt64) ENGINE = MergeTree ORDER BY n",
		"INSERT INTO kept.t SELECT number FROM numbers(1000)",
		"INSERT INTO default.t VALUES (1)",
	} {
		if err := do(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait()

	again, err := startChild(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	_, _, counted := connect(again)
	if n := counted("SELECT count() FROM kept.t"); n != 1000 {
		t.Errorf("%d rows after the kill, want 1000", n)
	}
	if n := counted("SELECT count() FROM default.t"); n != 1 {
		t.Errorf("%d rows in the default database, want 1", n)
	}
	if err := again.quit(); err != nil {
		t.Errorf("an ordinary end: %v", err)
	}
}

func TestStart_Refuses(t *testing.T) {
	ctx := context.Background()
	t.Run("addresses that others can reach", func(t *testing.T) {
		for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:0", "nonsense"} {
			if _, err := clickhouse.Start(ctx, clickhouse.Config{DataDir: t.TempDir(), NativeAddr: addr, HTTPAddr: addr}); err == nil ||
				!strings.Contains(err.Error(), "native address") || !strings.Contains(err.Error(), "http address") {
				t.Errorf("%s: %v", addr, err)
			}
		}
	})
	t.Run("a second engine in the process", func(t *testing.T) {
		_, err := clickhouse.Start(ctx, clickhouse.Config{DataDir: t.TempDir(), NativeAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"})
		if !errors.Is(err, libchdb.ErrEngineRunning) {
			t.Errorf("%v", err)
		}
	})
	t.Run("an address in use", func(t *testing.T) {
		if _, err := clickhouse.Start(ctx, clickhouse.Config{DataDir: t.TempDir(), NativeAddr: server.NativeAddr(), HTTPAddr: "127.0.0.1:0"}); err == nil {
			t.Error("no error")
		}
	})
}

// TestServer_Goose runs what migrations run, through database/sql.
func TestServer_Goose(t *testing.T) {
	for name, protocol := range protocols {
		t.Run(name, func(t *testing.T) {
			database := newDatabase(t, "goose_"+name)
			db := chgo.OpenDB(options(protocol, database))
			defer db.Close()
			migrations := fstest.MapFS{
				"00001_first.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE one (n UInt64) ENGINE = MergeTree ORDER BY n;\nCREATE VIEW two AS SELECT n + 1 AS n FROM one;\n-- +goose Down\nDROP TABLE one;\n")},
				"00002_second.sql": {Data: []byte("-- +goose Up\nALTER TABLE one ADD COLUMN s String;\n-- +goose Down\nALTER TABLE one DROP COLUMN s;\n")},
			}
			provider, err := goose.NewProvider(goose.DialectClickHouse, db, migrations)
			if err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			for run, want := range []int{2, 0} {
				results, err := provider.Up(ctx)
				if err != nil || len(results) != want {
					t.Fatalf("run %d: %d migrations, %v", run, len(results), err)
				}
			}
			if version, err := provider.GetDBVersion(ctx); err != nil || version != 2 {
				t.Errorf("version %d, %v", version, err)
			}
			if _, err := db.ExecContext(ctx, "INSERT INTO one (n, s) VALUES (?, ?)", 4, "x"); err != nil {
				t.Fatal(err)
			}
			var n uint64
			if err := db.QueryRowContext(ctx, "SELECT n FROM two WHERE n > ?", 1).Scan(&n); err != nil || n != 5 {
				t.Errorf("%d, %v", n, err)
			}
			if err := db.QueryRowContext(ctx, "SELECT n FROM two WHERE n > 100").Scan(&n); !errors.Is(err, sql.ErrNoRows) {
				t.Errorf("no rows: %v", err)
			}
		})
	}
}

// TestServer_ClosesUnderLoad shows that Close ends what runs and that another
// engine can be opened after it.
func TestServer_ClosesUnderLoad(t *testing.T) {
	s, err := startChild(t, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := options(chgo.Native, "")
	o.Addr = []string{s.addr}
	conn, watcher := open(t, o), open(t, o)
	ended := make(chan error, 1)
	go func() {
		ended <- conn.Exec(context.Background(), "SELECT count() FROM numbers_mt(100000000000000) WHERE NOT ignore(sipHash64(number), 'endless')")
	}()
	waitFor(t, "the query to run", func() bool {
		return count(t, watcher, "SELECT count() FROM system.processes WHERE query LIKE '%endless%' AND query NOT LIKE '%system.processes%'") == 1
	})
	closed := make(chan error, 1)
	go func() { closed <- s.quit() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("closing took more than a minute")
	}
	if err := <-ended; err == nil {
		t.Error("the endless query ended without an error")
	}
}
