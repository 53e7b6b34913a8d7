package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/ClickHouse/ch-go/proto"
)

// failer is what a test and a property have in common.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// null is how a decoded NULL is written in these tests.
const null = "\\N"

// decode reads Native blocks at revision 0 with ch-go's decoders, which share no
// code with the chunk's encoding of nullable dictionaries, and returns the rows
// as texts by column name.
func decode(t failer, encoded []byte) (rows []map[string]string) {
	t.Helper()
	readBlocks(t, encoded, func(n int, get map[string]func(int) string) {
		for i := range n {
			row := make(map[string]string)
			for name, text := range get {
				row[name] = text(i)
			}
			rows = append(rows, row)
		}
	})
	return rows
}

// readBlocks hands over each block: its rows, and how to read one by column.
func readBlocks(t failer, encoded []byte, each func(rows int, get map[string]func(int) string)) {
	t.Helper()
	r := proto.NewReader(bytes.NewReader(encoded))
	for read := 0; ; read++ {
		results, get := decoders(t)
		var b proto.Block
		if err := b.DecodeRawBlock(r, 0, results); err != nil {
			if read > 0 && errors.Is(err, io.EOF) {
				return
			}
			t.Fatalf("decode block %d: %v", read, err)
		}
		each(b.Rows, get)
	}
}

// decoders makes a target of the declared names and types: DecodeRawBlock fails
// where a name or type on the wire is another.
func decoders(t failer) (proto.Results, map[string]func(int) string) {
	var results proto.Results
	get := make(map[string]func(int) string)
	for _, c := range insertedColumns() {
		var data proto.ColResult
		var text func(int) string
		switch c.Type {
		case "UUID":
			col := new(proto.ColUUID)
			data, text = col, func(i int) string { return col.Row(i).String() }
		case "String":
			col := new(proto.ColStr)
			data, text = col, func(i int) string { return col.Row(i) }
		case "Nullable(String)":
			col := new(proto.ColStr).Nullable()
			data, text = col, func(i int) string { return orNull(col.Row(i).Set, col.Row(i).Value) }
		case "DateTime64(3, 'UTC')":
			col := new(proto.ColDateTime64).WithPrecision(3)
			data, text = col, func(i int) string { return fmt.Sprint(int64(col.Data[i])) }
		case "Nullable(DateTime64(3, 'UTC'))":
			values := new(proto.ColDateTime64).WithPrecision(3)
			col := values.Nullable()
			data, text = col, func(i int) string { return orNull(col.Nulls[i] == 0, fmt.Sprint(int64(values.Data[i]))) }
		case "Nullable(Decimal(18, 4))":
			col := new(proto.ColDecimal64).Nullable()
			data, text = col, func(i int) string { return orNull(col.Row(i).Set, fmt.Sprint(int64(col.Row(i).Value))) }
		case "Nullable(Int32)":
			col := new(proto.ColInt32).Nullable()
			data, text = col, func(i int) string { return orNull(col.Row(i).Set, fmt.Sprint(col.Row(i).Value)) }
		case "Bool":
			col := new(proto.ColBool)
			data, text = col, func(i int) string { return strconv.FormatBool(col.Row(i)) }
		case "UInt64":
			col := new(proto.ColUInt64)
			data, text = col, func(i int) string { return fmt.Sprint(col.Row(i)) }
		case "UInt32":
			col := new(proto.ColUInt32)
			data, text = col, func(i int) string { return fmt.Sprint(col.Row(i)) }
		case "Int32":
			col := new(proto.ColInt32)
			data, text = col, func(i int) string { return fmt.Sprint(col.Row(i)) }
		case "Int64":
			col := new(proto.ColInt64)
			data, text = col, func(i int) string { return fmt.Sprint(col.Row(i)) }
		case "LowCardinality(String)", "LowCardinality(Nullable(String))":
			words := new(proto.ColStr)
			col := &proto.ColLowCardinalityRaw{Index: words}
			nullable := c.Type == "LowCardinality(Nullable(String))"
			data, text = typed{col, proto.ColumnType(c.Type)}, func(i int) string {
				key := keyAt(col, i)
				return orNull(!nullable || key > 0, words.Row(key))
			}
		default:
			t.Fatalf("column %s: no decoder for %s", c.Name, c.Type)
		}
		results = append(results, proto.ResultColumn{Name: c.Name, Data: data})
		get[c.Name] = text
	}
	return results, get
}

// typed gives ch-go's raw dictionary column the type it was declared with.
type typed struct {
	*proto.ColLowCardinalityRaw
	declared proto.ColumnType
}

func (c typed) Type() proto.ColumnType { return c.declared }

func keyAt(col *proto.ColLowCardinalityRaw, i int) int {
	switch col.Key {
	case proto.KeyUInt8:
		return int(col.Keys8[i])
	case proto.KeyUInt16:
		return int(col.Keys16[i])
	default:
		return int(col.Keys32[i])
	}
}

func orNull(set bool, v string) string {
	if !set {
		return null
	}
	return v
}

// encode is rows [from, to) of a chunk as an INSERT over HTTP carries them.
func encode(t failer, c *Chunk, from, to int) []byte {
	t.Helper()
	var buf proto.Buffer
	if err := (block{chunk: c, from: from, to: to}).encode(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Buf
}
