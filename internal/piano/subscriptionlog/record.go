package subscriptionlog

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
)

// maxRecord bounds one record: a quote that is never closed makes the rest of the
// file one field.
const maxRecord = 1 << 20

// record reads the next one. Its error is io.EOF or an *Error.
func (r *Reader) record() ([]string, error) {
	r.bound.left = maxRecord
	record, err := r.records.Read()
	var parse *csv.ParseError
	switch {
	case err == nil:
		r.line, _ = r.records.FieldPos(0)
		return record, nil
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.Is(err, errLong):
		return nil, &Error{Line: r.line + 1, cause: errLong, Hint: "is a quote not closed at this line or after it?"}
	case !errors.As(err, &parse):
		return nil, damaged(r.line, err)
	case errors.Is(err, csv.ErrFieldCount):
		return nil, &Error{Line: parse.Line, cause: fmt.Errorf("has %d fields, the header %d", len(record), len(r.columns))}
	default:
		// The fields before the one with the quote came with the error.
		failed := &Error{Line: parse.StartLine, cause: errQuote, Hint: "a field with a quote in it stands in quotes, and the quote twice"}
		if len(record) < len(r.names) {
			failed.Column = r.names[len(record)]
		}
		return nil, failed
	}
}

var (
	errLong  = fmt.Errorf("a record of more than %d KiB", maxRecord>>10)
	errQuote = errors.New("a stray quote")
)

// bound gives no more bytes than are left, so that a record cannot fill memory.
type bound struct {
	from io.Reader
	left int
}

// Read is from's, and errLong once nothing is left.
func (b *bound) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLong
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
