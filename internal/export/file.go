package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/migrate"
)

// selectFile is one query and the file of its result.
type selectFile struct {
	name    string
	query   string
	format  Format
	columns []Column
	month   Month
}

// pieceBytes is how much of a file is in memory, twice: while one piece is hashed, measured
// and written, the next one arrives.
const pieceBytes = 1 << 20

// maxSilence is how long ClickHouse may send nothing in the middle of a file. Before the
// first byte it may work for long; the connection's own limit bounds that.
const maxSilence = 5 * time.Minute

var errSilent = errors.New("clickhouse has sent nothing for 5 minutes; check the server")

// write makes a file in the destination. With keepEmpty a file without rows is kept too;
// otherwise it is removed, and File.Rows is 0.
func (e *Exporter) write(ctx context.Context, to Destination, s selectFile, settings clickhouse.Settings, keepEmpty bool) (_ File, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out, err := to.Create(ctx, s.name, s.format)
	if err != nil {
		return File{}, err
	}
	defer func() {
		if err != nil {
			out.Drop()
		}
	}()
	body, err := e.conn.QueryFormat(clickhouse.Context(ctx, clickhouse.WithSettings(settings)), s.format.clickhouse(), s.query)
	if err != nil {
		return File{}, fmt.Errorf("read %s: %w", s.name, migrate.Explain(err))
	}
	defer body.Close()
	silence := time.AfterFunc(maxSilence, func() { cancel(errSilent) })
	defer silence.Stop()

	c := &contents{hash: sha256.New(), measure: s.format.measure(s.columns), out: out, report: e.bytes}
	if err := c.copy(body, func() { silence.Reset(maxSilence) }); err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
			err = cause
		}
		return File{}, fmt.Errorf("%s: %w", s.name, err)
	}
	found, err := c.measure.facts()
	if err != nil {
		return File{}, fmt.Errorf("%s: %w; the answer was cut: run the export again", s.name, err)
	}
	f := File{Name: s.name, Rows: found.rows, Bytes: c.size, SHA256: hex.EncodeToString(c.hash.Sum(nil))}
	if s.month != 0 {
		f.Month = s.month.String()
	}
	if found.partition.Min != nil {
		f.Partition = &found.partition
	}
	if found.sync.Min != nil {
		f.Sync = &found.sync
	}
	if f.Rows == 0 && !keepEmpty {
		out.Drop()
		return File{}, nil
	}
	return f, out.Keep()
}

// contents takes the bytes of a file.
type contents struct {
	hash    hash.Hash
	measure measure
	out     io.Writer
	size    int64
	report  func(uint64)
}

// copy takes everything from the answer. Each piece is hashed, measured and written at the
// same time, while the next piece is read.
func (c *contents) copy(from io.Reader, arrived func()) error {
	piece, next := make([]byte, pieceBytes), make([]byte, pieceBytes)
	n, ended := fill(from, piece)
	for n > 0 {
		arrived()
		var m int
		var work errgroup.Group
		work.Go(func() error { _, _ = c.hash.Write(piece[:n]); return nil }) // a hash never fails
		work.Go(func() error { return c.measure.add(piece[:n]) })
		work.Go(func() error { _, err := c.out.Write(piece[:n]); return err })
		if ended == nil {
			m, ended = fill(from, next)
		}
		if err := work.Wait(); err != nil {
			return err
		}
		c.size += int64(n)
		c.report(uint64(n))
		piece, next, n = next, piece, m
	}
	if !errors.Is(ended, io.EOF) {
		return fmt.Errorf("read from clickhouse: %w", migrate.Explain(ended))
	}
	return nil
}

// fill reads until the buffer is full or the answer ends.
func fill(from io.Reader, into []byte) (int, error) {
	for n := 0; ; {
		m, err := from.Read(into[n:])
		if n += m; err != nil || n == len(into) {
			return n, err
		}
	}
}
