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

	"github.com/pianola/pianola/schemas"
)

// httpTransport inserts with clickhouse-go's InsertFormat: the columns are the native
// ones, in ClickHouse's Native format, framed here, since clickhouse-go does not
// compress a format it is handed.
type httpTransport struct {
	conn driver.Conn // the Writer's, which also closes it
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
		return newError(insertOp(EventsTable), h.addr, err)
	}
	return nil
}

func (h *httpTransport) close() error { return nil }

// frameBytes is how much is compressed at a time.
const frameBytes = 1 << 20

// body encodes blocks as they are read. Its buffers are used again by the next
// body, which may only be opened once the last is closed.
type body struct {
	frames *compress.Writer // nil: as it is
	plain  proto.Buffer
}

func (b *body) open(blocks []block) *bodyReader {
	b.plain.Reset()
	return &bodyReader{body: b, blocks: blocks}
}

// reading is one pass over a body. Close may come while a Read is under way, and
// waits for it.
type bodyReader struct {
	mu     sync.Mutex
	body   *body
	blocks []block
	rest   []byte // of plain that has not been framed
	ready  []byte // framed, to be read
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

// fill frames the next piece, encoding the next block where there is none.
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

// Close makes every later Read fail, and returns when none is under way.
func (r *bodyReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}

// framedTransport tells ClickHouse that the body of an InsertFormat is framed. As a
// setting of the statement it would also go with the query that clickhouse-go
// asks of a new connection, whose body is not.
type framedTransport struct{ *http.Transport }

// RoundTrip adds decompress=1 to what has its statement in the address and so
// its data in the body. clickhouse-go's own batches say it themselves.
func (a framedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	parameters := r.URL.Query()
	if parameters.Has("query") && !parameters.Has("decompress") {
		parameters.Set("decompress", "1")
		address := *r.URL
		address.RawQuery = parameters.Encode()
		r = r.WithContext(r.Context()) // a copy: a request is not a transport's to change
		r.URL = &address
	}
	return a.Transport.RoundTrip(r)
}
