package rows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Dialect is how a CSV file separates and quotes cells.
type Dialect struct {
	Separator byte
	Quote     byte // 0: nothing is quoted
}

// dialectJSON is a dialect with its characters as texts.
type dialectJSON struct {
	Separator string `json:"separator"`
	Quote     string `json:"quote"` // empty: none
}

// MarshalJSON implements json.Marshaler.
func (d Dialect) MarshalJSON() ([]byte, error) {
	text := dialectJSON{Separator: string(rune(d.Separator))}
	if d.Quote != 0 {
		text.Quote = string(rune(d.Quote))
	}
	return json.Marshal(text)
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *Dialect) UnmarshalJSON(data []byte) error {
	var text dialectJSON
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if len(text.Separator) != 1 || len(text.Quote) > 1 {
		return errors.New("a dialect has a separator of one character, and a quote of at most one")
	}
	*d = Dialect{Separator: text.Separator[0]}
	if text.Quote != "" {
		d.Quote = text.Quote[0]
	}
	return nil
}

// records reads the records of a CSV file as raw bytes. A record ends with a line end
// outside of quotes. A record with an even number of quotes is complete: a quote inside a
// quoted cell is doubled.
type records struct {
	r     *bufio.Reader
	quote byte
	limit int // of a record in bytes

	line  int64 // the last line that was read, from 1
	start int64 // the first line of the last record
	buf   []byte
	// tooLong is true where the record is longer than the limit and cut off.
	tooLong bool
}

// bufferBytes is how much of a file is read at once.
const bufferBytes = 256 << 10

func newRecords(r io.Reader, quote byte, limit int) *records {
	return &records{r: bufio.NewReaderSize(r, bufferBytes), quote: quote, limit: limit}
}

// errOpenQuote is a record of several lines without end.
var errOpenQuote = errors.New("a quoted cell has no end; correct the file, or give its quote with --quote")

// next returns the next record without its line end, valid until the next call. Empty
// lines between records are skipped.
func (c *records) next() ([]byte, error) {
	for {
		record, err := c.read()
		if err != nil || len(record) > 0 {
			return record, err
		}
	}
}

func (c *records) read() ([]byte, error) {
	c.tooLong, c.start = false, c.line+1
	fragment, err := c.r.ReadSlice('\n')
	if err == nil && (c.quote == 0 || bytes.Count(fragment, []byte{c.quote})%2 == 0) {
		c.line++
		return c.bounded(withoutLineEnd(fragment)), nil
	}
	c.buf = c.buf[:0]
	quotes, length := 0, 0
	for {
		length += len(fragment)
		if room := c.limit + 3 - len(c.buf); room > 0 { // one byte more, and a line end
			c.buf = append(c.buf, fragment[:min(len(fragment), room)]...)
		}
		if c.quote != 0 {
			quotes += bytes.Count(fragment, []byte{c.quote})
		}
		switch {
		case err == nil:
			c.line++
			if quotes%2 == 0 {
				return c.whole(length)
			}
			if length > c.limit {
				return nil, errOpenQuote // to read on would make one row of many
			}
		case errors.Is(err, io.EOF):
			if length == 0 {
				return nil, io.EOF
			}
			c.line++
			if quotes%2 != 0 {
				return nil, errOpenQuote
			}
			return c.whole(length)
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
		fragment, err = c.r.ReadSlice('\n')
	}
}

// whole returns the record in buf, of which so many bytes were read.
func (c *records) whole(length int) ([]byte, error) {
	if length > len(c.buf) {
		c.tooLong = true
		return c.buf[:c.limit+1], nil
	}
	return c.bounded(withoutLineEnd(c.buf)), nil
}

func (c *records) bounded(record []byte) []byte {
	if len(record) > c.limit+1 {
		c.tooLong = true
		return record[:c.limit+1]
	}
	return record
}

// withoutLineEnd removes LF and one CR before it, or a CR at the end of the file.
func withoutLineEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}
