package subscriptionlog

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
)

// maxRecord limits one record: an unclosed quote makes the rest of the file one field.
const maxRecord = 1 << 20

// record reads the next record. Its error is io.EOF or an *Error.
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
		return nil, &Error{Line: r.line + 1, cause: errLong, Hint: "check for an unclosed quote at this line or after it"}
	case !errors.As(err, &parse):
		return nil, damaged(r.line, err)
	case errors.Is(err, csv.ErrFieldCount):
		return nil, &Error{Line: parse.Line, cause: fmt.Errorf("has %d fields, the header %d", len(record), len(r.columns))}
	default:
		// The fields before the one with the quote came with the error.
		failed := &Error{Line: parse.StartLine, cause: errQuote, Hint: "enclose a field with a quote in quotes, and double the quote; " + perhapsSo}
		if len(record) < len(r.names) {
			failed.Column = r.names[len(record)]
		}
		return nil, failed
	}
}

var (
	errLong  = fmt.Errorf("a record of more than %d KiB", maxRecord>>10)
	errQuote = errors.New("an unescaped quote")
)

// bound returns at most left bytes, so that a record cannot fill the memory.
type bound struct {
	from io.Reader
	left int
}

// Read implements io.Reader; the error is errLong when nothing is left.
func (b *bound) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLong
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
