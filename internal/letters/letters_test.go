package letters

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/schemas"
)

func TestMeanings_CoverEveryReason(t *testing.T) {
	all := meanings()
	for _, reason := range schemas.Reasons() {
		if all[reason] == "" {
			t.Errorf("%s means nothing to an operator", reason)
		}
	}
	if len(all) != len(schemas.Reasons()) {
		t.Errorf("%d meanings for %d reasons", len(all), len(schemas.Reasons()))
	}
}

func TestParseCoordinates_RoundTrip(t *testing.T) {
	for _, at := range []schemas.Coordinates{
		{Name: "piano.events", Partition: 3, Offset: 17}, {Name: "piano.events", Epoch: 2, Partition: 0, Offset: 0},
		{Name: "exports/2026/a@b.ndjson", Offset: 4}, {Name: "x", Partition: 1<<31 - 1, Offset: 1<<63 - 1},
	} {
		if got, err := ParseCoordinates(at.String()); err != nil || got != at {
			t.Errorf("%s: got %+v, %v", at, got, err)
		}
	}
	for _, text := range []string{"", "a", "a/1", "/1/2", "a/x/1", "a/1/x", "a/-1/2", "a/1/-2", "a/1/99999999999999999999"} {
		if got, err := ParseCoordinates(text); !errors.Is(err, ErrCoordinates) {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

func TestParseCursor_RoundTrip(t *testing.T) {
	l := Letter{Name: "exports/a@b.ndjson", Epoch: 2, Partition: 3, Offset: 4, DecidedAt: time.UnixMilli(1_750_000_000_123).UTC()}
	got, err := ParseCursor(l.Cursor().String())
	if err != nil || got != l.Cursor() {
		t.Errorf("got %+v, %v", got, err)
	}
	if first, err := ParseCursor(""); err != nil || !first.IsZero() {
		t.Errorf("the first page: %+v, %v", first, err)
	}
	for _, text := range []string{"x", "1", "-1/a/0/1", "1/a/b/c", "x/a/0/1"} {
		if got, err := ParseCursor(text); err == nil {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

func TestCheckNote(t *testing.T) {
	for text, ok := range map[string]bool{
		"older than retention, INC-42": true, "": true, "asked by someone@example.com": false, "two\nlines": false,
		"\xff": false, strings.Repeat("ä", 500): true, strings.Repeat("ä", 501): false,
	} {
		if err := CheckNote(text); (err == nil) != ok {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
