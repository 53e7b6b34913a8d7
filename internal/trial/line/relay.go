package line

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// relay stands between a line's proxy and the server. It can do what the proxy
// cannot: forget the connections that there are, as a firewall does that has lost
// its state, or a machine that was replaced. Neither end hears of it, not even when
// the other gives up; new connections are well.
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
		return nil, fmt.Errorf("listen for a line: %w", err)
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

// close cuts everything and waits for it.
func (r *relay) close() {
	_ = r.listener.Close() // accept ends by it
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
		_ = client.Close() // what a client sees of a server that is not there
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
		return // each end holds on to its half until the relay is closed
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

// pump carries bytes one way until either end is gone. Those of a mute connection
// vanish, and so does their end.
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

// end passes the end of one direction on. A reset goes on as a reset.
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
