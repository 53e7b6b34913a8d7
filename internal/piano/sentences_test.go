package piano

import (
	"encoding/json"
	"testing"
)

// A text that is not a known sentence is not shown, also when all its words are known.
func TestSentence_ShowsNoName(t *testing.T) {
	for text, want := range map[string]string{
		"Subscription not found.":                          "subscription not found",
		"Validation failed":                                "validation failed",
		"User Will Page not found":                         withheld,
		"user will page not found":                         withheld,
		"User not found: Price Bill":                       withheld,
		"Subscription not found. Request by Grant Long":    withheld,
		"User Kari Nordmann (kari@example.com) not found":  withheld,
		"invalid value \"Ola\" for next_bill_date":         withheld,
		"Subscription not found \u0421\u0430\u0448\u0430!": withheld,
		"token=abc": withheld,
		"":          "",
		" \n ":      "",
	} {
		if got := sentence(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestValidation_ShowsKnownParametersAndTextsOnly(t *testing.T) {
	for raw, want := range map[string]string{
		`"must be a number"`: "must be a number", `"may be Will's"`: "invalid", `3`: "invalid", `""`: "invalid",
	} {
		if got := validation(json.RawMessage(raw)); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
	if parameter("uid") != "uid" || parameter("Will Page") != "another parameter" {
		t.Error("an unknown parameter is shown")
	}
}
