package tcpproxy

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// relay is a second proxy, between toxiproxy and the server. It can forget the present
// connections, like a firewall that has lost its state or a machine that was replaced.
// Neither end is notified, not even when the other closes. New connections work.
type relay struct {
	listener net.Listener
	server   string
	done     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	links  map[*relayed]struct{}
}

// relayed is one connection, both halves of it.
type relayed struct {
	client, server net.Conn
	mute           atomic.Bool // for ever
}

func newRelay(server string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a proxy: %w", err)
	}
	r := &relay{listener: l, server: server, links: map[*relayed]struct{}{}}
	r.done.Go(r.accept)
	return r, nil
}

func (r *relay) addr() string { return r.listener.Addr().String() }

// forget makes all present connections mute, for ever.
func (r *relay) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for link := range r.links {
		link.mute.Store(true)
	}
}

// close cuts all connections and waits for their goroutines.
func (r *relay) close() {
	_ = r.listener.Close() // ends accept
	r.mu.Lock()
	r.closed = true
	for link := range r.links {
		link.cut()
	}
	r.mu.Unlock()
	r.done.Wait()
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		r.done.Go(func() { r.serve(client) })
	}
}

func (r *relay) serve(client net.Conn) {
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		_ = client.Close() // the server is down: the client sees a closed connection
		return
	}
	link := &relayed{client: client, server: server}
	if !r.enter(link) {
		link.cut()
		return
	}
	var halves sync.WaitGroup
	halves.Go(func() { link.pump(server, client) })
	halves.Go(func() { link.pump(client, server) })
	halves.Wait()
	if link.mute.Load() {
		return // each end keeps its half until the relay is closed
	}
	link.cut()
	r.leave(link)
}

func (r *relay) enter(link *relayed) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.links[link] = struct{}{}
	}
	return !r.closed
}

func (r *relay) leave(link *relayed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.links, link)
}

// pump copies bytes in one direction until either end closes. A mute connection drops
// them, and does not report the close.
func (l *relayed) pump(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if l.mute.Load() {
			if err != nil {
				return
			}
			continue
		}
		if n > 0 {
			if _, failed := to.Write(buffer[:n]); failed != nil && err == nil {
				err = failed
			}
		}
		if err != nil {
			l.end(to, err)
			return
		}
	}
}

// end closes both halves. A reset stays a reset.
func (l *relayed) end(to net.Conn, err error) {
	if l.mute.Load() {
		return
	}
	if tcp, is := to.(*net.TCPConn); is && errors.Is(err, syscall.ECONNRESET) {
		_ = tcp.SetLinger(0) // the connection may be gone already
	}
	l.cut()
}

func (l *relayed) cut() {
	_ = l.client.Close()
	_ = l.server.Close()
}
