package block

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Column is a column's name and type as the block has them.
type Column struct{ Name, Type string }

// Block is what Copy has seen go by.
type Block struct {
	Columns []Column
	Rows    uint64
}

// Empty tells whether this is the block without columns that ends a stream.
func (b Block) Empty() bool { return len(b.Columns) == 0 && b.Rows == 0 }

// Copy copies one block, which src has at one revision, to dst at another. It
// gives io.EOF where src ends before the block, io.ErrUnexpectedEOF where it ends
// inside, and ErrLimit, ErrCorrupt or ErrType for what cannot be a block or cannot
// be carried. After an error src stands somewhere inside the block.
func Copy(dst io.Writer, to Revision, src *bufio.Reader, from Revision) (Block, error) {
	if _, err := src.Peek(1); err != nil {
		return Block{}, err
	}
	c := &cursor{in: src, out: dst}
	if from.hasInfo() {
		if err := c.takeInfo(); err != nil {
			return Block{}, fmt.Errorf("block info: %w", err)
		}
	}
	if to.hasInfo() {
		if err := c.emit(info[:]); err != nil {
			return Block{}, err
		}
	}
	columns, err := c.passUvarint()
	if err == nil {
		err = atMost("columns", columns, maxColumns)
	}
	if err != nil {
		return Block{}, fmt.Errorf("block columns: %w", err)
	}
	var b Block
	if b.Rows, err = c.passUvarint(); err == nil {
		err = atMost("rows", b.Rows, maxRows)
	}
	if err == nil && columns == 0 && b.Rows > 0 {
		err = fmt.Errorf("%w: rows without columns", ErrCorrupt)
	}
	if err != nil {
		return Block{}, fmt.Errorf("block rows: %w", err)
	}
	for i := range columns {
		column, err := c.column(to, from, b.Rows)
		if err != nil {
			return Block{}, fmt.Errorf("block column %d: %w", i, err)
		}
		b.Columns = append(b.Columns, column)
	}
	return b, nil
}

func (c *cursor) column(to, from Revision, rows uint64) (Column, error) {
	var column Column
	var err error
	if column.Name, err = c.passText(); err != nil {
		return column, err
	}
	if column.Type, err = c.passText(); err != nil {
		return column, err
	}
	layout, err := parseType(column.Type)
	if err != nil {
		return column, err
	}
	if from.hasCustom() {
		custom, err := c.in.ReadByte()
		if err != nil {
			return column, cut(err)
		}
		if custom != 0 {
			return column, fmt.Errorf("%w: custom serialisation %d", ErrType, custom)
		}
	}
	if to.hasCustom() {
		if err := c.emit([]byte{0}); err != nil {
			return column, err
		}
	}
	if rows == 0 {
		// Nothing is written for no rows, not even a state prefix.
		return column, nil
	}
	if err := layout.prefix(c); err != nil {
		return column, err
	}
	return column, layout.values(c, rows)
}

// takeInfo reads a block info: pairs of a field's number and value, then 0.
func (c *cursor) takeInfo() error {
	for {
		field, err := c.takeUvarint()
		if err != nil {
			return err
		}
		var size int
		switch field {
		case 0:
			return nil
		case 1:
			size = 1
		case 2:
			size = 4
		default:
			return fmt.Errorf("%w: unknown field %d", ErrCorrupt, field)
		}
		if _, err := c.in.Discard(size); err != nil {
			return cut(err)
		}
	}
}

// Header writes a block of no rows, which tells a client the columns.
func Header(dst io.Writer, to Revision, columns []Column) error {
	var b []byte
	if to.hasInfo() {
		b = append(b, info[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(columns)))
	b = append(b, 0)
	for _, column := range columns {
		for _, text := range []string{column.Name, column.Type} {
			b = binary.AppendUvarint(b, uint64(len(text)))
			b = append(b, text...)
		}
		if to.hasCustom() {
			b = append(b, 0)
		}
	}
	_, err := dst.Write(b)
	return err
}

// CopyAll copies every block of a document and gives the last one's columns and
// the sum of the rows.
func CopyAll(dst io.Writer, to Revision, src *bufio.Reader, from Revision) (Block, error) {
	var all Block
	for {
		b, err := Copy(dst, to, src, from)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all.Columns = b.Columns
		all.Rows += b.Rows
	}
}
