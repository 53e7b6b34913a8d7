package rows

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Next returns the message of the next row.
func (p *ParquetRows) Next() (_ []byte, err error) {
	defer recoverDamage(&err)
	for p.left == 0 {
		if err := p.nextGroup(); err != nil {
			return nil, err
		}
	}
	p.left--
	p.message.begin()
	for i := range p.columns {
		c := &p.columns[i]
		if len(c.values) == 0 {
			if err := c.fill(); err != nil {
				return nil, p.at(err)
			}
		}
		v := c.values[0]
		c.values = c.values[1:]
		if !v.IsNull() {
			p.message.name(p.fields[i].start)
			p.fields[i].value(&p.message, v)
		}
	}
	return p.message.end(), nil
}

// Truncated reports whether the last message is incomplete.
func (p *ParquetRows) Truncated() bool { return p.message.truncated }

// nextGroup opens the next row group, or returns io.EOF.
func (p *ParquetRows) nextGroup() error {
	p.closeGroup()
	groups := p.opened.RowGroups()
	if p.group++; p.group >= len(groups) {
		return io.EOF
	}
	p.left = groups[p.group].NumRows()
	chunks := groups[p.group].ColumnChunks()
	meta := p.opened.Metadata().RowGroups[p.group].Columns
	for i, field := range p.fields {
		chunk, ok := chunks[field.leaf].(*parquet.FileColumnChunk)
		if !ok || meta[field.leaf].FilePath != "" {
			return p.at(errors.New("columns are in other files, which is not supported; write them into one file"))
		}
		p.columns[i].pages = openPages(chunk, &meta[field.leaf].MetaData, p.file.Reader, p.file.ReadAhead, &p.account)
	}
	return nil
}

// fill decodes the next values of a column.
func (c *columnValues) fill() error {
	for {
		if c.page == nil {
			page, err := c.pages.read()
			if errors.Is(err, io.EOF) {
				return errDamaged // the column has fewer values than the row group has rows
			}
			if err != nil {
				return ioError(err)
			}
			c.page, c.reader = page, page.Values()
		}
		n, err := c.reader.ReadValues(c.buffer)
		if err != nil && !errors.Is(err, io.EOF) {
			return ioError(err)
		}
		if n > 0 {
			c.values = c.buffer[:n]
			return nil
		}
		c.release()
	}
}

func (c *columnValues) release() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	c.page, c.reader, c.values = nil, nil, nil
}

// Skip reads over rows: whole row groups and pages are not decoded into messages.
func (p *ParquetRows) Skip(rows int64) (err error) {
	defer recoverDamage(&err)
	for rows > 0 {
		for p.left == 0 {
			if err := p.nextGroup(); err != nil {
				return err
			}
		}
		n := min(rows, p.left)
		if n < p.left { // a whole row group needs no pages
			for i := range p.columns {
				if err := p.columns[i].skip(n); err != nil {
					return p.at(err)
				}
			}
		}
		rows, p.left = rows-n, p.left-n
	}
	return nil
}

func (c *columnValues) skip(rows int64) error {
	for rows > 0 {
		if len(c.values) == 0 {
			if err := c.fill(); err != nil {
				return err
			}
		}
		n := min(rows, int64(len(c.values)))
		c.values, rows = c.values[n:], rows-n
	}
	return nil
}

func (p *ParquetRows) closeGroup() {
	for i := range p.columns {
		c := &p.columns[i]
		c.release()
		if c.pages != nil {
			c.pages.close()
			c.pages = nil
		}
	}
	p.account.release()
	p.left = 0
}

// Close frees the pages.
func (p *ParquetRows) Close() { p.closeGroup() }

func (p *ParquetRows) at(err error) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("row group %d: %w", p.group+1, err)
}
