package clickhouse_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/wait"
)

// parentVariable makes this test binary the parent of a server on a directory,
// so that a test can kill a parent.
const parentVariable = "PIANOLA_TEST_CLICKHOUSE_PARENT"

func parent(dir string) int {
	c := clickhouse.Loopback(dir)
	c.Access.Users = []clickhouse.User{clickhouse.Owner("owner", password)}
	s, err := clickhouse.Start(context.Background(), c)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("pid", s.PID())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test closes it, or kills this process
	_ = s.Close()
	return 0
}

func TestServer_Restart(t *testing.T) {
	tier.Full(t, "restarts servers")
	for name, end := range map[string]func(*clickhouse.Server) error{
		"after kill -9": (*clickhouse.Server).Kill, "after an ordered end": (*clickhouse.Server).Stop, "while it runs": func(*clickhouse.Server) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(c *clickhouse.Config) { c.Settings.Logs = true })
			native, web := s.NativeAddr(), s.HTTPAddr()
			conn := connect(t, s, "owner", password)
			execute(t, conn, "CREATE DATABASE kept", "CREATE TABLE kept.t (n UInt64) ENGINE = MergeTree ORDER BY n", "INSERT INTO kept.t SELECT number FROM numbers(1000)")
			if err := end(s); err != nil {
				t.Fatal(err)
			}
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.NativeAddr() != native || s.HTTPAddr() != web {
				t.Errorf("it listens on %s and %s instead of %s and %s", s.NativeAddr(), s.HTTPAddr(), native, web)
			}
			var n uint64
			if err := connect(t, s, "owner", password).QueryRow(t.Context(), "SELECT count() FROM kept.t").Scan(&n); err != nil || n != 1000 {
				t.Errorf("%d rows, want 1000: %v", n, err)
			}
		})
	}
}

func TestServer_Pause(t *testing.T) {
	s := start(t, nil)
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", s.NativeAddr())
	if err != nil {
		t.Fatalf("a paused server does not accept: %v", err)
	}
	_ = conn.Close()
	client := &http.Client{Timeout: 300 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	if response, err := client.Get("http://" + s.HTTPAddr() + "/ping"); err == nil {
		_ = response.Body.Close()
		t.Error("a paused server answers")
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := connect(t, s, "owner", password).Ping(t.Context()); err != nil {
		t.Errorf("after Resume: %v", err)
	}
}

func TestServer_Close(t *testing.T) {
	t.Run("a paused server ends, and a second call does nothing", func(t *testing.T) {
		s := start(t, nil)
		ended := s.Ended()
		if err := errors.Join(s.Pause(), s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		select {
		case <-ended:
		default:
			t.Error("the process is still there")
		}
		if err := s.Restart(t.Context()); !errors.Is(err, clickhouse.ErrClosed) {
			t.Errorf("Restart of a closed server: %v", err)
		}
	})
	t.Run("under a query that never ends", func(t *testing.T) {
		s := start(t, nil)
		conn, watcher := connect(t, s, "owner", password), connect(t, s, "owner", password)
		queried := make(chan error, 1)
		go func() {
			queried <- conn.Exec(context.Background(), "SELECT count() FROM numbers_mt(100000000000000) WHERE NOT ignore(sipHash64(number), 'endless')")
		}()
		waitFor(t, "the query to run", func() bool {
			var n uint64
			err := watcher.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE query LIKE '%endless%' AND query NOT LIKE '%system.processes%'").Scan(&n)
			return err == nil && n == 1
		})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-queried; err == nil {
			t.Error("the endless query ended without an error")
		}
	})
}

// TestServer_SurvivesClients shows that nothing a client does on its connection
// ends the server.
func TestServer_SurvivesClients(t *testing.T) {
	s := start(t, nil)
	for _, sent := range []string{"", "\x00\x04test\x01\x01\xbc\xa9\x03\x00\x07default\x00", "GET / HTTP/1.1\r\n", strings.Repeat("\xff", 1<<16)} {
		for _, addr := range []string{s.NativeAddr(), s.HTTPAddr()} {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, sent) // the server may have hung up
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	}
	if err := connect(t, s, "owner", password).Ping(t.Context()); err != nil {
		t.Errorf("%v; %s", err, s.LastLines())
	}
}

// TestServer_EndsWithItsParent: a server must not outlive a program that was
// killed, and the next one must get its directory.
func TestServer_EndsWithItsParent(t *testing.T) {
	tier.Full(t, "waits for the end of a server")
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentVariable+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	var pid int
	if _, scanned := fmt.Sscanf(line, "pid %d", &pid); scanned != nil {
		t.Fatalf("%q, %v", line, err)
	}
	c := clickhouse.Loopback(dir)
	hurried, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := clickhouse.Start(hurried, c); err == nil || !strings.Contains(err.Error(), "another server uses the directory") {
		t.Errorf("a second server on the directory: %v", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	waitFor(t, "the server to end", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	s, err := clickhouse.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestStart_Refuses(t *testing.T) {
	s := start(t, nil)
	loopback := func(change func(*clickhouse.Config)) clickhouse.Config {
		c := clickhouse.Loopback(t.TempDir())
		change(&c)
		return c
	}
	for name, test := range map[string]struct {
		config clickhouse.Config
		want   string
		within time.Duration
	}{
		"an address that others reach": {loopback(func(c *clickhouse.Config) { c.NativeAddr = "0.0.0.0:0" }), "native address", time.Minute},
		"an address without a port":    {loopback(func(c *clickhouse.Config) { c.HTTPAddr = "127.0.0.1" }), "http address", time.Minute},
		"two hosts":                    {loopback(func(c *clickhouse.Config) { c.HTTPAddr = "[::1]:0" }), "listens on one host", time.Minute},
		"a taken address":              {loopback(func(c *clickhouse.Config) { c.NativeAddr = s.NativeAddr() }), "address already in use", 200 * time.Millisecond},
		"no directory":                 {loopback(func(c *clickhouse.Config) { c.DataDir = "" }), "data directory", time.Minute},
		"a user called default":        {loopback(func(c *clickhouse.Config) { c.Access.Users = []clickhouse.User{{Name: "default"}} }), `user "default"`, time.Minute},
		"a name that is XML":           {loopback(func(c *clickhouse.Config) { c.Access.Users = []clickhouse.User{{Name: "a><b"}} }), "not an identifier", time.Minute},
		"an unknown profile":           {loopback(func(c *clickhouse.Config) { c.Access.Users = []clickhouse.User{{Name: "a", Profile: "p"}} }), `profile "p"`, time.Minute},
		"a grant that is not one": {loopback(func(c *clickhouse.Config) {
			c.Access.Users = []clickhouse.User{{Name: "a", Grants: []string{"GRANT WISHES ON x.*"}}}
		}), "did not start", time.Minute},
		"no library": {loopback(func(c *clickhouse.Config) { c.Library = "/nonexistent/libchdb.so" }), "load /nonexistent/libchdb.so", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), test.within)
			defer cancel()
			started, err := clickhouse.Start(ctx, test.config)
			if err == nil {
				_ = started.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q: %v", test.want, err)
			}
		})
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := wait.Until(ctx, 10*time.Millisecond, func() (bool, error) { return done(), nil }); err != nil {
		t.Fatalf("wait for %s: %v", what, err)
	}
}
