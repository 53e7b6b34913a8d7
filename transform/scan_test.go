package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func scanFault(message string) (fault, int) {
	var s scanner
	var m member
	s.reset([]byte(message))
	s.space()
	_ = s.value(&m.value, 1) && s.end()
	return s.fault, s.faultAt
}

func TestScanner_Faults(t *testing.T) {
	cases := []struct {
		note, message string
		want          fault
		at            int
	}{
		{"nothing", "", endsEarly, 0},
		{"white space", " \t\r\n", endsEarly, 4},
		{"other white space", "\v1", badSyntax, 0},
		{"a byte order mark", "\ufeff{}", badSyntax, 0},
		{"an open object", `{"a"`, endsEarly, 4},
		{"an open text", `"a`, endsEarly, 2},
		{"a comma too many in an object", `{"a":1,}`, badSyntax, 7},
		{"a comma too many in an array", `[1,]`, badSyntax, 3},
		{"a comma alone", `[,]`, badSyntax, 1},
		{"no comma", `[1 2]`, badSyntax, 3},
		{"no colon", `{"a" 1}`, badSyntax, 5},
		{"a name without quotes", `{a:1}`, badSyntax, 1},
		{"a number as a name", `{1:1}`, badSyntax, 1},
		{"the wrong closer", `[1}`, badSyntax, 2},
		{"the wrong closer, deeper", `{"a":[{}}]`, badSyntax, 8},
		{"NaN", `NaN`, badSyntax, 0},
		{"a word cut short", `nul`, endsEarly, 3},
		{"a capital", `True`, badSyntax, 0},
		{"a leading zero", `01`, trailingData, 1},
		{"a plus", `+1`, badSyntax, 0},
		{"a minus alone", `-`, endsEarly, 1},
		{"a point without digits after it", `1.`, endsEarly, 2},
		{"a point without digits before it", `.5`, badSyntax, 0},
		{"an exponent without digits", `1e+`, endsEarly, 3},
		{"a hexadecimal number", `0x1`, trailingData, 1},
		{"a control character in a text", "\"a\x1fb\"", badSyntax, 2},
		{"a line end in a text", "\"0123456789\n\"", badSyntax, 11},
		{"a NUL byte", "\x00", badSyntax, 0},
		{"an unknown escape", `"\x"`, badSyntax, 1},
		{"an escape cut short", `"\`, endsEarly, 2},
		{"a \\u cut short", `"\u00`, endsEarly, 5},
		{"a \\u with another letter", `"\u00g0"`, badSyntax, 5},
		{"a high half alone", `"\ud800"`, loneSurrogate, 1},
		{"a low half alone", `"\udc00"`, loneSurrogate, 1},
		{"two high halves", `"\ud800\ud800"`, loneSurrogate, 1},
		{"the halves the wrong way round", `"\udc00\ud800"`, loneSurrogate, 1},
		{"a half in a name", `{"\uDFFF":1}`, loneSurrogate, 2},
		{"a half deep in an unknown value", `{"a":[{"b":"\ud83d"}]}`, loneSurrogate, 12},
		{"a byte that is no UTF-8", "\"\xff\"", badUTF8, 1},
		{"a rune cut short", "\"\xe6\"", badUTF8, 1},
		{"an overlong rune", "\"\xc0\x80\"", badUTF8, 1},
		{"a surrogate in UTF-8", "\"\xed\xa0\x80\"", badUTF8, 1},
		{"a rune beyond Unicode", "\"\xf4\x90\x80\x80\"", badUTF8, 1},
		{"two values", `{} {}`, trailingData, 3},
		{"a byte that is no UTF-8 after the value", "{}\xff", trailingData, 2},
		{"10,001 arrays", strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), tooDeep, 10_000},
		{"a million arrays", strings.Repeat("[", 1_000_000), tooDeep, 10_000},
		{"10,000 arrays in an object", `{"a":` + strings.Repeat("[", 10_000), tooDeep, 5 + 9_999},

		{"an empty object", `{}`, wellFormed, 0},
		{"an empty array", ` [ ] `, wellFormed, 0},
		{"a text", `"a\"\\\/\b\f\n\r\t\u00e6\uD83D\uDE00æ😀"`, wellFormed, 0},
		{"numbers", `[0,-0,0.0,-1.50E+03,1e5,10e-00]`, wellFormed, 0},
		{"words", `[true,false,null]`, wellFormed, 0},
		{"white space everywhere", " { \"a\" : [ 1 , { } , [ ] ] , \"b\" : { \"c\" : null } } ", wellFormed, 0},
		{"10,000 arrays", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), wellFormed, 0},
		{"10,000 objects", strings.Repeat(`{"":`, 9_999) + "{}" + strings.Repeat("}", 9_999), wellFormed, 0},
		{"9,999 arrays in an object, twice", fmt.Sprintf(`{"a":%[1]s%[2]s,"b":%[1]s%[2]s}`,
			strings.Repeat("[", 9_999), strings.Repeat("]", 9_999)), wellFormed, 0},
	}
	for _, c := range cases {
		t.Run(c.note, func(t *testing.T) {
			if got, at := scanFault(c.message); got != c.want || at != c.at {
				t.Errorf("fault %d at %d, want %d at %d", got, at, c.want, c.at)
			}
		})
	}
}

