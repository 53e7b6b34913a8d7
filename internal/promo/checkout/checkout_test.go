package checkout_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pianola/pianola/internal/promo/checkout"
)

func valid() checkout.Snippet {
	return checkout.Snippet{OfferID: "OFABC", TermID: "TMABC", PromoCode: "SPRING20", Audience: "ended?days=30", ReportTo: "/conversion"}
}

func TestSnippet_Validate(t *testing.T) {
	s := valid()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*checkout.Snippet){
		"offer: want the id":       func(s *checkout.Snippet) { s.OfferID = `x"` },
		"term: want the id":        func(s *checkout.Snippet) { s.TermID = "" },
		"template: want the id":    func(s *checkout.Snippet) { s.TemplateID = "</script>" },
		"code: want 1 to 500":      func(s *checkout.Snippet) { s.PromoCode = " " },
		"audience: want 1 to 500":  func(s *checkout.Snippet) { s.Audience = "a\nb" },
		"report: want a path":      func(s *checkout.Snippet) { s.ReportTo = "https://elsewhere.example/x" },
		"report: want a path of":   func(s *checkout.Snippet) { s.ReportTo = "//elsewhere.example/x" },
		"report: want a path of t": func(s *checkout.Snippet) { s.ReportTo = `/\elsewhere.example/x` },
		"path of the page's own":   func(s *checkout.Snippet) { s.ReportTo = "javascript:alert(1)" },
	} {
		s := valid()
		change(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestSnippet_KeepsValuesInsideLiterals: each value is one JSON literal of the
// script, and no text ends a script element, a comment or a line.
func TestSnippet_KeepsValuesInsideLiterals(t *testing.T) {
	plain := valid()
	form := regexp.MustCompile(`^\(function \(\) \{\n  "use strict";\n  var offer = (.*);\n  var audience = (.*);\n  var reportTo = (.*);\n`)
	rest := func(script string) string { return script[len(form.FindString(script)):] }
	rapid.Check(t, func(r *rapid.T) {
		hostile := rapid.SampledFrom([]string{`";alert(1);//`, "</script><script>", "<!--", "\u2028", "\u2029", `\`, `'`, "`${x}`", "%s", "]]>", "&lt;", "å"})
		s := valid()
		s.PromoCode = rapid.StringN(0, 30, -1).Draw(r, "text") + hostile.Draw(r, "code")
		s.Audience = hostile.Draw(r, "audience") + rapid.StringN(0, 30, -1).Draw(r, "more")
		if s.Validate() != nil {
			return
		}
		script := s.JavaScript()
		for _, bad := range []string{"</", "<!--", "\u2028", "\u2029"} {
			if strings.Contains(script, bad) {
				r.Fatalf("%q is in %s", bad, script)
			}
		}
		parts := form.FindStringSubmatch(script)
		if parts == nil || rest(script) != rest(plain.JavaScript()) {
			r.Fatalf("a value has left its literal: %s", script)
		}
		var offer map[string]string
		var audience string
		if json.Unmarshal([]byte(parts[1]), &offer) != nil || json.Unmarshal([]byte(parts[2]), &audience) != nil || offer["promoCode"] != s.PromoCode || audience != s.Audience {
			r.Fatalf("%q and %q are %s and %s", s.PromoCode, s.Audience, parts[1], parts[2])
		}
	})
}
