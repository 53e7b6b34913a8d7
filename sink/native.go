package sink

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"go.uber.org/zap"

	"github.com/pianola/pianola/schemas"
)

// maxIdle is how long a connection may have been idle before it is asked
// whether it still stands: servers and proxies close idle ones, and finding out
// in the middle of an insert costs an attempt.
const maxIdle = 5 * time.Second

// native inserts over ClickHouse's own protocol on one connection, which it
// makes anew after every error: what the server had read by then is unknown.
type nativeTransport struct {
	cfg    Config
	clock  func() time.Time
	client *ch.Client
	conn   net.Conn
	addr   string
	first  int // index of the address to try first
	used   time.Time
	empty  *Chunk
	input  proto.Input
	query  ch.Query
	buffer proto.Buffer
}

func newNativeTransport(cfg Config, clock func() time.Time) *nativeTransport {
	n := &nativeTransport{cfg: cfg, clock: clock, empty: NewChunk()}
	n.input = append(proto.Input{}, n.empty.show(0, 0)...)
	n.query = ch.Query{
		Body:  insertStatement(EventsTable, schemas.EventColumns()) + " VALUES",
		Input: n.input,
	}
	return n
}

// insert streams the segment block by block, so that one encoded block at a
// time is in memory.
func (n *nativeTransport) insert(ctx context.Context, s segment) error {
	op := insertOp(EventsTable)
	if err := n.connect(ctx); err != nil {
		return n.fail(ctx, op, err)
	}
	next := 0
	q := n.query
	for _, kv := range append(insertSettings(), setting{dedupToken, s.token}) {
		q.Settings = append(q.Settings, ch.Setting{Key: kv.name, Value: kv.value, Important: true})
	}
	q.OnInput = func(context.Context) error {
		if next == len(s.blocks) {
			// ch-go sends what it finds at the end of input once more.
			copy(n.input, n.empty.show(0, 0))
			return io.EOF
		}
		b := s.blocks[next]
		next++
		copy(n.input, b.chunk.show(b.from, b.to))
		return nil
	}
	copy(n.input, n.empty.show(0, 0))
	if err := n.guarded(ctx, func() error { return n.client.Do(ctx, q) }); err != nil {
		return n.fail(ctx, op, err)
	}
	n.used = n.clock()
	return nil
}

// guarded closes the connection when ctx ends: ch-go bounds the wait for a
// packet, not the reading of one.
func (n *nativeTransport) guarded(ctx context.Context, do func() error) error {
	conn := n.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	return do()
}

// fail drops the connection and makes the error one that may be logged. A
// network error moves on to the next address.
func (n *nativeTransport) fail(ctx context.Context, op string, err error) error {
	if _, _, answered := exception(err); !answered {
		if ctx.Err() != nil {
			err = ctx.Err() // a closed connection is how it shows
		}
		n.first++
	}
	e := newError(op, n.addr, err)
	n.drop()
	return e
}

// connect makes a connection unless a live one is there. An answer, such as a
// refused login, ends the search; silence goes on to the next address.
func (n *nativeTransport) connect(ctx context.Context) error {
	if n.client != nil {
		if n.clock().Sub(n.used) < maxIdle || n.guarded(ctx, func() error { return n.client.Ping(ctx) }) == nil {
			return nil
		}
		n.drop()
	}
	var err error
	for i := range n.cfg.Addr {
		at := (n.first + i) % len(n.cfg.Addr)
		n.addr = n.cfg.Addr[at]
		if err = n.dial(ctx, n.addr); err == nil {
			n.first, n.used = at, n.clock()
			return nil
		}
		if _, _, answered := exception(err); answered || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (n *nativeTransport) dial(ctx context.Context, addr string) error {
	bounded, cancel := context.WithTimeout(ctx, n.cfg.DialTimeout)
	defer cancel()
	conn, err := dialTCP(bounded, addr, n.cfg.TLS)
	if err != nil {
		return err
	}
	compression := ch.CompressionLZ4
	if n.cfg.Compression == NoCompression {
		compression = ch.CompressionDisabled
	}
	stop := context.AfterFunc(bounded, func() { _ = conn.Close() })
	defer stop()
	client, err := ch.ConnectWithBuffer(bounded, conn, ch.Options{
		Logger:           zap.NewNop(), // its messages can hold statements and server texts
		Database:         n.cfg.Database,
		User:             n.cfg.User,
		Password:         n.cfg.Password,
		Compression:      compression,
		ClientName:       "pianola",
		ReadTimeout:      ch.NoTimeout, // guarded bounds it
		HandshakeTimeout: n.cfg.DialTimeout,
	}, &n.buffer)
	if err != nil {
		_ = conn.Close()
		return err
	}
	n.client, n.conn = client, conn
	return nil
}

// drop forgets the connection and what was encoded for it.
func (n *nativeTransport) drop() {
	if n.client != nil {
		_ = n.client.Close()
	}
	n.client, n.conn = nil, nil
	n.buffer.Reset()
}

func (n *nativeTransport) close() error {
	n.drop()
	return nil
}
