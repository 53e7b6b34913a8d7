package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pianola/pianola/internal/replay/files/rows"
	"github.com/pianola/pianola/transform"
)

// File is one file of a plan.
type File struct {
	Name string `json:"name"` // source_name of its rows
	// At is where it is found again: an absolute path, or the URL with parameters.
	At          string        `json:"at"`
	Stamp       Stamp         `json:"stamp"`
	Format      rows.Format   `json:"format"`
	Compression Compression   `json:"compression"`
	Dialect     *rows.Dialect `json:"dialect,omitempty"` // of CSV
	// DialectStated is true where the user stated all of the dialect.
	DialectStated bool         `json:"dialect_stated,omitempty"`
	Columns       rows.Columns `json:"columns"`
	// Rows is known of Parquet alone; otherwise nil.
	Rows *int64 `json:"rows,omitempty"`
	// FirstEvent is the time of the first event. Files are read in its order.
	FirstEvent *time.Time `json:"first_event,omitempty"`
	// Loaded is the last complete job that read this content under these rules.
	Loaded string `json:"loaded_by,omitempty"`
	// Before is the last job that read this file with other content or other rules.
	Before *Earlier `json:"loaded_before,omitempty"`
}

// Earlier is an earlier load of a file.
type Earlier struct {
	JobID string    `json:"job_id"`
	At    time.Time `json:"started_at"`
	// SameContent is true where only the rules have changed since.
	SameContent bool `json:"same_content"`
}

// Problem is a file that cannot be read, with what to do.
type Problem struct {
	Name string `json:"name"`
	Text string `json:"problem"`
}

// Dialects is what the user states about the files.
type Dialects struct {
	Format rows.Format // empty: to be detected
	CSV    rows.Stated
}

// opener opens files as rows.
type opener struct {
	names  rows.Names
	limits rows.Limits
	memory *rows.PageMemory
}

// inspect looks at the first bytes of a file, and at the footer of Parquet.
func (o *opener) inspect(ctx context.Context, n named, d Dialects, rules *transform.Rules, now time.Time) (File, error) {
	f := File{Name: n.name, At: n.at}
	var err error
	if f.Stamp, err = n.object.stamp(ctx); err != nil {
		return f, err
	}
	raw, err := n.object.peek(ctx, f.Stamp)
	if err != nil {
		return f, err
	}
	defer raw.Close()
	start := make([]byte, 4)
	count, err := io.ReadFull(raw, start)
	if err != nil && !short(err) {
		return f, err
	}
	start = start[:count]
	f.Compression = detectCompression(start)
	content, err := unpack(f.Compression, io.MultiReader(bytes.NewReader(start), raw))
	if err != nil {
		return f, err
	}
	defer content.Close()
	head := make([]byte, rows.HeadBytes)
	count, err = io.ReadFull(content, head)
	if err != nil && !short(err) && count == 0 {
		return f, err // a file that is damaged later is read up to there
	}
	head = head[:count]
	if f.Format, err = rows.Detect(head); err != nil && d.Format == "" {
		return f, err
	}
	if d.Format != "" {
		if (d.Format == rows.Parquet) != (f.Format == rows.Parquet) {
			return f, fmt.Errorf("is not %s; --format must be the format of the files", d.Format)
		}
		f.Format = d.Format
	}
	if f.Format == rows.CSVFile {
		dialect, err := rows.DetectDialect(head, d.CSV, o.names)
		if err != nil {
			return f, err
		}
		f.Dialect, f.DialectStated = &dialect, d.CSV.Separator != 0 && d.CSV.QuoteStated
	}
	return f, o.describe(ctx, n, &f, head, rules, now)
}

// short reports whether a read ended at the end of the file.
func short(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// describe adds columns, rows and the time of the first event.
func (o *opener) describe(ctx context.Context, n named, f *File, head []byte, rules *transform.Rules, now time.Time) error {
	if f.Format == rows.Parquet && n.at == Stdin {
		return nil // it is only known at its end
	}
	var r rows.Reader
	var closer io.Closer = io.NopCloser(nil)
	var err error
	if f.Format == rows.Parquet {
		r, closer, err = o.openParquet(ctx, n, f)
	} else {
		r, err = o.openText(bytes.NewReader(head), f)
	}
	if err != nil {
		return err
	}
	defer closer.Close()
	defer r.Close()
	switch r := r.(type) {
	case *rows.CSV:
		f.Columns = r.Columns
	case *rows.ParquetRows:
		f.Columns, f.Rows = r.Columns, &r.Rows
	}
	worker := rules.NewWorker()
	for range maxFirstRows {
		message, err := r.Next()
		if err != nil {
			return nil // the run reports it with its row
		}
		if event := worker.Apply(message, now).Event; event != nil {
			at := time.UnixMilli(int64(event.EventTimestamp)).UTC()
			f.FirstEvent = &at
			return nil
		}
	}
	return nil
}

// maxFirstRows is how many rows are looked at for the first event.
const maxFirstRows = 50

// openText reads NDJSON or CSV.
func (o *opener) openText(from io.Reader, f *File) (rows.Reader, error) {
	if f.Format == rows.CSVFile {
		return rows.OpenCSV(from, *f.Dialect, o.names, o.limits)
	}
	return rows.NewNDJSON(from, o.limits), nil
}

// openParquet reads Parquet from its place, or from a temporary file where it is
// compressed.
func (o *opener) openParquet(ctx context.Context, n named, f *File) (*rows.ParquetRows, io.Closer, error) {
	from := rows.File{Context: ctx, Size: f.Stamp.Size, Memory: o.memory}
	var closer io.Closer = io.NopCloser(nil)
	if f.Compression == Plain && n.at != Stdin {
		at, readAhead, err := n.object.readerAt(ctx, f.Stamp)
		if err != nil {
			return nil, nil, err
		}
		from.Reader, from.ReadAhead = at, readAhead
		if c, ok := at.(io.Closer); ok {
			closer = c
		}
	} else {
		raw, err := n.object.open(ctx, f.Stamp)
		if err != nil {
			return nil, nil, err
		}
		defer raw.Close()
		content, err := unpack(f.Compression, raw)
		if err != nil {
			return nil, nil, err
		}
		defer content.Close()
		file, size, err := spool(content)
		if err != nil {
			return nil, nil, err
		}
		from.Reader, from.ReadAhead, from.Size, closer = &fileAt{ctx, file}, localReadAhead, size, file
	}
	r, err := rows.OpenParquet(from, o.names, o.limits)
	if err != nil {
		closer.Close()
		return nil, nil, err
	}
	return r, closer, nil
}
