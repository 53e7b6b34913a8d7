package main

import (
	"strings"
	"testing"
	"time"
)

func TestParseInstant(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-31T12:00:00Z":             "2026-01-31T12:00:00Z",
		"2026-01-31T12:00Z":                "2026-01-31T12:00:00Z",
		"2026-01-31T12:00:00.25+01:00":     "2026-01-31T11:00:00.25Z",
		"2026-01-31 12:00-05:00":           "2026-01-31T17:00:00Z",
		"2026-01-31 UTC":                   "2026-01-31T00:00:00Z",
		"2026-07-31 12:00 Europe/Berlin":   "2026-07-31T10:00:00Z",
		" 2026-01-31T12:00 Europe/Berlin ": "2026-01-31T11:00:00Z",
		// An hour before and after a change of the clocks there is no doubt.
		"2026-03-29 01:59 Europe/Berlin": "2026-03-29T00:59:00Z",
		"2026-03-29 03:00 Europe/Berlin": "2026-03-29T01:00:00Z",
		"2026-10-25 01:59 Europe/Berlin": "2026-10-24T23:59:00Z",
		"2026-10-25 03:00 Europe/Berlin": "2026-10-25T02:00:00Z",

		"2026-03-29 02:30 Europe/Berlin": "skip this time",
		"2026-10-25 02:30 Europe/Berlin": "show this time twice",
		"2026-01-31T12:00:00":            "with an offset or zone",
		"2026-01-31":                     "with an offset or zone",
		"2026-01-31 12:00 Local":         "with an offset or zone",
		"2026-01-31 12:00 Nowhere/Else":  "with an offset or zone",
		"2026-01-31 12:00 ":              "with an offset or zone",
		"noon UTC":                       "with an offset or zone",
		"2026-02-30T12:00:00Z":           "with an offset or zone",
		"":                               "with an offset or zone",
	} {
		at, err := parseInstant(text)
		switch {
		case err != nil && !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want %s", text, err, want)
		case err == nil && at.Format(time.RFC3339Nano) != want:
			t.Errorf("%q: got %s, want %s", text, at.Format(time.RFC3339Nano), want)
		}
	}
	if _, err := parsePast("2026-01-31T12:00:00Z", time.Date(2026, 1, 31, 11, 59, 59, 0, time.UTC)); err == nil {
		t.Error("a time to come is accepted")
	}
}
