package faultproxy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/sandbox/faultproxy"
)

// TestProxy_Forwards inserts and reads back noise over each protocol with several clients.
// A control function sees the statements, and injects no fault.
func TestProxy_Forwards(t *testing.T) {
	for protocol, clickhouse := range protocols {
		p, database := startWithTable(t)
		var seen sync.Map
		remove := p.Control(func(s faultproxy.Statement) (faultproxy.Fault, bool) {
			seen.Store(s, true)
			return faultproxy.Fault{Cut: true}, s.Table == "other"
		})
		var g errgroup.Group
		for client := range uint64(4) {
			conn := open(t, p, clickhouse, database, chgo.CompressionLZ4)
			g.Go(func() error {
				noise := make([]byte, 4<<20)
				_, _ = rand.NewChaCha8([32]byte{byte(client)}).Read(noise)
				if err := insert(t.Context(), conn, client, string(noise)); err != nil {
					return err
				}
				var received string
				query := fmt.Sprintf("SELECT any(s) FROM t WHERE n = %d HAVING uniq(s) = 1 AND count() = 3", client)
				if err := conn.QueryRow(t.Context(), query).Scan(&received); err != nil || received != string(noise) {
					return fmt.Errorf("received other data than sent: %w", err)
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			t.Errorf("%s: %v", protocol, err)
		}
		conn := open(t, p, clickhouse, database, chgo.CompressionLZ4)
		wantRows(t, conn, 12)
		remove()
		counted := faultproxy.Statement{Database: database, Verb: "SELECT", Table: "t", Text: "SELECT count() FROM t"}
		_, insertSeen := seen.Load(faultproxy.Statement{Database: database, Verb: "INSERT", Table: "t", Text: "INSERT INTO t (n, s)"})
		_, countSeen := seen.LoadAndDelete(counted)
		wantRows(t, conn, 12)
		if _, again := seen.Load(counted); !insertSeen || !countSeen || again {
			t.Errorf("%s: INSERT seen: %v, SELECT seen: %v, seen after removal: %v", protocol, insertSeen, countSeen, again)
		}
	}
}

// pairs starts a proxy. It returns a function that connects a client to a server.
func pairs(t testing.TB) func(testing.TB) (client, server *net.TCPConn) {
	upstream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = upstream.Close() })
	p := start(t, faultproxy.Config{Native: upstream.Addr().String()})
	p.Control(func(faultproxy.Statement) (faultproxy.Fault, bool) { return faultproxy.Fault{}, false })
	return func(t testing.TB) (client, server *net.TCPConn) {
		one, err := net.Dial("tcp", p.NativeAddr())
		if err != nil {
			t.Fatal(err)
		}
		other, err := upstream.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = one.Close(), other.Close() })
		return one.(*net.TCPConn), other.(*net.TCPConn)
	}
}

// TestProxy_ForwardsEnds shows that the end of a side arrives as EOF, and a reset as a
// reset.
func TestProxy_ForwardsEnds(t *testing.T) {
	pair := pairs(t)
	for _, fromServer := range []bool{true, false} {
		from, to := pair(t)
		reset, other := pair(t)
		if fromServer {
			from, to, reset, other = to, from, other, reset
		}
		for _, text := range []string{"there", "back"} {
			_, _ = io.WriteString(from, text)
			_ = from.CloseWrite()
			if got, err := io.ReadAll(to); string(got) != text || err != nil {
				t.Errorf("from server %v: %q, %v", fromServer, got, err)
			}
			from, to = to, from
		}
		_ = reset.SetLinger(0)
		_ = reset.Close()
		if n, err := other.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("from server %v: want a reset: %d bytes, %v", fromServer, n, err)
		}
	}
}

// FuzzProxy sends bytes in pieces. They arrive unchanged.
func FuzzProxy(f *testing.F) {
	pair := pairs(f)
	for _, seed := range faultproxy.ClientStreams() {
		f.Add(seed, uint16(len(seed)))
		f.Add(seed, uint16(0)) // in 20 pieces
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece uint16) {
		client, server := pair(t)
		go func() {
			for part := range slices.Chunk(stream, max(int(piece), len(stream)/20+1)) {
				_, _ = client.Write(part)
			}
			_ = client.CloseWrite()
		}()
		if got, err := io.ReadAll(server); !bytes.Equal(got, stream) || err != nil {
			t.Errorf("sent %q, arrived %q, %v", stream, got, err)
		}
	})
}

// TestProxy_NoServer shows that the proxy closes connections while there is no server.
func TestProxy_NoServer(t *testing.T) {
	p := start(t, faultproxy.Config{Native: "127.0.0.1:1", HTTP: "127.0.0.1:1"})
	for _, addr := range []string{p.NativeAddr(), p.HTTPAddr()} {
		if response, err := http.Get("http://" + addr); err == nil {
			t.Errorf("%s: %s", addr, response.Status)
		}
	}
}

// TestProxy_Close ends hanging statements, and clients that have sent nothing.
func TestProxy_Close(t *testing.T) {
	p, database := startWithTable(t)
	hanging, failed := make(chan struct{}, 1), make(chan error)
	p.Control(func(faultproxy.Statement) (faultproxy.Fault, bool) {
		hanging <- struct{}{}
		return faultproxy.Fault{Hang: true}, true
	})
	for protocol, addr := range map[string]string{"native": p.NativeAddr(), "http": p.HTTPAddr()} {
		if idle, err := net.Dial("tcp", addr); err == nil {
			defer idle.Close()
		}
		conn := open(t, p, protocols[protocol], database, chgo.CompressionLZ4)
		go func() { failed <- conn.Exec(context.Background(), "SELECT n FROM t") }()
		<-hanging
	}
	p.Close()
	for range protocols {
		if err := <-failed; err == nil {
			t.Error("want an error")
		}
	}
}
