package front

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/sandbox/front/block"
)

// nativeRevision is the newest revision of the native protocol spoken here: with
// query parameters (54459), before chunked packets.
const nativeRevision = 54460

// greetingTimeout bounds how long a client may take to introduce itself.
const greetingTimeout = 10 * time.Second

// connBuffer holds what is read from and written to a connection.
const connBuffer = 128 << 10

// nativeConn is one client of the native protocol.
type nativeConn struct {
	front   *Front
	server  *Server
	conn    net.Conn
	in      *bufio.Reader // as on the wire
	plain   *bufio.Reader // in, decompressed; never reads past the frame it needs
	out     *bufio.Writer
	buf     proto.Buffer
	session *session
	// database is what the client asked for when it connected.
	database string

	revision block.Revision // the lower of the client's and ours

	// lost is set once bytes could not be read or written: nothing can be told to
	// the client any more. cut is set once it is unknown where the next packet
	// begins: the client is told why and the connection ends.
	lost, cut bool
}

// acceptNative takes connections until the listener is closed.
func (f *Front) acceptNative() {
	for {
		conn, err := f.native.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				f.server.logger.Error("native listener ended", zap.Error(err))
			}
			return
		}
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			_ = conn.Close()
			return
		}
		f.conns[conn] = struct{}{}
		f.work.Go(func() { f.serveNative(conn) })
		f.mu.Unlock()
	}
}

func (f *Front) serveNative(conn net.Conn) {
	s := f.server
	defer func() {
		_ = conn.Close()
		f.mu.Lock()
		delete(f.conns, conn)
		f.mu.Unlock()
	}()
	in := bufio.NewReaderSize(conn, connBuffer)
	c := &nativeConn{
		front:  f,
		server: s,
		conn:   conn,
		in:     in,
		plain:  bufio.NewReaderSize(newFrameReader(in), connBuffer),
		out:    bufio.NewWriterSize(conn, connBuffer),
	}
	err := c.serve()
	if c.session != nil {
		c.session.close()
	}
	if !errors.Is(err, io.EOF) && s.quit.Err() == nil {
		s.logger.Debug("native connection ended", zap.Error(err))
	}
}

// serve greets the client and answers its packets until it leaves.
func (c *nativeConn) serve() error {
	if err := c.greet(); err != nil {
		return fmt.Errorf("greet client: %w", err)
	}
	for {
		code, err := binary.ReadUvarint(c.in)
		if err != nil {
			return err
		}
		switch proto.ClientCode(code) {
		case proto.ClientCodePing:
			err = c.send(func(b *proto.Buffer) { proto.ServerCodePong.Encode(b) })
		case proto.ClientCodeQuery:
			err = c.query()
		case proto.ClientCodeCancel:
			// The statement had ended before the cancel arrived.
		default:
			return fmt.Errorf("packet %d where none of the kind belongs", code)
		}
		if err != nil {
			return err
		}
		if c.session.broken {
			return errors.New("the session's settings could not be set back")
		}
	}
}

// send writes a packet and everything before it.
func (c *nativeConn) send(encode func(*proto.Buffer)) error {
	c.put(encode)
	return c.flush()
}

// put writes a packet, to be sent with what comes after it.
func (c *nativeConn) put(encode func(*proto.Buffer)) {
	c.buf.Reset()
	encode(&c.buf)
	// An error of a bufio.Writer sticks: flush gives it.
	_, _ = c.out.Write(c.buf.Buf)
}

func (c *nativeConn) flush() error {
	if err := c.out.Flush(); err != nil {
		c.lost = true
		return fmt.Errorf("write to client: %w", err)
	}
	return nil
}

// errClientLeft stands for whatever went wrong for a client that is gone: the
// engine's texts can quote data and are for clients, not for logs.
var errClientLeft = errors.New("the client has left")

// fail tells the client of an error, unless it cannot be told any more.
func (c *nativeConn) fail(err error) error {
	if c.lost {
		return errClientLeft
	}
	e := asException(err)
	return c.send(func(b *proto.Buffer) {
		proto.ServerCodeException.Encode(b)
		packet := proto.Exception{
			Code:    proto.Error(e.Code),
			Name:    "DB::Exception",
			Message: fmt.Sprintf("DB::Exception: %s (%s)", e.Message, e.Name),
		}
		packet.EncodeAware(b, int(c.revision))
	})
}

// watch runs f, which calls the engine, and ends its statement when the client
// cancels it or leaves. It reads nothing but a Cancel packet, so that what a client
// sends ahead is still there afterwards.
func (c *nativeConn) watch(f func() error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		next, err := c.in.Peek(1)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			// f has returned.
		case err != nil:
			c.lost = true
			cancel()
		case proto.ClientCode(next[0]) == proto.ClientCodeCancel:
			cancel()
		}
	}()
	err := c.session.killable(ctx, f)
	// A deadline in the past wakes the watcher. Setting one fails only on a closed
	// connection, where it is awake already.
	_ = c.conn.SetReadDeadline(time.Unix(1, 0))
	<-watched
	_ = c.conn.SetReadDeadline(time.Time{})
	return err
}
