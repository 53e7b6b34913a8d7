package front

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/gzip"

	"github.com/pianola/pianola/internal/sandbox/front/block"
	"github.com/pianola/pianola/internal/sandbox/front/libchdb"
)

// response writes a result. It is held back at first, so that an error can still
// be a status.
type response struct {
	w      http.ResponseWriter
	server *Server
	query  *httpQuery
	tag    string // marks the exception block, which a result cannot contain

	hold   *holdback
	encode encoder
	chunks int

	readRows, wroteRows, wroteBytes uint64
}

// encoder is what a result goes through on its way out.
type encoder interface {
	io.Writer
	Flush() error
}

func newResponse(w http.ResponseWriter, s *Server, q *httpQuery) *response {
	o := &response{w: w, server: s, query: q, tag: rand.Text()[:16]}
	o.hold = &holdback{release: o.start, wait: q.wait}
	switch {
	case q.compress:
		o.encode = newFrameWriter(o.hold, compress.LZ4)
	case q.gzip:
		o.encode = gzip.NewWriter(o.hold)
	default:
		o.encode = bufio.NewWriterSize(o.hold, connBuffer)
	}
	return o
}

// chunk writes a piece of the result.
func (o *response) chunk(document []byte) error {
	o.chunks++
	if !o.query.native() || o.query.revision == block.Engine {
		_, err := o.encode.Write(document)
		return err
	}
	src := bufio.NewReaderSize(bytes.NewReader(document), connBuffer)
	_, err := block.CopyAll(o.encode, o.query.revision, src, block.Engine)
	return err
}

// emptyResult writes the columns of a query that gave no rows.
func (o *response) emptyResult(s *session) error {
	analysis, err := s.conn.Classify(o.query.sql)
	if err != nil || analysis.Class != libchdb.ReadOnly {
		return err
	}
	columns, err := s.resultColumns(o.query.request)
	if err != nil {
		// Not a query but SHOW and its like: they cannot be asked.
		return nil
	}
	return block.Header(o.encode, o.query.revision, columns)
}

// finish sends what is still held back.
func (o *response) finish() error {
	if err := o.encode.Flush(); err != nil {
		return err
	}
	if closer, ok := o.encode.(io.Closer); ok {
		if err := closer.Close(); err != nil {
			return err
		}
	}
	if !o.hold.released {
		summary, err := json.Marshal(map[string]string{
			"read_rows":     strconv.FormatUint(o.readRows, 10),
			"written_rows":  strconv.FormatUint(o.wroteRows, 10),
			"written_bytes": strconv.FormatUint(o.wroteBytes, 10),
		})
		if err != nil {
			return err
		}
		o.w.Header().Set("X-ClickHouse-Summary", string(summary))
	}
	return o.hold.finish()
}

// start sends the headers of a good result and gives what its body goes to.
func (o *response) start() io.Writer {
	o.headers()
	h := o.w.Header()
	h.Set("Content-Type", contentType(o.query.format))
	if o.query.gzip && !o.query.compress {
		h.Set("Content-Encoding", "gzip")
	}
	if o.query.format != "" {
		h.Set("X-ClickHouse-Format", o.query.format)
	}
	o.w.WriteHeader(http.StatusOK)
	return o.w
}

func (o *response) headers() {
	h := o.w.Header()
	h.Set("X-ClickHouse-Query-Id", o.query.id)
	h.Set("X-ClickHouse-Server-Display-Name", o.server.identity.name)
	h.Set("X-ClickHouse-Timezone", o.server.identity.timezone)
	h.Set("X-ClickHouse-Exception-Tag", o.tag)
}

// fail tells of an error: as a status while nothing has been sent, otherwise as an
// exception block at the end of the body, which is then cut off, so that clients
// that do not know the block notice too.
func (o *response) fail(err error) {
	e := asException(err)
	text := fmt.Sprintf("%s (version %s (official build))", e.Error(), o.server.identity.version)
	if !o.hold.released {
		o.headers()
		h := o.w.Header()
		h.Set("Content-Type", "text/plain; charset=UTF-8")
		h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
		o.w.WriteHeader(status(e.Code))
		_, _ = io.WriteString(o.w, text+"\n")
		return
	}
	// The client may be gone, so that none of this is checked.
	_, _ = fmt.Fprintf(o.encode, "\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", o.tag, text, len(text)+1, o.tag)
	_ = o.encode.Flush()
	_ = http.NewResponseController(o.w).Flush()
	panic(http.ErrAbortHandler)
}

func (o *response) discard() { o.hold.discard() }

func contentType(format string) string {
	switch format {
	case "JSON", "JSONCompact":
		return "application/json; charset=UTF-8"
	case "JSONEachRow", "JSONLines", "NDJSON":
		return "application/x-ndjson; charset=UTF-8"
	case "CSV", "CSVWithNames":
		return "text/csv; charset=UTF-8; header=absent"
	case "TabSeparated", "TSV", "TabSeparatedWithNames", "TSVWithNames":
		return "text/tab-separated-values; charset=UTF-8"
	case "Native", "RowBinary":
		return "application/octet-stream"
	}
	return "text/plain; charset=UTF-8"
}
