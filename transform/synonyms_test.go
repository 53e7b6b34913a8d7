package transform

import (
	"testing"

	"github.com/pianola/pianola/schemas"
)

func TestSynonymsVersion_ChangesWithAMeaning(t *testing.T) {
	version := SynonymsVersion()
	if len(version) != synonymsVersionDigits || version != SynonymsVersion() {
		t.Errorf("got %q, then %q", version, SynonymsVersion())
	}
	more, other := newActions(), newActions()
	more["ended"] = []byte(schemas.Expired)
	other["lapsed"] = []byte(schemas.Canceled)
	if a, b := versionOf(more), versionOf(other); a == version || b == version || a == b {
		t.Errorf("one more: %s; another meaning: %s; the list: %s", a, b, version)
	}
}

func TestRules_CanonicalAction(t *testing.T) {
	config := Defaults()
	config.ActionSynonyms = map[string]string{"on hold": schemas.Canceled}
	rules, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"auto_renew-Disabled": schemas.AutoRenewDisabled, "CANCELED": schemas.Canceled, "lapsed": schemas.Expired,
		"On-Hold": schemas.Canceled, "paused": "", "résumé": "", "": "",
	} {
		if got, known := rules.CanonicalAction(text); got != want || known != (want != "") {
			t.Errorf("%q: got %q, known %v; want %q", text, got, known, want)
		}
	}
}
