package transform

import (
	"strings"
	"testing"

	"github.com/pianola/pianola/schemas"
)

// TestApply_LimitAndPrefix: the limit is measured on the value as Kafka has it,
// and goes before what the value says.
func TestApply_LimitAndPrefix(t *testing.T) {
	const prefix = "\x00\x00\x00\x00\x07"
	message := `{` + least + `}`
	cases := []struct {
		note, message string
		limit         int
		want          schemas.Reason // or stored
	}{
		{"exactly the limit, prefix included", prefix + message, len(prefix + message), ""},
		{"over it by the prefix alone", prefix + message, len(message), schemas.TooLarge},
		{"too large and no JSON", message + "}", len(message), schemas.TooLarge},
		{"too large and white space", strings.Repeat(" ", 9), 8, schemas.TooLarge},
		{"a space between prefix and brace", prefix + " " + message, 1000, schemas.InvalidJSON},
		{"a prefix and nothing", prefix, 1000, schemas.InvalidJSON},
		{"a prefix of four bytes", prefix[1:] + message, 1000, schemas.InvalidJSON},
		{"a prefix twice", prefix + prefix + message, 1000, schemas.InvalidJSON},
		{"an id that looks like an object", "\x00{{{{" + message, 1000, ""},
		{"another first byte", "\x01\x00\x00\x00\x07" + message, 1000, schemas.InvalidJSON},
	}
	for _, c := range cases {
		t.Run(c.note, func(t *testing.T) {
			config := Defaults()
			config.MaxMessageBytes = c.limit
			if r := newWorker(t, config).Apply([]byte(c.message), sampleNow); r.Reason != c.want || r.Field != "" {
				t.Errorf("got %s %q %q, want %q", r.Outcome, r.Reason, r.Field, c.want)
			}
		})
	}
}
