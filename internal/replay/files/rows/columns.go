package rows

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/pianola/pianola/schemas"
)

// Names are the names that a column may have: the fields of the contract and their
// aliases.
type Names struct {
	canonical map[string]string
}

// NewNames returns the documented names, with the aliases of transform.field_aliases.
func NewNames(aliases map[string]string) Names {
	n := Names{canonical: map[string]string{"user_email": "user_email", "email": "email"}}
	for _, c := range schemas.ContractColumns() {
		n.canonical[c.Name] = c.Name
	}
	for alias, name := range aliases {
		n.canonical[alias] = name
	}
	return n
}

// required are the fields without which every row would be a dead letter.
func required() []string {
	return []string{"subscription_id", "event_timestamp", "subscription_action"}
}

// Columns describes the columns of a file. Its texts come from the header of the file,
// which has been recognized as one.
type Columns struct {
	Known   []string `json:"known"`             // documented fields, in the order of the file
	Ignored []string `json:"ignored,omitempty"` // other columns
	// Similar are ignored columns that a documented field may have under another
	// spelling.
	Similar map[string]string `json:"similar,omitempty"`
}

// match finds the documented field of each name, empty for a column to ignore.
func (n Names) match(names []string) (fields []string, c Columns, err error) {
	fields = make([]string, len(names))
	at := map[string]int{}
	for i, name := range names {
		field, known := n.canonical[name]
		if !known {
			continue
		}
		if first, twice := at[field]; twice {
			return nil, Columns{}, fmt.Errorf("columns %d and %d are both %s; remove or rename one of them", first+1, i+1, field)
		}
		at[field], fields[i] = i, field
		c.Known = append(c.Known, field)
	}
	for _, field := range required() {
		if _, has := at[field]; !has {
			return nil, Columns{}, &missingColumnError{field}
		}
	}
	for i, name := range names {
		if fields[i] != "" {
			continue
		}
		c.Ignored = append(c.Ignored, name)
		if field := n.similar(name); field != "" {
			if _, has := at[field]; !has {
				if c.Similar == nil {
					c.Similar = map[string]string{}
				}
				c.Similar[name] = field
			}
		}
	}
	return fields, c, nil
}

// missingColumnError is a header without a required column.
type missingColumnError struct{ field string }

func (e *missingColumnError) Error() string {
	return fmt.Sprintf("the file has no column %s; the names must be the documented ones, or aliases in transform.field_aliases", e.field)
}

// similar finds the documented field whose letters and digits a name has.
func (n Names) similar(name string) string {
	letters := func(text string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return unicode.ToLower(r)
			}
			return -1
		}, text)
	}
	want := letters(name)
	for known, field := range n.canonical {
		if known == field && want != "" && letters(known) == want {
			return field
		}
	}
	return ""
}

// member is the start of a member of a JSON object.
func member(name string) string {
	quoted, err := json.Marshal(name)
	if err != nil {
		panic("a text has no JSON: " + err.Error()) // it always has
	}
	return string(quoted) + ":"
}
