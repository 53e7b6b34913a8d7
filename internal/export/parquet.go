package export

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// maxFooter bounds the footer of a Parquet file. A row group takes some 4 KiB of it, so
// this is enough for a billion rows.
const maxFooter = 16 << 20

// parquetMeasure keeps the end of a Parquet file, where its footer is. The footer has the
// number of rows and, for each row group, the least and the greatest value of a column.
type parquetMeasure struct {
	columns []Column
	size    int64
	tail    []byte
}

func newParquetMeasure(columns []Column) *parquetMeasure { return &parquetMeasure{columns: columns} }

func (m *parquetMeasure) add(p []byte) error {
	m.size += int64(len(p))
	if len(m.tail)+len(p) > 2*maxFooter {
		keep := max(0, min(len(m.tail), maxFooter))
		m.tail = append(m.tail[:0], m.tail[len(m.tail)-keep:]...)
	}
	m.tail = append(m.tail, p...)
	return nil
}

// ReadAt reads from the end of the file.
func (m *parquetMeasure) ReadAt(p []byte, at int64) (int, error) {
	begin := m.size - int64(len(m.tail))
	if at < begin {
		return 0, errors.New("the footer is too large")
	}
	if at >= m.size {
		return 0, io.EOF
	}
	n := copy(p, m.tail[at-begin:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *parquetMeasure) facts() (facts, error) {
	file, err := parquet.OpenFile(m, m.size, parquet.SkipMagicBytes(true), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return facts{}, errors.New("the file has no valid footer, so it is incomplete")
	}
	metadata := file.Metadata()
	all := facts{rows: uint64(metadata.NumRows)}
	for group := range metadata.RowGroups {
		for column := range metadata.RowGroups[group].Columns {
			chunk := &metadata.RowGroups[group].Columns[column].MetaData
			if len(chunk.PathInSchema) != 1 || timePosition(m.columns, chunk.PathInSchema[0]) < 0 {
				continue
			}
			var into *Range
			switch chunk.PathInSchema[0] {
			case partitionColumn:
				into = &all.partition
			case syncColumn:
				into = &all.sync
			default:
				continue
			}
			if err := include(into, chunk); err != nil {
				return facts{}, fmt.Errorf("column %s: %w", chunk.PathInSchema[0], err)
			}
		}
	}
	return all, nil
}

// include adds the statistics of a column chunk. A chunk of NULLs has no statistics.
func include(into *Range, chunk *format.ColumnMetaData) error {
	s := chunk.Statistics
	if chunk.NumValues == s.NullCount {
		return nil
	}
	if chunk.Type != format.Int64 || len(s.MinValue) != 8 || len(s.MaxValue) != 8 {
		return errors.New("the file has no statistics of its times")
	}
	for _, value := range [][]byte{s.MinValue, s.MaxValue} {
		into.include(time.UnixMilli(int64(binary.LittleEndian.Uint64(value))).UTC())
	}
	return nil
}