func TestScanner_FindsEverySpecialByteAtEveryPlace(t *testing.T) {
	for special := range 256 {
		b := byte(special)
		want := b < ' ' || b >= utf8.RuneSelf || b == '"' || b == '\\'
		for at := range 20 {
			data := bytes.Repeat([]byte{'a'}, 24)
			data[at] = b
			end := plainEnd(data, 0)
			if want && end != at || !want && end != len(data) {
				t.Fatalf("%#x at %d: the run ends at %d", b, at, end)
			}
		}
	}
}

// FuzzScanner compares with encoding/json, which is as strict but for UTF-8 and
// surrogates; those are looked for in another way.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":"\ud83d\ude00"}],"a":null}`, `[[],{}]`, `"\ud800"`, "\"\xff\"", `-0.5e-3 `, `{"a":tru}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		var s scanner
		var m member
		s.reset(message)
		s.space()
		got := s.value(&m.value, 1) && s.end()
		want := json.Valid(message) && utf8.Valid(message) && !holdsLoneSurrogate(message)
		if got != want {
			t.Fatalf("%q: accepted %t, want %t", message, got, want)
		}
		if got != (s.fault == wellFormed) {
			t.Fatalf("%q: accepted %t with fault %d", message, got, s.fault)
		}
		if got && s.data[0] == '{' {
			compareMembers(t, message)
		}
	})
}

// compareMembers reads an object with both and compares names, types and texts.
func compareMembers(t *testing.T, message []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(message))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var s scanner
	s.reset(message)
	s.pos++
	var m member
	for s.member(&m) {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendUnescaped(nil, m.name.raw)); got != name {
			t.Fatalf("%q: name %q, want %q", message, got, name)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		want := nullKind
		switch raw[0] {
		case 't':
			want = trueKind
		case 'f':
			want = falseKind
		case '[':
			want = arrayKind
		case '{':
			want = objectKind
		case '"':
			want = textKind
			var text string
			if err := json.Unmarshal(raw, &text); err != nil {
				t.Fatal(err)
			}
			if got := string(appendUnescaped(nil, m.value.raw)); got != text {
				t.Fatalf("%q: text %q, want %q", message, got, text)
			}
			if !m.value.escaped && string(m.value.raw) != text {
				t.Fatalf("%q: escapes were overlooked", message)
			}
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			want = numberKind
			if string(m.value.raw) != string(raw) {
				t.Fatalf("%q: number %q, want %q", message, m.value.raw, raw)
			}
		}
		if m.value.kind != want {
			t.Fatalf("%q: kind %d, want %d", message, m.value.kind, want)
		}
	}
	if d.More() {
		t.Fatalf("%q: members were left out", message)
	}
}

// holdsLoneSurrogate looks for a \u escape of half a pair. The message is valid
// JSON, where a backslash stands in texts only.
func holdsLoneSurrogate(message []byte) bool {
	high := false
	for i := 0; i < len(message); {
		low, size := false, 1
		isHigh := false
		if message[i] == '\\' {
			size = 2
			if i+6 <= len(message) && message[i+1] == 'u' {
				size = 6
				code := strings.ToLower(string(message[i+2 : i+4]))
				isHigh = code >= "d8" && code <= "db"
				low = code >= "dc" && code <= "df"
			}
		}
		if high != low {
			return true
		}
		high = isHigh
		i += size
	}
	return high
}
