package rows

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// File is an open Parquet file.
type File struct {
	// Context ends a wait for memory.
	Context context.Context
	Reader  io.ReaderAt
	Size    int64
	// ReadAhead is how many bytes of a column are read at once.
	ReadAhead int
	Memory    *PageMemory
}

// ParquetRows reads the rows of a Parquet file, column by column.
type ParquetRows struct {
	Columns Columns
	// Rows is the number of rows in the file.
	Rows int64

	file    File
	opened  *parquet.File
	fields  []parquetField
	message message
	account pageAccount

	group   int   // index of the row group, -1 before the first
	left    int64 // rows of the group that were not returned
	columns []columnValues
}

// parquetField is a documented column.
type parquetField struct {
	leaf  int    // index among the leaves of the schema
	start string // of the member
	value appendValue
}

// columnValues are the values of a column in the current row group.
type columnValues struct {
	pages  *chunkPages
	page   parquet.Page
	reader parquet.ValueReader
	buffer []parquet.Value
	values []parquet.Value // read and not returned
}

// maxFooter bounds the footer, which describes each column of each row group.
const maxFooter = 32 << 20

// valuesAtOnce is how many values of a column are decoded at once.
const valuesAtOnce = 256

var errDamaged = errors.New("the Parquet file is damaged; copy or write it again")

// OpenParquet reads the footer and checks the types of the documented columns.
func OpenParquet(f File, names Names, l Limits) (p *ParquetRows, err error) {
	defer recoverDamage(&err)
	var end [8]byte
	if f.Size < 12 {
		return nil, errDamaged
	}
	if _, err := f.Reader.ReadAt(end[:], f.Size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch footer := int64(binary.LittleEndian.Uint32(end[:4])); {
	case string(end[4:]) != "PAR1":
		return nil, errors.New("the Parquet file has no end; copy it again, or write it again")
	case footer > f.Size-12:
		return nil, errDamaged
	case footer > maxFooter:
		return nil, fmt.Errorf("the footer of the Parquet file is larger than %d MiB; write fewer row groups", maxFooter>>20)
	}
	opened, err := parquet.OpenFile(f.Reader, f.Size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, ioError(err)
	}
	p = &ParquetRows{Rows: opened.NumRows(), file: f, opened: opened, group: -1, message: message{limit: l.Message},
		account: pageAccount{ctx: f.Context, memory: f.Memory}}
	if err := p.match(names); err != nil {
		return nil, err
	}
	return p, nil
}

// match finds the documented columns among the top level of the schema.
func (p *ParquetRows) match(names Names) error {
	schema := p.opened.Metadata().Schema
	var titles []string
	var elements []*format.SchemaElement
	var leaves []int
	leaf := 0
	for i := 1; i < len(schema); {
		titles, elements, leaves = append(titles, schema[i].Name), append(elements, &schema[i]), append(leaves, leaf)
		var count int
		i, count = afterElement(schema, i)
		leaf += count
	}
	fields, columns, err := names.match(titles)
	if err != nil {
		return err
	}
	p.Columns = columns
	for i, field := range fields {
		if field == "" {
			continue
		}
		value, err := fieldValue(elements[i], field)
		if err != nil {
			return fmt.Errorf("column %s %w", field, err)
		}
		p.fields = append(p.fields, parquetField{leaves[i], member(titles[i]), value})
	}
	p.columns = make([]columnValues, len(p.fields))
	for i := range p.columns {
		p.columns[i].buffer = make([]parquet.Value, valuesAtOnce)
	}
	return nil
}

// afterElement returns the index after an element and its children, and the number of
// leaves among them.
func afterElement(schema []format.SchemaElement, i int) (after, leaves int) {
	children := int(schema[i].NumChildren.V)
	if !schema[i].NumChildren.Valid {
		return i + 1, 1
	}
	after = i + 1
	for range children {
		if after >= len(schema) {
			break
		}
		var count int
		after, count = afterElement(schema, after)
		leaves += count
	}
	return after, leaves
}

func fieldValue(e *format.SchemaElement, field string) (appendValue, error) {
	if e.NumChildren.Valid {
		return nil, &errType{"has columns of its own; write one value a row"}
	}
	if e.Type.V == format.Boolean && field != "is_internal_user" {
		return nil, &errType{"has the type BOOLEAN, which only is_internal_user may have"}
	}
	return valueOf(e)
}

// recoverDamage turns a panic into an error: parquet-go panics on some damaged files.
func recoverDamage(err *error) {
	if recover() != nil {
		*err = errDamaged
	}
}

// ioError keeps an error of the file's reader, and replaces parquet-go's own, which
// quotes bytes of the file.
func ioError(err error) error {
	var read *ReadError
	var memory *memoryError
	switch {
	case errors.As(err, &read):
		return read
	case errors.As(err, &memory):
		return memory
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return errDamaged
}

// ReadError is an error of the reader below, as opposed to invalid content. A reader that
// is given to OpenParquet returns its errors in this type.
type ReadError struct{ Err error }

// Error is the cause.
func (e *ReadError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ReadError) Unwrap() error { return e.Err }
