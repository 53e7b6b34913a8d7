package export

import "errors"

// maxRecord is far above a row of any documented view. A file with a longer one is broken.
const maxRecord = 16 << 20

var (
	errLongRecord = errors.New("the file has a row of more than 16 MiB")
	errCutRecord  = errors.New("the file ends in the middle of a row")
)

// records cuts a file of text into records, across the bounds of the pieces in which it
// arrives.
type records struct {
	rest []byte // the beginning of a record whose end has not arrived
	// end returns the length of the first record with its line end; 0 if no record ends here.
	end func(p []byte) int
}

// each calls take for every whole record, with its line end.
func (r *records) each(p []byte, take func(record []byte) error) error {
	if len(r.rest) > 0 {
		// The end may depend on all of the record: a quote in the rest opens a text.
		before := len(r.rest)
		r.rest = append(r.rest, p...)
		n := r.end(r.rest)
		if n == 0 {
			return r.tooLong()
		}
		if err := take(r.rest[:n]); err != nil {
			return err
		}
		r.rest, p = r.rest[:0], p[n-before:]
	}
	for {
		n := r.end(p)
		if n == 0 {
			r.rest = append(r.rest[:0], p...)
			return r.tooLong()
		}
		if err := take(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
}

func (r *records) tooLong() error {
	if len(r.rest) > maxRecord {
		return errLongRecord
	}
	return nil
}

// complete reports a file that ends within a record.
func (r *records) complete() error {
	if len(r.rest) > 0 {
		return errCutRecord
	}
	return nil
}
