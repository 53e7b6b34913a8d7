package block

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/ClickHouse/ch-go/proto"
)

const wire Revision = 54460

// sample is a block of many types as ch-go, which knows the format on its own,
// writes it.
func sample(t testing.TB, revision Revision, rows int) []byte {
	t.Helper()
	low := proto.NewLowCardinality[string](new(proto.ColStr))
	lowArray := proto.NewArray(proto.NewLowCardinality[string](new(proto.ColStr)))
	nullable := proto.NewColNullable[string](new(proto.ColStr))
	pairs := proto.NewMap[string, string](new(proto.ColStr), proto.NewLowCardinality[string](new(proto.ColStr)))
	number, text, fixedText := new(proto.ColUInt64), new(proto.ColStr), &proto.ColFixedStr{Size: 3}
	for i := range rows {
		word := string(bytes.Repeat([]byte{'a' + byte(i%5)}, i*7))
		low.Append(word)
		lowArray.Append([]string{word, "x"}[:i%3%2])
		if i%2 == 0 {
			nullable.Append(proto.Null[string]())
		} else {
			nullable.Append(proto.NewNullable(word))
		}
		pairs.Append(map[string]string{"k": word})
		number.Append(uint64(i))
		text.Append(word)
		fixedText.Append([]byte("abc"))
	}
	input := proto.Input{
		{Name: "l", Data: low}, {Name: "la", Data: lowArray}, {Name: "n", Data: nullable}, {Name: "m", Data: pairs},
		{Name: "i", Data: number}, {Name: "s", Data: text}, {Name: "f", Data: fixedText},
		{Name: "t", Data: proto.ColTuple{number, text}},
	}
	var b proto.Buffer
	if err := (proto.Block{Info: proto.BlockInfo{BucketNum: -1}, Columns: len(input), Rows: rows}).EncodeBlock(&b, int(revision), input); err != nil {
		t.Fatal(err)
	}
	return b.Buf
}

func copyBytes(in []byte, from, to Revision) ([]byte, Block, error) {
	var out bytes.Buffer
	b, err := Copy(&out, to, bufio.NewReader(bytes.NewReader(in)), from)
	return out.Bytes(), b, err
}

func TestCopy(t *testing.T) {
	onWire, inEngine := sample(t, wire, 300), sample(t, Engine, 300)
	for _, test := range []struct {
		name     string
		from, to Revision
		in, want []byte
	}{
		{"wire to engine", wire, Engine, onWire, inEngine},
		{"engine to wire", Engine, wire, inEngine, onWire},
		{"unchanged", wire, wire, onWire, onWire},
		{"without the custom byte", 54453, wire, sample(t, 54453, 300), onWire},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, b, err := copyBytes(test.in, test.from, test.to)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, test.want) {
				t.Error("the bytes are not those that ch-go writes at that revision")
			}
			if b.Rows != 300 || len(b.Columns) != 8 || b.Columns[1].Type != "Array(LowCardinality(String))" {
				t.Errorf("%d rows, columns %v", b.Rows, b.Columns)
			}
		})
	}
	t.Run("through a buffer smaller than a string", func(t *testing.T) {
		var out bytes.Buffer
		src := bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(onWire)), 16)
		if _, err := Copy(&out, Engine, src, wire); err != nil || !bytes.Equal(out.Bytes(), inEngine) {
			t.Errorf("%v", err)
		}
	})
	t.Run("what follows is left", func(t *testing.T) {
		src := bufio.NewReader(bytes.NewReader(append(bytes.Clone(onWire), onWire...)))
		for range 2 {
			if _, err := Copy(io.Discard, Engine, src, wire); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Copy(io.Discard, Engine, src, wire); !errors.Is(err, io.EOF) {
			t.Errorf("after the last: %v", err)
		}
	})
	t.Run("cut anywhere is an unexpected end", func(t *testing.T) {
		for n := 1; n < len(onWire); n += 1 + n/50 {
			if _, _, err := copyBytes(onWire[:n], wire, Engine); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("cut at %d: %v", n, err)
			}
		}
	})
	t.Run("a header is a block without rows", func(t *testing.T) {
		var out bytes.Buffer
		columns := []Column{{"a", "LowCardinality(String)"}, {"b", "UInt8"}}
		if err := Header(&out, wire, columns); err != nil {
			t.Fatal(err)
		}
		_, b, err := copyBytes(out.Bytes(), wire, Engine)
		if err != nil || b.Rows != 0 || len(b.Columns) != 2 || b.Columns[0] != columns[0] {
			t.Errorf("%+v, %v", b, err)
		}
	})
}

// claim is a block at the engine's revision with one column of a type, whose data
// is what follows.
func claim(columns, rows uint64, columnType string, data ...byte) []byte {
	b := binary.AppendUvarint(nil, columns)
	b = binary.AppendUvarint(b, rows)
	for _, text := range []string{"c", columnType} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return append(b, data...)
}

