package world

import (
	"bytes"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// maxDepth is the contract's limit of JSON nesting, including the outermost object.
const maxDepth = 10_000

// messageFaults break the bytes of a valid message.
func messageFaults() []fault {
	whole := func(reason schemas.Reason, corrupt func(*encoder, []byte) []byte) fault {
		return fault{reason: reason, field: noField, stage: stageMessage, corrupt: corrupt}
	}
	fixed := func(text string) func(*encoder, []byte) []byte {
		return func(_ *encoder, m []byte) []byte { return append(m[:0], text...) }
	}
	wrapped := func(before, after string) func(*encoder, []byte) []byte {
		return func(_ *encoder, m []byte) []byte {
			return append(append([]byte(before), m...), after...)
		}
	}
	// inside inserts text before the closing brace.
	inside := func(text string) func(*encoder, []byte) []byte {
		return func(_ *encoder, m []byte) []byte {
			return append(append(m[:bytes.LastIndexByte(m, '}')], text...), '}')
		}
	}
	deep := func(_ *encoder, m []byte) []byte {
		return nest(m, maxDepth) // plus the level of the object
	}
	cut := func(enc *encoder, m []byte) []byte {
		return m[:1+enc.d.below(bytes.LastIndexByte(m, '}'))]
	}
	out := []fault{whole(schemas.InvalidJSON, cut), whole(schemas.InvalidJSON, deep)}
	for _, text := range []string{
		`,"x":NaN`, `,"x":Infinity`, `,"x":01`, `,"x":+1`, `,"x":.5`, `,"x":1.`, `,"x":0x1f`, `,"x":tru`, `,"x"`, `,"x":`, `,`,
		`,"x":"\ud800"`, `,"x":"\udc00\ud800"`, "\x2c\"x\":\"\xff\"", ",\"x\":\"\xc0\xaf\"", ",\"x\":\"\xed\xa0\x80\"",
		",\"x\":\"a\nb\"", `,"x":"\x41"`, `,'x':1`, `,x:1`, `,"x":1 /* why */`, ",\"\xfe\":1", `,"x":[1,]`, `,"x":{"a":1`,
	} {
		out = append(out, whole(schemas.InvalidJSON, inside(text)))
	}
	for _, w := range [][2]string{{"", " x"}, {"", "{}"}, {"", ","}, {"\xef\xbb\xbf", ""}, {"\x00\x00\x00\x00\x07\x00\x00\x00\x00\x07", ""}, {"\x01\x00\x00\x00\x07", ""}, {"[", ""}, {"\u00a0", ""}} {
		out = append(out, whole(schemas.InvalidJSON, wrapped(w[0], w[1])))
	}
	for _, text := range []string{"   ", "\r\n", "\x00\x00\x00\x00\x07", "\x00\x00\x00\x00\x07 {}", "\x00", "not json", "{", "\"", "-", "nul"} {
		out = append(out, whole(schemas.InvalidJSON, fixed(text)))
	}
	out = append(out, whole(schemas.NotAnObject, wrapped("[", "]")), whole(schemas.NotAnObject, wrapped(" [ 1,", " ] ")))
	for _, text := range []string{`[]`, `"{}"`, `42`, ` null `, `true`, `-0.5e+3`, `""`} {
		out = append(out, whole(schemas.NotAnObject, fixed(text)))
	}
	large := func(enc *encoder, m []byte) []byte { return pad(m, MaxMessageBytes+1+enc.d.below(2000)) }
	largePrefixed := func(_ *encoder, m []byte) []byte { return padPrefixed(m, MaxMessageBytes+1) }
	for _, corrupt := range []func(*encoder, []byte) []byte{large, largePrefixed} {
		out = append(out, fault{reason: schemas.TooLarge, field: noField, stage: stageMessage, corrupt: corrupt, tooLarge: true})
	}
	return out
}

// nest adds an unknown field with nested arrays. The depth is the number of levels
// plus one.
func nest(m []byte, levels int) []byte {
	end := bytes.LastIndexByte(m, '}')
	out := append(bytes.Clone(m[:end]), `,"trace":`...)
	out = append(out, bytes.Repeat([]byte{'['}, levels)...)
	out = append(out, bytes.Repeat([]byte{']'}, levels)...)
	return append(out, '}')
}

// pad adds an unknown field so that the message has a given size.
func pad(m []byte, size int) []byte {
	const before, after = `,"padding":"`, `"}`
	end := bytes.LastIndexByte(m, '}')
	out := make([]byte, 0, size)
	out = append(append(out, m[:end]...), before...)
	out = append(out, bytes.Repeat([]byte{'x'}, max(0, size-len(out)-len(after)))...)
	return append(out, after...)
}

// wirePrefix is Confluent's: a zero byte and a schema id.
var wirePrefix = []byte{0, 0, 0, 0, 7}

// prefixed adds the wire prefix. The contract requires that the brace follows immediately.
func prefixed(m []byte) []byte { return slices.Concat(wirePrefix, withoutBlanks(m)) }

// padPrefixed is a message with the wire prefix of a given size, the prefix included.
func padPrefixed(m []byte, size int) []byte {
	return slices.Concat(wirePrefix, pad(withoutBlanks(m), size-len(wirePrefix)))
}

func withoutBlanks(m []byte) []byte { return bytes.TrimLeft(m, " \r\n") }
