package faultproxy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/faultproxy"
)

// TestProxy_LargeData passes 100 MB of noise there and back over each protocol, from
// several clients at once, while a control function watches other statements.
func TestProxy_LargeData(t *testing.T) {
	const clients, size = 4, 64 << 10
	rows := 400
	if testing.Short() {
		rows /= 10
	}
	t.Cleanup(proxy.Control(func(s faultproxy.Statement) (faultproxy.Fault, bool) {
		return faultproxy.Fault{Code: exceeded}, s.Table == "other"
	}))
	seed := maphash.MakeSeed()
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			database := newDatabase(t, "large_"+protocol)
			var g errgroup.Group
			for client := range uint64(clients) {
				conn := open(t, options(proxy, p, database))
				g.Go(func() error {
					batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO t (n, s)")
					if err != nil {
						return err
					}
					var sent, received uint64
					noise := rand.NewChaCha8([32]byte{byte(client)})
					for range rows {
						text := make([]byte, size)
						_, _ = noise.Read(text)
						sent ^= maphash.Bytes(seed, text)
						if err := batch.Append(client, text); err != nil {
							return err
						}
					}
					if err := batch.Send(); err != nil {
						return err
					}
					found, err := conn.Query(t.Context(), fmt.Sprintf("SELECT s FROM t WHERE n = %d", client))
					if err != nil {
						return err
					}
					defer found.Close()
					n := 0
					for ; found.Next(); n++ {
						var text string
						if err := found.Scan(&text); err != nil {
							return err
						}
						received ^= maphash.String(seed, text)
					}
					if n != rows || sent != received {
						return fmt.Errorf("client %d: %d rows, equal: %v", client, n, sent == received)
					}
					return found.Err()
				})
			}
			if err := g.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestProxy_ServerKilled: clients of a killed server fail, and succeed again with the
// next server, on other ports.
func TestProxy_ServerKilled(t *testing.T) {
	config := clickhouse.Loopback(t.TempDir())
	config.Access.Users = []clickhouse.User{clickhouse.Owner(user, password)}
	first, err := clickhouse.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	}()
	between := start(t, faultproxy.Config{Native: first.NativeAddr(), HTTP: first.HTTPAddr()})
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			if err := first.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			between.SetTarget(first.NativeAddr(), first.HTTPAddr())
			conn := open(t, options(between, p, "default"))
			count(t, conn, "SELECT count() FROM system.one")
			sleeping := make(chan error)
			go func() { sleeping <- conn.Exec(t.Context(), "SELECT sleep(3)") }()
			for count(t, conn, "SELECT count() FROM system.processes WHERE query LIKE '%sleep(3)%'") < 2 {
				if t.Context().Err() != nil {
					t.Fatal(t.Context().Err())
				}
			}
			if err := first.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := <-sleeping; err == nil || code(err) != 0 {
				t.Errorf("want a broken connection: %v", err)
			}
			if err := conn.Ping(t.Context()); err == nil {
				t.Error("want an error while no server is there")
			}
			between.SetTarget(server.NativeAddr(), server.HTTPAddr())
			if err := conn.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestProxy_NoServer: without a server, connections are reset.
func TestProxy_NoServer(t *testing.T) {
	nobody := listen(t)
	_ = nobody.Close()
	p := start(t, faultproxy.Config{Native: nobody.Addr().String(), HTTP: nobody.Addr().String()})
	for _, addr := range []string{p.NativeAddr(), p.HTTPAddr()} {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_, _ = io.WriteString(conn, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
			_, err = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("want a reset: %v", err)
		}
	}
}

// TestProxy_Garbage: a client that speaks no protocol gets the answer that it gets
// from the server itself, and the next client is served.
func TestProxy_Garbage(t *testing.T) {
	noise := make([]byte, 100_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for _, garbage := range [][]byte{
		[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), []byte("garbage\n"), {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{1}, {0}, noise, nil,
	} {
		var answers [2][]byte
		for i, addr := range []string{proxy.NativeAddr(), server.NativeAddr()} {
			conn := dial(t, addr)
			_, _ = conn.Write(garbage)
			_ = conn.CloseWrite()
			answers[i], _ = io.ReadAll(conn)
		}
		// An exception's text varies.
		if a, b := answers[0], answers[1]; !bytes.Equal(a[:min(len(a), 20)], b[:min(len(b), 20)]) {
			t.Errorf("%.40q: %q through the proxy, %q from the server", garbage, a, b)
		}
		conn := dial(t, proxy.HTTPAddr())
		_, _ = conn.Write(garbage)
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	}
	for _, p := range protocols {
		if err := open(t, options(proxy, p, "default")).Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestProxy_PassesEnds: an end of either side arrives as an end, a reset as a reset.
func TestProxy_PassesEnds(t *testing.T) {
	upstream := listen(t)
	p := start(t, faultproxy.Config{Native: upstream.Addr().String()})
	pair := func(t *testing.T) (client, server *net.TCPConn) {
		client = dial(t, p.NativeAddr())
		conn, err := upstream.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return client, conn.(*net.TCPConn)
	}
	for name, fromServer := range map[string]bool{"from the server": true, "from the client": false} {
		t.Run("end "+name, func(t *testing.T) {
			from, to := pair(t)
			if fromServer {
				from, to = to, from
			}
			_, _ = io.WriteString(from, "there")
			_ = from.CloseWrite()
			if got, err := io.ReadAll(to); string(got) != "there" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			_, _ = io.WriteString(to, "back")
			_ = to.CloseWrite()
			if got, err := io.ReadAll(from); string(got) != "back" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
		t.Run("reset "+name, func(t *testing.T) {
			from, to := pair(t)
			if fromServer {
				from, to = to, from
			}
			_ = from.SetLinger(0)
			_ = from.Close()
			if n, err := to.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("want a reset: %d bytes, %v", n, err)
			}
		})
	}
}

// TestProxy_Close ends statements that hang, idle clients and clients that have not
// said a word.
func TestProxy_Close(t *testing.T) {
	p, err := faultproxy.Start(t.Context(), faultproxy.Config{Native: server.NativeAddr(), HTTP: server.HTTPAddr()})
	if err != nil {
		t.Fatal(err)
	}
	dial(t, p.NativeAddr())
	dial(t, p.HTTPAddr())
	met := make(chan struct{}, 10)
	p.Control(func(s faultproxy.Statement) (faultproxy.Fault, bool) {
		if s.Text != "SELECT 1" {
			return faultproxy.Fault{}, false
		}
		met <- struct{}{}
		return faultproxy.Fault{Hang: true}, true
	})
	var clients errgroup.Group
	for _, protocol := range protocols {
		conn := open(t, options(p, protocol, "default"))
		clients.Go(func() error { return conn.Exec(context.Background(), "SELECT 1") })
		<-met
	}
	begun := time.Now()
	p.Close()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("closed after %v", took)
	}
	if err := clients.Wait(); err == nil {
		t.Error("want a broken connection")
	}
}

// FuzzProxy sends what is no match, in pieces: it arrives as it is.
func FuzzProxy(f *testing.F) {
	upstream := listen(f)
	received := make(chan []byte)
	go func() {
		defer close(received)
		for {
			conn, err := upstream.Accept()
			if err != nil {
				return
			}
			got, _ := io.ReadAll(conn)
			_ = conn.Close()
			received <- got
		}
	}()
	f.Cleanup(func() { _ = upstream.Close(); <-received })
	p := start(f, faultproxy.Config{Native: upstream.Addr().String()})
	p.Control(func(faultproxy.Statement) (faultproxy.Fault, bool) { return faultproxy.Fault{}, false })
	for _, seed := range faultproxy.ClientStreams() {
		f.Add(seed, uint16(len(seed)))
		f.Add(seed, uint16(7))
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece uint16) {
		conn := dial(t, p.NativeAddr())
		for rest := stream; len(rest) > 0; {
			n := min(len(rest), max(int(piece), len(stream)/20+1))
			if _, err := conn.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		_ = conn.CloseWrite()
		if got := <-received; !bytes.Equal(got, stream) {
			t.Errorf("sent %q, arrived %q", stream, got)
		}
		_, _ = io.Copy(io.Discard, conn)
	})
}

func start(t testing.TB, config faultproxy.Config) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.Start(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}
