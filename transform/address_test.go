package transform

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// The grammar of an address, written down a second time: slowly, rune by rune,
// trying every split. It shares nothing with address.go.

func referenceLocal(r rune) bool {
	return !unicode.Is(unicode.White_Space, r) && !unicode.Is(unicode.Cc, r) && !strings.ContainsRune("@()<>[],;:\"\\", r)
}

func referenceLetter(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' ||
		r > unicode.MaxASCII && !unicode.Is(unicode.White_Space, r) && !unicode.Is(unicode.Cc, r)
}

func referenceDomain(r rune) bool {
	return referenceLetter(r) || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.'
}

func referenceIsAddress(text []rune) bool {
	at := -1
	for i, r := range text {
		if r == '@' {
			at = i
			break
		}
		if !referenceLocal(r) {
			return false
		}
	}
	if at < 1 {
		return false
	}
	domain := text[at+1:]
	dot := -1
	for i, r := range domain {
		if !referenceDomain(r) {
			return false
		}
		if r == '.' {
			dot = i
		}
	}
	return dot >= 0 && len(domain)-dot-1 >= 2 && referenceLetter(domain[dot+1])
}

// referenceGuard takes the longest match, left to right, without overlap.
func referenceGuard(text string, replace func(address string) string) string {
	var out strings.Builder
	runes := []rune(text)
	for start := 0; start < len(runes); {
		match := 0
		for end := start + 1; end <= len(runes); end++ {
			if referenceIsAddress(runes[start:end]) {
				match = end
			}
		}
		if match == 0 {
			out.WriteRune(runes[start])
			start++
			continue
		}
		out.WriteString(replace(string(runes[start:match])))
		start = match
	}
	return out.String()
}

func TestGuard_AgreesWithTheGrammar(t *testing.T) {
	w := newWorker(t, Defaults())
	alphabet := []rune("aZ9@@@@...-_+'`:;<>()[]\",\\ \té☃\u0085\u00a0\u3000\x7f\x00İ😀")
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 24).Draw(t, "text"))
		want := referenceGuard(text, func(address string) string {
			hashed, _ := appendAddressHash([]byte("sha256:"), []byte(address), nil)
			return string(hashed)
		})
		w.arena = w.arena[:0]
		if got := string(w.guard([]byte(text))); got != want {
			t.Fatalf("%q became %q, want %q", text, got, want)
		}
		if got := wholeAddress([]byte(text)); got != referenceIsAddress([]rune(text)) {
			t.Fatalf("%q: whole address %t", text, got)
		}
	})
}

func TestAddressClass_EveryRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		class := addressClass(r)
		if got, want := class&localByte != 0, referenceLocal(r); got != want {
			t.Fatalf("%U is local: %t", r, got)
		}
		if got, want := class&domainByte != 0, referenceDomain(r); got != want {
			t.Fatalf("%U is domain: %t", r, got)
		}
		if got, want := class&letterByte != 0, referenceLetter(r); got != want {
			t.Fatalf("%U is a letter: %t", r, got)
		}
	}
}

func TestAppendLower_EveryRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		if got, want := string(appendLower(nil, []byte(string(r)))), string(unicode.ToLower(r)); got != want {
			t.Fatalf("%U became %q, want %q", r, got, want)
		}
	}
}

func TestGuard_EveryTextField(t *testing.T) {
	const hash = "5d9a0087d4ccdb9bc50e88c4713479119e48a326fd360d647cf1643f3cae13e7" // kim@example.com
	w := newWorker(t, Defaults())
	guarded := 0
	for _, known := range fieldTable {
		if known.shape != textShape {
			continue
		}
		_, reason, _, event := printed(t, w, sampleNow, map[string]json.RawMessage{
			known.name: json.RawMessage(`"for Kim\u0040example.com."`)})
		if event[known.name] != "for sha256:"+hash+"." {
			t.Errorf("%s is %v %s", known.name, event[known.name], reason)
		}
		guarded++
	}
	if guarded != 13 {
		t.Errorf("%d text fields", guarded)
	}
	if w.result.Notes.GuardedAddresses != 1 {
		t.Errorf("notes: %+v", w.result.Notes)
	}
}
