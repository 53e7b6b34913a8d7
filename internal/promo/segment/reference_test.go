package segment_test

import (
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/promo/segment"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"ended":                           "ended?days=30",
		" ended?days=090 ":                "ended?days=90",
		"ended?country=NO&days=7":         "ended?days=7&country=NO",
		"at_risk":                         "at_risk",
		"at_risk?resource=News+%26+Sport": "at_risk?resource=News+%26+Sport",
		"redeemed_code?code=Spring20":     "redeemed_code?code=Spring20",
	} {
		r, err := segment.Parse(text)
		if err != nil || r.String() != want {
			t.Errorf("%q: got %q, %v; want %q", text, r, err, want)
			continue
		}
		again, err := segment.Parse(r.String())
		if err != nil || again.String() != r.String() {
			t.Errorf("%q: read again it is %q, %v", r, again, err)
		}
	}
	for text, want := range map[string]string{
		"nothing":                          "use one of never_redeemed, ended",
		"ended?days=0":                     "days: want a whole number from 1 to 3650",
		"ended?days=x&country=%00":         "country: want at most 200 printable characters",
		"ended?days=1&days=2":              "days: is given more than once",
		"ended?day=3":                      "a parameter that it does not have",
		"ended?days=%zz":                   "parameters are written name=value",
		"redeemed_code":                    "code: is required",
		"at_risk?resource=ada@example.com": "resource: contains an address",
	} {
		_, err := segment.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "ada@") {
			t.Errorf("the error repeats a value: %v", err)
		}
	}
}
