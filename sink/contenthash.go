package sink

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/twmb/murmur3"

	"github.com/pianola/pianola/schemas"
)

// The content of a row is its twenty contract columns and the raw action. A replay
// compares the content that a message gives today with the content that is stored, so
// Go and ClickHouse write it as the same text and hash that.
//
// The text is unambiguous: a text is its length, a colon and its bytes; a number is its
// digits and a semicolon; NULL is the letter N. The order of the columns is fixed.

// contentColumns are the columns that a message gives, in the order of the table.
func contentColumns() []schemas.Column {
	return schemas.EventColumns()[1:payloadColumns]
}

// contentSQL is the text of a column in ClickHouse.
func contentSQL(c schemas.Column) string {
	var text string
	switch {
	case strings.Contains(c.Type, "DateTime64"):
		text = "concat(toString(toUnixTimestamp64Milli(" + c.Name + ")), ';')"
	case strings.Contains(c.Type, "Decimal"):
		text = "concat(toString(reinterpretAsInt64(" + c.Name + ")), ';')"
	case c.Type == "Bool":
		text = "concat(toString(toUInt8(" + c.Name + ")), ';')"
	case strings.Contains(c.Type, "Int32"):
		text = "concat(toString(" + c.Name + "), ';')"
	default:
		text = "concat(toString(length(" + c.Name + ")), ':', " + c.Name + ")"
	}
	if strings.Contains(c.Type, "Nullable") {
		text = "ifNull(" + text + ", 'N')"
	}
	return text
}

// hashSQL is the hash of columns in ClickHouse, a UUID.
func hashSQL(columns []schemas.Column) string {
	var texts []string
	for _, c := range columns {
		texts = append(texts, contentSQL(c))
	}
	return "reinterpretAsUUID(murmurHash3_128(concat(" + strings.Join(texts, ", ") + ")))"
}

// contentHash is the hash of a row's content. buffer is scratch and is returned for the
// next row.
func (c *Chunk) contentHash(row int, buffer []byte) (uuid.UUID, []byte) {
	buffer = buffer[:0]
	for _, col := range c.columns[1:payloadColumns] {
		buffer = appendContent(buffer, col, row)
	}
	return hashOf(buffer), buffer
}

// hashOf is hashSQL in Go.
func hashOf(content []byte) (hash uuid.UUID) {
	h1, h2 := murmur3.Sum128(content)
	binary.BigEndian.PutUint64(hash[:8], h1)
	binary.BigEndian.PutUint64(hash[8:], h2)
	return hash
}

// appendContent appends the text of one value.
func appendContent(b []byte, col column, row int) []byte {
	switch col := col.(type) {
	case *text:
		return appendText(b, col.values.RowBytes(row), false)
	case *nullText:
		return appendText(b, col.values.RowBytes(row), col.nulls[row] == 1)
	case *lowCardinality:
		return appendText(b, col.row(row), col.nullable && col.keys[row] == 0)
	case *int64Column:
		return appendNumber(b, col.values[row], false)
	case *nullInt64Column:
		return appendNumber(b, col.values[row], col.nulls[row] == 1)
	case *nullInt32Column:
		return appendNumber(b, int64(col.values[row]), col.nulls[row] == 1)
	case *boolColumn:
		var flag int64
		if col.values[row] {
			flag = 1
		}
		return appendNumber(b, flag, false)
	}
	panic("a content column of an unknown kind") // a test hashes every column
}

func appendText(b, v []byte, null bool) []byte {
	if null {
		return append(b, 'N')
	}
	b = strconv.AppendInt(b, int64(len(v)), 10)
	return append(append(b, ':'), v...)
}

func appendNumber(b []byte, v int64, null bool) []byte {
	if null {
		return append(b, 'N')
	}
	return append(strconv.AppendInt(b, v, 10), ';')
}
