package segment

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/transform"
)

// Parameter is a value that a definition takes.
type Parameter struct {
	Name string `json:"name"`
	Type string `json:"type"` // Integer or Text
	// Min and Max bound an integer.
	Min int `json:"min,omitempty"`
	Max int `json:"max,omitempty"`
	// Default is the value without one in the reference. An empty text means any.
	Default  string `json:"default"`
	Required bool   `json:"required,omitempty"`
	Text     string `json:"text"`
}

// The types of parameters.
const (
	Integer = "integer"
	Text    = "text"
)

// maxText bounds the value of a text.
const maxText = 200

// check returns the value in its normal form. Errors do not repeat it: it may be misplaced.
func (p Parameter) check(value string) (string, error) {
	value = strings.TrimSpace(value)
	if p.Type == Integer {
		n, err := strconv.Atoi(value)
		if err != nil || n < p.Min || n > p.Max {
			return "", fmt.Errorf("%s: want a whole number from %d to %d", p.Name, p.Min, p.Max)
		}
		return strconv.Itoa(n), nil
	}
	switch {
	case value == "" && p.Required:
		return "", fmt.Errorf("%s: is required", p.Name)
	case utf8.RuneCountInString(value) > maxText || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return "", fmt.Errorf("%s: want at most %d printable characters", p.Name, maxText)
	case transform.Guard(value) != value:
		return "", fmt.Errorf("%s: contains an address, and references are stored", p.Name)
	}
	return value, nil
}

// sent is the value as a query parameter.
func (p Parameter) sent(value string) string { return statement.Text(value) }

// filters are the parameters that every definition takes beside its own.
func filters() []Parameter {
	return []Parameter{
		{Name: "country", Type: Text, Text: "billing country of the subscription, two letters"},
		{Name: "resource", Type: Text, Text: "name of what was subscribed to"},
		{Name: "term", Type: Text, Text: "name of the term"},
	}
}

// filterCondition is their part of the query.
const filterCondition = `({country:String} = '' OR ifNull(s.country, '') = upper({country:String}))
  AND ({resource:String} = '' OR ifNull(s.resource_name, '') = {resource:String})
  AND ({term:String} = '' OR ifNull(s.term_name, '') = {term:String})`
