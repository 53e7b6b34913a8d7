package transform

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// The grammar of an address, written down a second time: slowly, rune by rune,
// trying every split. It shares nothing with address.go and normalform.go.

// referenceNormal is the normal form by contract §2, stage 4.
func referenceNormal(text string) string {
	removed := []*unicode.RangeTable{{R16: []unicode.Range16{
		{Lo: 0xad, Hi: 0xad, Stride: 1}, {Lo: 0x34f, Hi: 0x34f, Stride: 1}, {Lo: 0x61c, Hi: 0x61c, Stride: 1},
		{Lo: 0x200b, Hi: 0x200f, Stride: 1}, {Lo: 0x202a, Hi: 0x202e, Stride: 1}, {Lo: 0x2060, Hi: 0x2064, Stride: 1},
		{Lo: 0x2066, Hi: 0x2069, Stride: 1}, {Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, {Lo: 0xfeff, Hi: 0xfeff, Stride: 1},
	}}}
	var kept strings.Builder
	for i, r := range text {
		switch {
		case unicode.In(r, removed...):
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			kept.WriteByte(text[i])
		default:
			kept.WriteRune(r)
		}
	}
	return norm.NFC.String(strings.NewReplacer("\uff20", "@", "\ufe6b", "@", "%40", "@",
		"\uff0e", ".", "\u3002", ".", "\uff61", ".", "\ufe52", ".").Replace(kept.String()))
}

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

// referenceHash is the replacement of an address in its normal form.
func referenceHash(address string) string {
	sum := sha256.Sum256([]byte(strings.Map(unicode.ToLower, address)))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// checkGuard compares the guard and the whole address with the grammar. The guard
// changes nothing but the addresses, so both sides are compared in the normal form.
func checkGuard(t rapid.TB, w *Worker, text string) {
	normal := referenceNormal(text)
	want := referenceGuard(normal, referenceHash)
	w.arena = w.arena[:0]
	guarded := string(w.guard([]byte(text)))
	if got := referenceNormal(guarded); got != want {
		t.Fatalf("%q became %q, in the normal form %q; want %q", text, guarded, got, want)
	}
	if want == normal && guarded != text {
		t.Fatalf("%q became %q without an address", text, guarded)
	}
	whole := strings.TrimFunc(normal, func(r rune) bool { return unicode.Is(unicode.White_Space, r) })
	address, ok := w.addresses.whole([]byte(text))
	if ok != referenceIsAddress([]rune(whole)) || ok && string(address) != whole {
		t.Fatalf("%q: whole address %q %t", text, address, ok)
	}
	if got, ok := HashAddress(text); ok && "sha256:"+got != referenceHash(whole) {
		t.Fatalf("%q has the hash %s", text, got)
	}
}

func TestGuard_AgreesWithTheGrammar(t *testing.T) {
	w := newWorker(t, Defaults())
	for name, alphabet := range map[string]string{
		"ASCII and letters": "aZ9@@@@...-_+'`:;<>()[]\",\\ \té☃\u0085\u00a0\u3000\x7f\x00İ😀",
		"disguised":         "aZ9@.%%440\uff20\ufe6b\uff0e\u3002\uff61\ufe52\u00ad\u200b\ufeff\ufe0f \t,",
		"combining":         "aeZ9@@..<=> ;\u0301\u0338\u0323\u034f\u037e\u0958\u09c7\u09be\u212a\u1100\u1161\u200d",
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				checkGuard(t, w, string(rapid.SliceOfN(rapid.SampledFrom([]rune(alphabet)), 0, 24).Draw(t, "text")))
			})
		})
	}
}

// TestGuard_DisguisedAddress shows what stays of a text around an address that is
// found only in the normal form: everything else, as it was.
func TestGuard_DisguisedAddress(t *testing.T) {
	kim := referenceHash("kim@example.com")
	for text, want := range map[string]string{
		"<kim%40example.com>":                        "<" + kim + ">",
		"100% of kim%40example.com %40 %4":           "100% of " + kim + " %40 %4",
		"Å kim\uff20example.com Å":                   "Å " + kim + " Å",
		"\u200bkim@exa\u00admple\u3002com\ufeff!":    "\u200b" + kim + "\ufeff!",
		"k\u2060im%\u200b40example\uff0ecom;a\u0301": kim + ";a\u0301",
		"KIM@example.com e\u0301":                    kim + " e\u0301",
		"kim%2540example.com":                        "kim%2540example.com",
		"jose\u0301@example.com":                     referenceHash("josé@example.com"),
		"a@b.e\u0301":                                "a@b.e\u0301", // the last label is one letter
		"a@x.c=\u0338":                               referenceHash("a@x.c≠"),
	} {
		if got := Guard(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// TestGuard_LongTexts has texts with very many signs that could begin an address.
// A guard that is not linear would take hours for them.
func TestGuard_LongTexts(t *testing.T) {
	w := newWorker(t, Defaults())
	for _, piece := range []string{"@", "a@", "%40", "a%40b.", "\uff20", "e\u0301", "a@\u200b", "%4\u200b", "=\u0338@"} {
		text := []byte(strings.Repeat(piece, 4<<20/len(piece)))
		w.arena = w.arena[:0]
		if got := w.guard(text); !bytes.Equal(got, text) {
			t.Errorf("%q repeated was changed", piece)
		}
	}
}

func TestInternal_DisguisedAddress(t *testing.T) {
	config := Defaults()
	config.InternalEmailDomains = []string{"CORP\uff0eexample"}
	w := newWorker(t, config)
	for _, address := range []string{"kim%40corp.example", "kim@corp\u3002example", "k\u200bim\uff20corp.exam\u00adple"} {
		for _, name := range []string{"user_email", "email", "user_email_hash_sha256", "user_id"} {
			raw, err := json.Marshal(address)
			if err != nil {
				t.Fatal(err)
			}
			if outcome, _, _, _ := printed(t, w, sampleNow, map[string]json.RawMessage{name: raw}); outcome != "filtered" {
				t.Errorf("%q as %s is %s", address, name, outcome)
			}
		}
		if !w.rules.Internal("", address) || !w.rules.Internal(address, "") {
			t.Errorf("%q is not internal", address)
		}
	}
}

func TestRedact_DisguisedAddress(t *testing.T) {
	w := newWorker(t, Defaults())
	got := w.Redact([]byte(`{"user_email":"kim%40example.com","term_name":"for k\u200bim\uff20example.com","a%40b.cc":1}`))
	want := `{"user_email":"` + referenceHash("kim@example.com") + `","term_name":"for ` + referenceHash("kim@example.com") +
		`","` + referenceHash("a@b.cc") + `":"number"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestAddresses_AllocateNothing covers what the sample of the benchmark does not.
func TestAddresses_AllocateNothing(t *testing.T) {
	w := newWorker(t, Defaults())
	for _, text := range []string{"100% of kim@example.com", "søren%40example.com", "ＡＢＣ", "see josé\uff20example.com"} {
		message := []byte(`{` + least + `,"term_name":"` + text + `"}`)
		w.Apply(message, sampleNow)
		if n := testing.AllocsPerRun(100, func() { w.Apply(message, sampleNow) }); n != 0 {
			t.Errorf("%q: %v allocations", text, n)
		}
	}
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
