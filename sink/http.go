package sink

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// httpTransport inserts with clickhouse-go's InsertFormat: the native columns, in
// ClickHouse's Native format. It compresses the blocks itself, because
// clickhouse-go does not compress such a body.
type httpTransport struct {
	conn driver.Conn // owned by the Writer, which closes it
	addr string
	body body
}

func newHTTPTransport(cfg Config, conn driver.Conn) *httpTransport {
	h := &httpTransport{conn: conn, addr: strings.Join(cfg.Addr, ",")}
	if cfg.Compression == LZ4 {
		h.body.frames = compress.NewWriter(compress.LevelZero, compress.LZ4)
	}
	return h
}

func (h *httpTransport) insert(ctx context.Context, s segment) error {
	settings := clickhouse.Settings{dedupToken: s.token}
	for _, kv := range insertSettings() {
		settings[kv.name] = kv.value
	}
	if s.withoutViews {
		settings[ignoreViews] = "1"
	}
	release := h.body.open(s.blocks)
	err := h.conn.InsertFormat(clickhouse.Context(ctx, clickhouse.WithSettings(settings)), "Native",
		insertStatement(EventsTable, insertedColumns()), release)
	// net/http may still read the body after the exchange has failed. The columns
	// must not change under it, so the body is closed before the next attempt.
	_ = release.Close()
	if err != nil {
		if _, _, answered := exception(err); !answered && ctx.Err() != nil {
			err = ctx.Err()
		}
		return newError(insertOp(EventsTable), h.addr, err)
	}
	return nil
}

func (h *httpTransport) close() error { return nil }

// frameBytes is how much is compressed at a time.
const frameBytes = 1 << 20

// body encodes blocks while they are read. The next body uses the same buffers,
// so only one may be open.
type body struct {
	frames *compress.Writer // nil: uncompressed
	plain  proto.Buffer
}

func (b *body) open(blocks []block) *bodyReader {
	b.plain.Reset()
	return &bodyReader{body: b, blocks: blocks}
}

// bodyReader is one pass over a body. Close waits for a Read that is in progress.
type bodyReader struct {
	mu     sync.Mutex
	body   *body
	blocks []block
	rest   []byte // of plain, not yet compressed
	ready  []byte // compressed, not yet read
	closed bool
}

var errBodyClosed = errors.New("the insert has ended")

func (r *bodyReader) Read(p []byte) (int, error) {
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

// fill compresses the next piece, and encodes the next block when none is left.
func (r *bodyReader) fill() error {
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

// Close makes every later Read fail. It returns when no Read is in progress.
func (r *bodyReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}

// framedTransport adds decompress=1 to an InsertFormat, whose body is compressed
// here. As a setting of the statement it would also apply to the query that
// clickhouse-go sends on a new connection, whose body is not compressed.
type framedTransport struct{ unredirected }

// RoundTrip changes only requests with the statement in the URL and the data in
// the body. clickhouse-go's own batches set the parameter themselves.
func (a framedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	parameters := r.URL.Query()
	if parameters.Has("query") && !parameters.Has("decompress") {
		parameters.Set("decompress", "1")
		address := *r.URL
		address.RawQuery = parameters.Encode()
		r = r.WithContext(r.Context()) // a copy: a RoundTripper must not change its request
		r.URL = &address
	}
	return a.unredirected.RoundTrip(r)
}
