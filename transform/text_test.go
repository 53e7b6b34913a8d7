package transform

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestTrim_ExactlyWhiteSpace(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		want := "a" + string(r) + "b"
		if got := string(trim([]byte(string(r) + want + string(r)))); (got == want) != unicode.Is(unicode.White_Space, r) {
			t.Fatalf("%U: %q", r, got)
		}
	}
	for _, blank := range []string{"", " ", "\u3000\u0085\t", "\u2028"} {
		if got := trim([]byte(blank)); len(got) != 0 {
			t.Errorf("%q became %q", blank, got)
		}
	}
}

func TestHasControl_EveryRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		if got := hasControl([]byte("é" + string(r) + "a")); got != unicode.Is(unicode.Cc, r) {
			t.Fatalf("%U: %t", r, got)
		}
	}
}

func TestActionKey_EveryRune(t *testing.T) {
	w := newWorker(t, Defaults())
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		w.reset()
		w.texts[subscriptionAction] = []byte("Re" + string(r) + "newed")
		w.canonicalise()
		prevents := unicode.Is(unicode.L, r) || unicode.Is(unicode.Nd, r)
		if got := string(w.action) == "Renewed"; got == prevents {
			t.Fatalf("%U: matched %t", r, got)
		}
	}
}
