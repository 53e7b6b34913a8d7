package world

import (
	"strconv"
	"time"
)

// fieldWriter writes the fields of one JSON object, each in a notation that the
// contract allows. It knows nothing of the event: the encoder chooses the values.
type fieldWriter struct {
	d       dice
	buf     []byte // the message so far
	fields  int
	unusual bool // draw an unusual notation for every field
	spaced  bool // write white space between tokens

	notations map[string]int // notations written so far; nil outside tests
}

// name writes a field's name and the colon.
func (fw *fieldWriter) name(f field) {
	fw.comma()
	name := fieldNames[f]
	if fw.countIf("escaped field name", fw.unusual && fw.d.chance(0.02)) {
		at := fw.d.below(len(name))
		fw.buf = append(fw.buf, '"')
		fw.buf = append(fw.buf, name[:at]...)
		fw.buf = appendUnit(fw.buf, uint16(name[at]))
		fw.buf = append(fw.buf, name[at+1:]...)
	} else {
		fw.buf = append(append(fw.buf, '"'), name...)
	}
	fw.buf = append(fw.buf, '"')
	fw.space()
	fw.buf = append(fw.buf, ':')
	fw.space()
}

// raw writes a field whose value is already JSON.
func (fw *fieldWriter) raw(f field, value string) {
	fw.name(f)
	fw.buf = append(fw.buf, value...)
}

// absent writes one of the notations of an absent value.
func (fw *fieldWriter) absent(f field) {
	if !fw.unusual {
		if fw.d.chance(0.7) {
			fw.count("absent: omitted")
			return
		}
		fw.count("absent: null")
		fw.name(f)
		fw.buf = append(fw.buf, "null"...)
		return
	}
	switch fw.d.below(4) {
	case 0:
		fw.count("absent: omitted")
	case 1:
		fw.count("absent: null")
		fw.name(f)
		fw.buf = append(fw.buf, "null"...)
	case 2:
		fw.count("absent: empty text")
		fw.name(f)
		fw.buf = append(fw.buf, `""`...)
	case 3:
		fw.count("absent: white space")
		fw.name(f)
		fw.buf = append(fw.buf, `" \t\u3000\u0085"`...)
	}
}

// duplicateField writes a field twice with random values. In some messages one of the
// names is escaped.
func (fw *fieldWriter) duplicateField(f field) {
	values := []string{`null`, `"a"`, `"a"`, `1`, `[]`, `""`}
	for range 2 {
		fw.name(f)
		fw.buf = append(fw.buf, values[fw.d.below(len(values))]...)
	}
}

// unknownFields writes fields that the contract ignores. They may nest, repeat, differ
// from a known name only in case, and hold any type.
func (fw *fieldWriter) unknownFields() {
	fw.count("unknown fields")
	switch fw.d.below(8) {
	case 0:
		fw.unknownField(`"source"`, `{"system":"composer","retries":[1,2,{"deep":[null,true,{}]}]}`)
	case 1:
		fw.unknownField(`"x"`, `1`)
		fw.unknownField(`"x"`, `[{"y":1,"y":2}]`)
	case 2:
		fw.unknownField(`"User_ID"`, `"other"`)
		fw.unknownField(`"USER_EMAIL"`, `"n/a"`)
	case 3:
		fw.unknownField(`"event-timestamp"`, `"never"`)
		fw.unknownField(`" user_id"`, `[]`)
	case 4:
		fw.unknownField(`""`, `1e999`)
		fw.unknownField(`"ratio"`, `-1.5E-300`)
	case 5:
		fw.unknownField(`"note"`, `"reply to kim@example.com \ud83d\ude00\u0000\/"`)
	case 6:
		fw.unknownField(`"subscription_id "`, strconv.Itoa(fw.d.below(1000)))
	case 7:
		fw.unknownField(`"tags"`, `["a","æ","\"",""]`)
	}
}

func (fw *fieldWriter) unknownField(name, value string) {
	fw.comma()
	fw.buf = append(fw.buf, name...)
	fw.buf = append(append(fw.buf, ':'), value...)
}

func (fw *fieldWriter) comma() {
	if fw.fields > 0 {
		fw.space()
		fw.buf = append(fw.buf, ',')
	}
	fw.fields++
	fw.space()
}

// space writes white space between tokens if the message has it.
func (fw *fieldWriter) space() {
	if !fw.spaced {
		return
	}
	fw.count("white space between tokens")
	for range fw.d.below(3) {
		fw.buf = append(fw.buf, " \t\n\r"[fw.d.below(4)])
	}
}

func (fw *fieldWriter) quoteTime(at time.Time, layout string) {
	fw.buf = append(fw.buf, '"')
	fw.buf = at.AppendFormat(fw.buf, layout)
	fw.buf = append(fw.buf, '"')
}

func (fw *fieldWriter) digits(n int) {
	for range n {
		fw.buf = append(fw.buf, byte('0'+fw.d.below(10)))
	}
}

// count counts a notation.
func (fw *fieldWriter) count(name string) {
	if fw.notations != nil {
		fw.notations[name]++
	}
}

// countIf counts a notation if used is true, and returns used.
func (fw *fieldWriter) countIf(name string, used bool) bool {
	if used {
		fw.count(name)
	}
	return used
}
