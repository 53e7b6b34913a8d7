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

// clientBuffer has to hold a whole query packet.
const clientBuffer = maxText + 64<<10

// nativeConn is a connection of a native client and its connection to the server.
type nativeConn struct {
	proxy    *Proxy
	client   *net.TCPConn
	server   *net.TCPConn
	in       *bufio.Reader // from the client
	out      *bufio.Reader // from the server
	database string
	answered atomic.Bool // the server has sent something since it was set to false
	after    atomic.Pointer[afterFault]
	down     chan struct{} // closed when nothing more goes to the client
}

// afterFault is the fault for the next answer.
type afterFault struct {
	Fault
	compressed bool
}

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
	server, err := new(net.Dialer).DialContext(p.quit, "tcp", p.cfg.Native)
	if err != nil {
		reset(client)
		return
	}
	c := &nativeConn{
		proxy: p, client: client, server: server.(*net.TCPConn), down: make(chan struct{}),
		in: bufio.NewReaderSize(client, clientBuffer), out: bufio.NewReaderSize(server, 64<<10),
	}
	defer context.AfterFunc(p.quit, c.close)()
	defer c.close()
	go func() {
		defer close(c.down)
		c.end(c.fromServer(), c.client)
	}()
	c.end(c.fromClient(), c.server)
	<-c.down
}

func (c *nativeConn) close() {
	_ = c.client.Close()
	_ = c.server.Close()
}

// end passes the end of one direction on to the other side: EOF as EOF, any other error
// as a reset.
func (c *nativeConn) end(err error, to *net.TCPConn) {
	switch {
	case errors.Is(err, net.ErrClosed): // by a fault, by the other direction or by Close
	case errors.Is(err, io.EOF):
		_ = to.CloseWrite()
	default:
		reset(c.client)
		reset(c.server)
	}
}

// reset closes a connection with a reset, as the kernel does for a killed server.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

// fromServer forwards the server's bytes until they end.
func (c *nativeConn) fromServer() error {
	for {
		if _, err := c.out.Peek(1); err != nil {
			return err
		}
		c.answered.Store(true)
		if f := c.after.Swap(nil); f != nil {
			if err := c.forwardAnswer(f); err != nil {
				return err
			}
			continue
		}
		chunk, _ := c.out.Peek(c.out.Buffered())
		if _, err := c.client.Write(chunk); err != nil {
			return err
		}
		_, _ = c.out.Discard(len(chunk))
	}
}

// fromClient forwards the client's bytes until they end, and looks at each query.
func (c *nativeConn) fromClient() error {
	for first := true; ; first = false {
		if _, err := c.in.Peek(1); err != nil {
			return err
		}
		chunk, _ := c.in.Peek(c.in.Buffered())
		if first {
			c.database = findDatabase(chunk)
		}
		from, to, compressed, found := findQuery(chunk)
		query, err := c.in.Peek(to)
		if found && err == nil {
			err = c.query(string(query[from:]), compressed)
		} else {
			err = c.forward()
		}
		if err != nil {
			return err
		}
	}
}

// forward sends the client's buffered bytes to the server.
func (c *nativeConn) forward() error {
	chunk, _ := c.in.Peek(c.in.Buffered())
	if _, err := c.server.Write(chunk); err != nil {
		<-c.down // the server may have sent an exception before it closed
		return err
	}
	_, _ = c.in.Discard(len(chunk))
	return nil
}

// query forwards a buffered query, with a fault or without.
func (c *nativeConn) query(text string, compressed bool) error {
	f, strikes := c.proxy.decide(c.proxy.quit, c.database, text)
	if strikes && f.At == After {
		c.after.Store(&afterFault{f, compressed})
	}
	if !strikes || f.At == After {
		return c.forward()
	}
	if f.At == Midway {
		if data, err := c.forwardToData(); !data {
			return err
		}
	}
	_ = c.server.Close() // the server discards an INSERT whose client has gone
	<-c.down
	return c.strike(f, c.in)
}

// forwardToData forwards an INSERT without its data, which the client sends after the
// server has answered with the columns. It returns false if the server rejects the
// statement.
func (c *nativeConn) forwardToData() (data bool, err error) {
	c.answered.Store(false)
	var next []byte
	for err == nil && !c.answered.Load() {
		if err = c.forward(); err == nil {
			next, err = c.in.Peek(1)
		}
	}
	return err == nil && next[0] == byte(proto.ClientCodeData), err
}

// strike answers the client with the fault and ends the connection. It discards what
// comes from a reader until the client closes.
func (c *nativeConn) strike(f Fault, from io.Reader) error {
	defer c.close()
	f.wait(c.proxy.quit)
	if f.Code != 0 {
		var b proto.Buffer
		proto.ServerCodeException.Encode(&b)
		e := proto.Exception{Code: proto.Error(f.Code), Name: "DB::Exception", Message: f.text()}
		e.EncodeAware(&b, proto.Version)
		if _, err := c.client.Write(b.Buf); err != nil {
			return err
		}
	}
	if !f.Cut {
		if !f.Hang {
			_ = c.client.CloseWrite()
		}
		_, _ = io.Copy(io.Discard, from) // closing with unread bytes would be a reset
	}
	return net.ErrClosed
}
