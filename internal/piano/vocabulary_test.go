package piano

import (
	"strings"
	"testing"
)

func TestShown_HoldsNobodysName(t *testing.T) {
	for text, want := range map[string]string{
		"Subscription not found.":                             "Subscription not found.",
		"User Kari Nordmann (kari@example.com) not found":     "User … not found",
		"kari nordmann has no subscription RC123, try again!": "… has no subscription … try …",
		"invalid value \"Ola\" for next_bill_date":            "invalid value … for next_bill_date",
		"token=abc":                "…",
		"not\nfound\x00":           "not …",
		"":                         "",
		strings.Repeat("not ", 80): strings.Repeat("not ", 60) + "…",
	} {
		if got := shown(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
