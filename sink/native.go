package sink

import (
	"context"
	"io"
	"net"
	"slices"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"go.uber.org/zap"
)

// maxIdle is how long a connection may be idle before it is pinged. Servers and
// proxies close idle connections, and finding out in the middle of an insert
// costs an attempt.
const maxIdle = 5 * time.Second

// nativeTransport inserts with ClickHouse's native protocol on one connection. It
// reconnects after every error, because it is unknown how much the server has
// read.
type nativeTransport struct {
	cfg    Config
	clock  func() time.Time
	client *ch.Client
	conn   net.Conn
	addr   string
	first  int // index of the first address to try
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
		Body:  insertStatement(EventsTable, insertedColumns()) + " VALUES",
		Input: n.input,
	}
	return n
}

// insert streams the segment block by block, so that only one encoded block is in
// memory.
func (n *nativeTransport) insert(ctx context.Context, s segment) error {
	op := insertOp(EventsTable)
	if err := n.connect(ctx); err != nil {
		return n.fail(ctx, op, err)
	}
	next := 0
	q := n.query
	for _, kv := range slices.Concat(pinnedSettings(), insertSettings(), []setting{{dedupToken, s.token}}) {
		q.Settings = append(q.Settings, ch.Setting{Key: kv.name, Value: kv.value, Important: true})
	}
	if s.withoutViews {
		q.Settings = append(q.Settings, ch.Setting{Key: ignoreViews, Value: "1", Important: true})
	}
	q.OnInput = func(context.Context) error {
		if next == len(s.blocks) {
			// ch-go sends the input once more at its end.
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
// packet, but not reading one.
func (n *nativeTransport) guarded(ctx context.Context, do func() error) error {
	conn := n.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	return do()
}

// fail drops the connection and returns an error that is safe to log. After a
// network error the next attempt uses the next address.
func (n *nativeTransport) fail(ctx context.Context, op string, err error) error {
	if _, _, answered := exception(err); !answered {
		if ctx.Err() != nil {
			err = ctx.Err() // it shows as a closed connection
		}
		n.first++
	}
	e := newError(op, n.addr, err)
	n.drop()
	return e
}

// connect opens a connection unless one is alive. An answer, such as a refused
// login, ends the search. Without an answer it tries the next address.
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

// drop closes the connection and discards what was encoded for it.
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
