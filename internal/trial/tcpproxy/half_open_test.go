package tcpproxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// TestProxy_half_open shows that a forgotten connection stays mute for both ends, also when
// one of them closes, and that a new one works.
func TestProxy_half_open(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p, err := New("test", "127.0.0.1:0", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	connect := func() (client, server net.Conn) {
		t.Helper()
		client, err := net.Dial("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if server, err = listener.Accept(); err != nil {
			t.Fatal(err)
		}
		return client, server
	}
	speak := func(from, to net.Conn) {
		t.Helper()
		_, _ = io.WriteString(from, "hello\n")
		_ = to.SetReadDeadline(time.Now().Add(time.Minute))
		if line, err := bufio.NewReader(to).ReadString('\n'); line != "hello\n" {
			t.Fatalf("got %q, %v", line, err)
		}
	}
	old, oldServer := connect()
	speak(old, oldServer)
	speak(oldServer, old)
	if err := p.Strike(Fault{Name: "half-open", kind: forget}, 0); err != nil {
		t.Fatal(err)
	}
	client, server := connect()
	speak(client, server)
	speak(server, client)
	_, _ = io.WriteString(old, "is anybody there?\n")
	_, _ = io.WriteString(oldServer, "no\n")
	_ = client.Close()
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a client has closed, and its server gets %v", err)
	}
	for _, end := range []net.Conn{old, oldServer} {
		// A deadline that passes means that nothing came. A longer one would show no more.
		_ = end.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := end.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a forgotten connection gave %d bytes, %v", n, err)
		}
	}
	_ = old.Close()
	_ = oldServer.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := oldServer.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the other end was notified: %v", err)
	}
	p.Close()
	_ = oldServer.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := oldServer.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the proxy is closed and keeps a connection")
	}
	_ = server.Close()
}
