package subscriptionlog

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/safetext"
	"github.com/pianola/pianola/schemas"
)

// Rules are the rules of the stream: *transform.Rules.
type Rules interface {
	piano.Filter
	// Timestamp parses an optional timestamp of contract §2, stage 2.
	Timestamp(text string) (schemas.NullMillis, error)
}

// Reader reads the subscriptions of one file, in order. It is not safe for concurrent use.
type Reader struct {
	rules   Rules
	file    io.ReaderAt
	size    int64
	records *csv.Reader
	bound   *bound
	columns []*column
	names   []string // of the columns, for errors
	line    int      // of the last complete record
	err     error    // why it ended
	counts  Counts
	close   []io.Closer

	repeats    *repeats
	ids, users rounding // of Subscription ID and User ID (UID)
}

// Counts are what a reader has read so far.
type Counts struct {
	Rows     uint64 // subscriptions, internal ones included
	Internal uint64 // those that the internal-user filter drops
	// Words that neither the API nor words.go has. They are kept unchanged, and each
	// subscription counts once for each.
	UnknownStatuses  uint64
	UnknownTermTypes uint64
}

// OpenFile opens a regular file: the directory of a zip archive is at its end, so a pipe
// cannot be read. The caller closes the reader.
func OpenFile(name string, rules Rules) (*Reader, error) {
	// To open a named pipe would wait for its writer, and no signal could end that.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, notRegular()
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the subscription log: %w", safetext.NameError(err))
	}
	r, err := openFile(file, rules)
	if err != nil {
		file.Close()
		return nil, err
	}
	r.close = append(r.close, file)
	return r, nil
}

func openFile(file *os.File, rules Rules) (*Reader, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the subscription log: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular()
	}
	return Open(file, info.Size(), rules)
}

func notRegular() error { return unreadable("save it to a file first", "is no regular file") }

// Open reads the header of a file of size bytes and checks it. The file must stay open and
// unchanged until the last Next; closing the reader does not close it.
func Open(file io.ReaderAt, size int64, rules Rules) (*Reader, error) {
	content, closer, err := unpacked(file, size)
	if err != nil {
		return nil, err
	}
	r := &Reader{rules: rules, file: file, size: size, bound: &bound{from: content, left: maxRecord}, repeats: newRepeats()}
	if closer != nil {
		r.close = append(r.close, closer)
	}
	if err := r.readHeader(); err != nil {
		_ = r.Close() // nothing was written
		return nil, err
	}
	return r, nil
}

func (r *Reader) readHeader() error {
	buffered := bufio.NewReaderSize(r.bound, 64<<10)
	if err := begin(buffered); err != nil {
		return err
	}
	r.records = csv.NewReader(buffered)
	header, err := r.record()
	if errors.Is(err, io.EOF) {
		return &Error{cause: errEmpty}
	}
	if err != nil {
		return err
	}
	for i, name := range header {
		if !utf8.ValidString(name) {
			return &Error{Line: r.line, Column: numbered(i), cause: errUTF8, Hint: "save the file as UTF-8"}
		}
	}
	if r.columns, err = match(header, r.line); err != nil {
		return err
	}
	r.names = make([]string, len(header))
	for i, c := range r.columns {
		if r.names[i] = numbered(i); c != nil {
			r.names[i] = c.name
		}
	}
	r.records.ReuseRecord = true
	return nil
}

// Next returns the next subscription, including those of internal users, or io.EOF after
// the last. Any other error is an *Error and ends the read.
func (r *Reader) Next() (Row, error) {
	if r.err != nil {
		return Row{}, r.err
	}
	row, err := r.next()
	switch {
	case !errors.Is(err, io.EOF):
	case r.counts.Rows == 0:
		err = unreadable("export another period, or another application's", "holds no subscription")
	default:
		if damaged := r.finish(); damaged != nil {
			err = damaged
		}
	}
	if err != nil {
		r.err = err
		return Row{}, err
	}
	r.counts.Rows++
	if row.Internal {
		r.counts.Internal++
	}
	return row, nil
}

func (r *Reader) next() (Row, error) {
	record, err := r.record()
	if err != nil {
		return Row{}, err
	}
	var now reading
	for i, text := range record {
		problem := error(nil)
		c := cell{rules: r.rules, text: strings.TrimSpace(text)}
		switch {
		case !utf8.ValidString(text):
			// Also in an unknown column: the file is not UTF-8.
			problem = errUTF8
		case r.columns[i] != nil:
			r.columns[i].set(&now, &c)
			if problem = c.problem; problem == nil {
				problem = damagedText(c.text)
			}
		}
		if problem != nil {
			line, _ := r.records.FieldPos(i)
			return Row{}, &Error{Line: line, Column: r.names[i], cause: problem, Hint: hintOf(problem)}
		}
	}
	r.watch(record, &now)
	now.Internal = r.rules.Internal(now.uid, now.email)
	known := false
	if now.Status, known = status(now.SubscriptionStatus, now.EndedAt != nil); !known {
		r.counts.UnknownStatuses++
	}
	if now.TermType, known = termType(now.Traits.TermType); !known {
		r.counts.UnknownTermTypes++
	}
	return now.Row, nil
}

// watch looks for damage that one row does not show.
func (r *Reader) watch(record []string, now *reading) {
	id, values := r.hashes(record)
	r.repeats.add(id, values, r.line)
	r.ids.add(now.SubscriptionID, r.line)
	r.users.add(now.uid, r.line)
}

// finish looks for damage of the whole file, after its last row.
func (r *Reader) finish() error {
	for column, ids := range map[string]*rounding{columns[0].name: &r.ids, userColumn: &r.users} {
		if ids.found() {
			return &Error{Line: ids.line, Column: column, cause: errRounded, Hint: exportAgain}
		}
	}
	return r.contradictions()
}

// Counts returns the counts so far.
func (r *Reader) Counts() Counts { return r.counts }

// Close closes what OpenFile and Open have opened.
func (r *Reader) Close() error {
	var errs []error
	for _, c := range r.close {
		errs = append(errs, c.Close())
	}
	r.close = nil
	return errors.Join(errs...)
}

// numbered names a column, from 1, whose name must not be shown.
func numbered(i int) string { return fmt.Sprintf("number %d", i+1) }
