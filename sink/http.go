package sink

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
)

// overHTTP inserts with clickhouse-go's InsertFormat: the columns are the native
// ones, in ClickHouse's Native format, framed here, since clickhouse-go does not
// compress a format it is handed.
type overHTTP struct {
	conn driver.Conn // the Writer's, which also closes it
	addr string
	body body
}

func openHTTP(cfg Config, conn driver.Conn) *overHTTP {
	h := &overHTTP{conn: conn, addr: strings.Join(cfg.Addr, ",")}
	if cfg.Compression == LZ4 {
		h.body.frames = compress.NewWriter(compress.LevelZero, compress.LZ4)
	}
	return h
}

func (h *overHTTP) insert(ctx context.Context, s segment) error {
	settings := clickhouse.Settings{dedupToken: s.token}
	for _, kv := range insertSettings() {
		settings[kv.name] = kv.value
	}
	release := h.body.open(s.blocks)
	err := h.conn.InsertFormat(clickhouse.Context(ctx, clickhouse.WithSettings(settings)), "Native",
		insertStatement(EventsTable, schemas.EventColumns()), release)
	// net/http may go on reading a body after the exchange has failed; the
	// chunk's columns must be still by the next attempt.
	_ = release.Close()
	if err != nil {
		if _, _, answered := exception(err); !answered && ctx.Err() != nil {
			err = ctx.Err()
		}
		return failed(insertOp(EventsTable), h.addr, err)
	}
	return nil
}

func (h *overHTTP) close() error { return nil }

// frameBytes is how much is compressed at a time.
const frameBytes = 1 << 20

// body encodes blocks as they are read. Its buffers are used again by the next
// body, which may only be opened once the last is closed.
type body struct {
	frames *compress.Writer // nil: as it is
	plain  proto.Buffer
}

func (b *body) open(blocks []block) *reading {
	b.plain.Reset()
	return &reading{body: b, blocks: blocks}
}

// reading is one pass over a body. Close may come while a Read is under way, and
// waits for it.
type reading struct {
	mu     sync.Mutex
	body   *body
	blocks []block
	rest   []byte // of plain that has not been framed
	ready  []byte // framed, to be read
	closed bool
}

var errBodyClosed = errors.New("the insert has ended")

func (r *reading) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, errBodyClosed
	}
	for len(r.ready) == 0 {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// fill frames the next piece, encoding the next block where there is none.
func (r *reading) fill() error {
	if len(r.rest) == 0 {
		if len(r.blocks) == 0 {
			return io.EOF
		}
		r.body.plain.Reset()
		if err := r.blocks[0].encode(&r.body.plain); err != nil {
			return err
		}
		r.rest, r.blocks = r.body.plain.Buf, r.blocks[1:]
	}
	if r.body.frames == nil {
		r.ready, r.rest = r.rest, nil
		return nil
	}
	n := min(len(r.rest), frameBytes)
	if err := r.body.frames.Compress(r.rest[:n]); err != nil {
		return err
	}
	r.ready, r.rest = r.body.frames.Data, r.rest[n:]
	return nil
}

// Close makes every later Read fail, and returns when none is under way.
func (r *reading) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}
