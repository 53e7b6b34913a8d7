package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// CSV reads the records of a CSV file after its header.
type CSV struct {
	Dialect Dialect
	Columns Columns

	records *records
	message message
	starts  []string // for each column the start of its member, empty for one to ignore
	row     int64    // of the last record, from 0
	tooLong bool
	cell    []byte // a cell with doubled quotes
}

// OpenCSV reads the header. The dialect is what [DetectDialect] found in the head, or what
// the user has stated.
func OpenCSV(r io.Reader, d Dialect, names Names, l Limits) (*CSV, error) {
	c := &CSV{Dialect: d, records: newRecords(r, d.Quote, l.Message), message: message{limit: l.Message}, row: -1}
	if start, err := c.records.r.Peek(len(byteOrderMark)); err == nil && string(start) == byteOrderMark {
		if _, err := c.records.r.Discard(len(byteOrderMark)); err != nil {
			return nil, err
		}
	}
	header, err := c.records.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errNoHeader
	case err != nil:
		return nil, fmt.Errorf("header: %w", err)
	case c.records.tooLong:
		return nil, errors.New("header: the line is too long for a header of CSV; give the format with --format")
	}
	titles, err := splitCells(header, d)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	fields, columns, err := names.match(titles)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	c.Columns = columns
	for i, field := range fields {
		if field == "" {
			c.starts = append(c.starts, "")
			continue
		}
		c.starts = append(c.starts, member(titles[i])) // an alias stays one, as in NDJSON
	}
	return c, nil
}

const byteOrderMark = "\xef\xbb\xbf"

var errNoHeader = errors.New("the file has no header; the first line of CSV must have the names of the columns")

// splitCells returns the cells of a record as texts.
func splitCells(record []byte, d Dialect) ([]string, error) {
	var cells []string
	p := cellParser{d: d, rest: record}
	for more := true; more; {
		var cell []byte
		var err error
		if cell, more, err = p.next(); err != nil {
			return nil, err
		}
		cells = append(cells, string(cell))
	}
	return cells, nil
}

// Next returns the message of the next record. A record over the limit is returned as the
// raw bytes, one more than the limit.
func (c *CSV) Next() ([]byte, error) {
	record, err := c.records.next()
	if err != nil {
		return nil, c.at(err)
	}
	c.row++
	if c.tooLong = len(record) > c.message.limit; c.tooLong {
		return record, nil
	}
	c.message.begin()
	p := cellParser{d: c.Dialect, rest: record, buf: c.cell}
	columns, more := 0, true
	for more {
		var cell []byte
		if cell, more, err = p.next(); err != nil {
			return nil, c.at(err)
		}
		if columns++; columns > len(c.starts) {
			if len(cell) > 0 {
				return nil, c.at(fmt.Errorf("more cells than the %d columns of the header; a separator or a quote is missing in the file, or --separator is wrong", len(c.starts)))
			}
			continue // a separator at the end of the line
		}
		if start := c.starts[columns-1]; start != "" && len(cell) > 0 {
			c.message.name(start)
			c.message.text(cell)
		}
	}
	c.cell = p.buf
	if columns < len(c.starts) {
		return nil, c.at(fmt.Errorf("%d cells, and the header has %d columns; a line end without quotes divides the row, or the file ends early", columns, len(c.starts)))
	}
	return c.message.end(), nil
}

// at adds the line on which the record starts.
func (c *CSV) at(err error) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("line %d: %w", c.records.start, err)
}

// Truncated reports whether the last message is incomplete.
func (c *CSV) Truncated() bool { return c.tooLong || c.message.truncated }

// Skip reads over records without a look at their cells.
func (c *CSV) Skip(rows int64) error {
	for range rows {
		if _, err := c.records.next(); err != nil {
			return c.at(err)
		}
		c.row++
	}
	return nil
}

// Close has nothing to free.
func (c *CSV) Close() {}

// cellParser finds the cells of one record.
type cellParser struct {
	d    Dialect
	rest []byte
	buf  []byte
}

var (
	errBareQuote = errors.New("a quote inside a cell without quotes; correct the file, or give its quote with --quote")
	errAfterCell = errors.New("text after the end of a quoted cell; a quote inside a cell must be doubled. Correct the file, or give its quote with --quote")
)

// next returns the next cell, valid until the next call, and whether more follow.
func (p *cellParser) next() (cell []byte, more bool, err error) {
	if p.d.Quote != 0 && len(p.rest) > 0 && p.rest[0] == p.d.Quote {
		return p.quoted()
	}
	end := bytes.IndexByte(p.rest, p.d.Separator)
	if end < 0 {
		cell, p.rest = p.rest, nil
	} else {
		cell, p.rest, more = p.rest[:end], p.rest[end+1:], true
	}
	if p.d.Quote != 0 && bytes.IndexByte(cell, p.d.Quote) >= 0 {
		return nil, false, errBareQuote
	}
	return cell, more, nil
}

func (p *cellParser) quoted() (cell []byte, more bool, err error) {
	p.rest = p.rest[1:]
	joined := false
	p.buf = p.buf[:0]
	for {
		end := bytes.IndexByte(p.rest, p.d.Quote)
		if end < 0 {
			return nil, false, errOpenQuote
		}
		content := p.rest[:end]
		p.rest = p.rest[end+1:]
		if len(p.rest) > 0 && p.rest[0] == p.d.Quote {
			p.buf = append(append(p.buf, content...), p.d.Quote)
			p.rest, joined = p.rest[1:], true
			continue
		}
		if joined {
			p.buf = append(p.buf, content...)
			content = p.buf
		}
		switch {
		case len(p.rest) == 0:
			p.rest = nil
			return content, false, nil
		case p.rest[0] == p.d.Separator:
			p.rest = p.rest[1:]
			return content, true, nil
		}
		return nil, false, errAfterCell
	}
}
