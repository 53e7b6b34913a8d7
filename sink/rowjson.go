package sink

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/go-faster/jx"
	"github.com/pianola/pianola/schemas"
)

// json is one row in the form of `pianola transform` (contract §5): the event id,
// the twenty columns and the raw action. Instants are RFC 3339 with three
// fraction digits, absent values are null, amounts are exact.
func (c *Chunk) json(row int) []byte {
	var e jx.Encoder
	e.ObjStart()
	for _, col := range c.input[:payloadColumns] {
		e.FieldStart(col.Name)
		writeValue(&e, col.Data, row)
	}
	e.ObjEnd()
	return e.Bytes()
}

// payloadColumns are the event id, the twenty contract columns and the raw
// action: the first of schemas.EventColumns.
const payloadColumns = 22

func writeValue(e *jx.Encoder, data any, row int) {
	switch col := data.(type) {
	case *uuidColumn:
		e.Str(hex.EncodeToString(col.values[row][:]))
	case *text:
		e.ByteStr(col.values.RowBytes(row))
	case *nullText:
		writeText(e, col.values.RowBytes(row), col.nulls[row] == 1)
	case *lowCardinality:
		word := col.row(row)
		writeText(e, word, col.nullable && col.keys[row] == 0)
	case *int64Column:
		writeInstant(e, col.values[row])
	case *nullInt64Column:
		switch {
		case col.nulls[row] == 1:
			e.Null()
		case isMoney(col):
			e.Raw(appendDecimal4(nil, schemas.Decimal4(col.values[row])))
		default:
			writeInstant(e, col.values[row])
		}
	case *nullInt32Column:
		if col.nulls[row] == 1 {
			e.Null()
		} else {
			e.Int32(col.values[row])
		}
	case *boolColumn:
		e.Bool(col.values[row])
	}
}

func writeText(e *jx.Encoder, v []byte, null bool) {
	if null {
		e.Null()
		return
	}
	e.ByteStr(v)
}

func writeInstant(e *jx.Encoder, ms int64) {
	e.Str(time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z"))
}

func isMoney(col *nullInt64Column) bool { return col.kind == "Nullable(Decimal(18, 4))" }

// appendDecimal4 writes an exact amount without trailing zeros.
func appendDecimal4(b []byte, d schemas.Decimal4) []byte {
	whole, part := d/1e4, d%1e4
	if d < 0 {
		b = append(b, '-')
		whole, part = -whole, -part
	}
	b = strconv.AppendInt(b, int64(whole), 10)
	if part == 0 {
		return b
	}
	digits := [4]byte{}
	for i := 3; i >= 0; i-- {
		digits[i] = byte('0' + part%10)
		part /= 10
	}
	end := 4
	for digits[end-1] == '0' {
		end--
	}
	return append(append(b, '.'), digits[:end]...)
}
