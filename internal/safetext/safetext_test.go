package safetext

import (
	"encoding/json"
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// harmful are characters of every kind: C0, DEL, C1, directions, invisible ones, separators,
// and one beyond the basic plane.
const harmful = "\x00\a\b\r\x1b\x7f\u0080\u009b\u00ad\u061c\u200b\u200e\u200f\u202a\u202e\u2028\u2029\u2066\u2069\ufeff\U000e0041"

func harmless(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			t.Errorf("%+q contains %U", text, r)
		}
	}
}

func TestCell_IsOneLine(t *testing.T) {
	got := Cell("a" + harmful + "\n\t\xff" + "ø✓")
	harmless(t, got)
	if strings.ContainsAny(got, "\n\t") || !strings.HasPrefix(got, "a·") || !strings.HasSuffix(got, "·ø✓") {
		t.Errorf("got %q", got)
	}
}

func TestName_StaysInItsLine(t *testing.T) {
	for name, want := range map[string]string{
		"/data/März 2026.csv": "/data/März 2026.csv", "a\nb": `"a\nb"`, "a\tb": `"a\tb"`, "\x9b": `"\x9b"`, "": "",
	} {
		if got := Name(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	harmless(t, Name("a"+harmful))
	cause := &fs.PathError{Op: "open", Path: "a\nb", Err: fs.ErrNotExist}
	if err := NameError(cause); err.Error() != `open "a\nb": file does not exist` || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestLines_KeepsLayout(t *testing.T) {
	got := Lines("a\tb\n" + harmful + "\x9b\x1b[31mred\x1b[0m ø✓\n")
	harmless(t, got)
	if !strings.HasPrefix(got, "a\tb\n\\u0000\\u0007") || !strings.HasSuffix(got, "\\x9b\\u001b[31mred\\u001b[0m ø✓\n") {
		t.Errorf("got %q", got)
	}
	if got := Lines("\x1b[31mred\x1b[0m\x1b[2J", "\x1b[31m", "\x1b[0m"); got != "\x1b[31mred\x1b[0m\\u001b[2J" {
		t.Errorf("got %q, want only the listed sequences", got)
	}
	if text := "ø✓ \n\t plain"; Lines(text) != text {
		t.Errorf("got %q", Lines(text))
	}
}

func TestLines_KeepsTheValueOfJSON(t *testing.T) {
	value := map[string][]string{harmful: {harmful, "ø✓", "plain \\ \""}}
	encoded, err := json.MarshalIndent(value, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got := Lines(string(encoded))
	harmless(t, got)
	var back map[string][]string
	if err := json.Unmarshal([]byte(got), &back); err != nil || !reflect.DeepEqual(back, value) {
		t.Errorf("%s reads as %q, %v", got, back, err)
	}
}

func TestWriter_ReportsWhatItWasGiven(t *testing.T) {
	var out strings.Builder
	if n, err := Writer(&out).Write([]byte("a\u009bb")); n != 4 || err != nil || out.String() != `a\u009bb` {
		t.Errorf("got %d, %v, %q", n, err, out.String())
	}
}

func FuzzLines(f *testing.F) {
	f.Add(harmful)
	f.Add("\x9b[31m")
	f.Fuzz(func(t *testing.T, text string) {
		harmless(t, Cell(text))
		harmless(t, Lines(text))
		if !utf8.ValidString(Lines(text)) {
			t.Errorf("%q became %q", text, Lines(text))
		}
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var before, after string
		if err := errors.Join(json.Unmarshal(encoded, &before), json.Unmarshal([]byte(Lines(string(encoded))), &after)); err != nil || after != before {
			t.Errorf("%q became %q, %v", before, after, err)
		}
	})
}