func uint64s(values ...uint64) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func TestCopy_HostileClaims(t *testing.T) {
	const huge = 1 << 60
	deep := bytes.Repeat([]byte("Array("), 1000)
	for _, test := range []struct {
		name string
		in   []byte
		want error
	}{
		{"columns", claim(huge, 1, "UInt8"), ErrLimit},
		{"rows", claim(1, huge, "UInt8"), ErrLimit},
		{"rows of a wide type", claim(1, maxRows, "FixedString(1000000000)"), io.ErrUnexpectedEOF},
		{"a string", claim(1, 1, "String", binary.AppendUvarint(nil, huge)...), ErrLimit},
		{"a name", append([]byte{1, 1}, binary.AppendUvarint(nil, huge)...), ErrLimit},
		{"array values", claim(1, 1, "Array(UInt8)", uint64s(huge)...), ErrLimit},
		{"dictionary values", claim(1, 1, "LowCardinality(String)", uint64s(1, additionalKeys, huge)...), ErrLimit},
		{"dictionary keys", claim(1, 1, "LowCardinality(String)", uint64s(1, 0, huge)...), ErrCorrupt},
		{"a dictionary of no keys", claim(1, 1, "LowCardinality(String)", uint64s(1, 0, 0)...), ErrCorrupt},
		{"a dictionary version", claim(1, 1, "LowCardinality(String)", uint64s(9)...), ErrCorrupt},
		{"nested types", claim(1, 1, string(deep)), ErrCorrupt},
		{"balanced nested types", claim(1, 1, string(deep)+"UInt8"+string(bytes.Repeat([]byte(")"), 1000))), ErrLimit},
		{"an unknown type", claim(1, 1, "AggregateFunction(sum, UInt8)"), ErrType},
		{"rows without columns", []byte{0, 1}, ErrCorrupt},
		{"a number that does not end", bytes.Repeat([]byte{0xff}, 20), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := copyBytes(test.in, Engine, wire)
			runtime.ReadMemStats(&after)
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
				t.Errorf("%d bytes were allocated for a claim", used)
			}
		})
	}
	t.Run("custom serialisation", func(t *testing.T) {
		in := []byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 1, 1, 1, 'c', 5, 'U', 'I', 'n', 't', '8', 1}
		if _, _, err := copyBytes(in, wire, Engine); !errors.Is(err, ErrType) {
			t.Errorf("%v", err)
		}
	})
}

func TestParseType(t *testing.T) {
	for name, want := range map[string]fixed{
		"Decimal(9, 2)": 4, "Decimal(18, 4)": 8, "Decimal(38, 4)": 16, "Decimal(76, 4)": 32,
		"DateTime64(3, 'UTC')": 8, "DateTime('Asia/Tokyo')": 4, "Enum8('a,b' = 1, 'c)' = 2)": 1, "Enum16('it\\'s' = 1)": 2,
		"FixedString(64)": 64, "UUID": 16, "IPv4": 4, "Bool": 1, "IntervalDay": 8, "SimpleAggregateFunction(max, UInt64)": 8,
	} {
		got, err := parseType(name)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"Tuple()", "FixedString(0)", "FixedString(x)", "Decimal(0)", "Array", "Map(String)", "Nope", "", "Array(UInt8", "Enum8('a)"} {
		if got, err := parseType(name); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	got, err := parseType("Tuple(a UInt8, `b c` Nullable(String), \"d\" DateTime64(3, 'UTC'), UInt16)")
	if elements, ok := got.(tuple); err != nil || !ok || len(elements) != 4 || elements[2] != layout(fixed(8)) {
		t.Errorf("%v, %v", got, err)
	}
}

// FuzzCopy shows that a walk over any bytes ends, allocates nothing for a claim,
// and that what it lets through comes back unchanged.
func FuzzCopy(f *testing.F) {
	f.Add(sample(f, wire, 5), true)
	f.Add(sample(f, Engine, 5), false)
	f.Add(claim(1, 1, "LowCardinality(Nullable(String))", uint64s(1, additionalKeys, 1)...), false)
	f.Add(claim(1, 2, "Array(Tuple(a UInt8, b String))", uint64s(1, 2)...), false)
	f.Fuzz(func(t *testing.T, in []byte, onWire bool) {
		from, to := Engine, wire
		if onWire {
			from, to = wire, Engine
		}
		there, b, err := copyBytes(in, from, to)
		if err != nil {
			return
		}
		back, again, err := copyBytes(there, to, from)
		if err != nil || again.Rows != b.Rows || len(again.Columns) != len(b.Columns) {
			t.Fatalf("%+v came back as %+v, %v", b, again, err)
		}
		if twice, _, err := copyBytes(back, from, to); err != nil || !bytes.Equal(twice, there) {
			t.Fatalf("the bytes changed on the way back: %v", err)
		}
	})
}

func BenchmarkCopy(b *testing.B) {
	in := sample(b, wire, 300)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	src, reader := bytes.NewReader(in), bufio.NewReaderSize(nil, 128<<10)
	for b.Loop() {
		src.Reset(in)
		reader.Reset(src)
		if _, err := Copy(io.Discard, Engine, reader, wire); err != nil {
			b.Fatal(err)
		}
	}
}
