package faultproxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"

	"github.com/ClickHouse/ch-go/proto"
)

// A query has to fit into what is read from a client at once.
const clientBuffer = maxText + 64<<10

// nativeConn is a client of the native protocol and its connection to the server.
type nativeConn struct {
	proxy    *Proxy
	client   *net.TCPConn
	server   *net.TCPConn
	in       *bufio.Reader // from the client
	out      *bufio.Reader // from the server
	database string

	// pending is the fault for the answer that comes next.
	pending atomic.Pointer[pendingFault]
	down    chan struct{} // closed when nothing more goes to the client
}

type pendingFault struct {
	Fault
	compressed bool
}

// errCut ends a connection as a fault wants it.
var errCut = errors.New("the fault cuts the connection")

func (p *Proxy) acceptNative() {
	for {
		client, err := p.native.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.serveNative(client.(*net.TCPConn)) })
	}
}

func (p *Proxy) serveNative(client *net.TCPConn) {
	server, err := new(net.Dialer).DialContext(p.quit, "tcp", p.targets().Native)
	if err != nil {
		reset(client)
		return
	}
	closeBoth := func() {
		_ = client.Close()
		_ = server.Close()
	}
	defer context.AfterFunc(p.quit, closeBoth)()
	defer closeBoth()
	c := &nativeConn{
		proxy: p, client: client, server: server.(*net.TCPConn), down: make(chan struct{}),
		in: bufio.NewReaderSize(client, clientBuffer), out: bufio.NewReaderSize(server, 64<<10),
	}
	go func() {
		defer close(c.down)
		c.close(c.fromServer(), c.client)
	}()
	c.close(c.fromClient(), c.server)
	<-c.down
}

// close passes the end of one direction on to the other side: an end as an end,
// everything else as a reset.
func (c *nativeConn) close(err error, to *net.TCPConn) {
	switch {
	case errors.Is(err, net.ErrClosed):
		// The other direction has closed the connection.
	case errors.Is(err, errCut):
		_ = c.client.Close()
		_ = c.server.Close()
	case errors.Is(err, io.EOF):
		_ = to.CloseWrite()
	default:
		reset(c.client)
		reset(c.server)
	}
}

// fromServer passes the server's bytes on until there are no more.
func (c *nativeConn) fromServer() error {
	for {
		if _, err := c.out.Peek(1); err != nil {
			return err
		}
		if f := c.pending.Swap(nil); f != nil {
			if err := c.after(f); err != nil {
				return err
			}
			continue
		}
		// Buffered bytes are always there.
		chunk, _ := c.out.Peek(c.out.Buffered())
		if _, err := c.client.Write(chunk); err != nil {
			return err
		}
		_, _ = c.out.Discard(len(chunk))
	}
}

// fromClient passes the client's bytes on until there are no more, with a look at
// each query.
func (c *nativeConn) fromClient() error {
	h, size, err := await(c.in, (*fields).hello)
	seen := err == nil && h.revision == proto.Version
	if seen {
		c.database = h.database
		if err = c.forward(size); err == nil {
			_, size, err = await(c.in, (*fields).name) // the addendum
		}
		if err == nil {
			err = c.forward(size)
		}
	}
	for err == nil || errors.Is(err, errOther) {
		var q query
		if _, err = c.in.Peek(1); err == nil && seen {
			q, size, err = await(c.in, (*fields).query)
		}
		switch {
		case err == nil && seen:
			err = c.query(q, size)
		case err == nil || errors.Is(err, errOther):
			err = c.forward(c.in.Buffered())
		}
	}
	return err
}

// forward passes n buffered bytes of the client on.
func (c *nativeConn) forward(n int) error {
	chunk, err := c.in.Peek(n)
	if err != nil {
		return err
	}
	if _, err := c.server.Write(chunk); err != nil {
		<-c.down // the server may have sent an exception before it closed
		return err
	}
	_, err = c.in.Discard(n)
	return err
}

// query passes a query on, with a fault or without. size is its packet's.
func (c *nativeConn) query(q query, size int) error {
	f, strikes := c.proxy.decide("native", c.database, q.text)
	switch {
	case !strikes:
		return c.forward(size)
	case f.At == After:
		c.pending.Store(&pendingFault{f, q.compressed})
		return c.forward(size)
	case f.At == Midway:
		return c.midway(f, q, size)
	}
	f.wait(c.proxy.quit)
	if f.late() {
		return c.forward(size)
	}
	_, _ = c.in.Discard(size)
	size, err := c.endOfTables(q)
	if errors.Is(err, errOther) {
		f.Cut = true // nobody knows where the tables end
	} else if err != nil {
		return err
	}
	_, _ = c.in.Discard(size)
	return c.give(f, c.in)
}

// endOfTables is the size of the packet behind a query, or errOther with external
// tables, which nobody decodes.
func (c *nativeConn) endOfTables(q query) (size int, err error) {
	_, size, err = await(c.in, func(f *fields) any { f.endOfTables(q.compressed); return nil })
	return size, err
}

// midway passes an INSERT on, but no data of it.
func (c *nativeConn) midway(f Fault, q query, size int) error {
	if err := c.forward(size); err != nil {
		return err
	}
	size, err := c.endOfTables(q)
	if err != nil {
		return err
	}
	if err := c.forward(size); err != nil {
		return err
	}
	next, err := c.in.Peek(1)
	if err != nil {
		return err
	}
	if next[0] != byte(proto.ClientCodeData) {
		return nil // the server has refused the statement
	}
	f.wait(c.proxy.quit)
	if f.late() {
		return nil
	}
	// The server discards the insert.
	_ = c.server.Close()
	<-c.down
	if err := c.give(f, c.in); err != nil {
		return err
	}
	// The client reads the exception, then an end. A close with bytes unread would be
	// a reset.
	_ = c.client.CloseWrite()
	_, _ = io.Copy(io.Discard, c.in)
	return errCut
}

// give answers the client as the fault wants it. While it hangs, the bytes of from
// are discarded.
func (c *nativeConn) give(f Fault, from io.Reader) error {
	if f.Hang {
		_, _ = io.Copy(io.Discard, from)
		return errCut
	}
	if f.Code != 0 {
		var b proto.Buffer
		proto.ServerCodeException.Encode(&b)
		e := proto.Exception{Code: proto.Error(f.Code), Name: "DB::Exception", Message: f.text()}
		e.EncodeAware(&b, proto.Version)
		if _, err := c.client.Write(b.Buf); err != nil {
			return err
		}
	}
	if f.Cut {
		return errCut
	}
	return nil
}
