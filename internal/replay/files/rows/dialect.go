package rows

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/pianola/pianola/internal/piano/subscriptionlog"
)

// Stated is what the user has stated about a dialect.
type Stated struct {
	Separator   byte // 0: to be detected
	Quote       byte // 0 with QuoteStated: none
	QuoteStated bool
}

// errSubscriptionLog is another file of Piano, with another command.
var errSubscriptionLog = errors.New("the subscription log of Piano's console, which has no events; compare it with pianola reconcile --csv FILE")

// DetectDialect finds the dialect in which the header has the required columns. The quote
// that the header does not show is taken from the first rows: " unless only ' encloses
// cells.
func DetectDialect(head []byte, s Stated, names Names) (Dialect, error) {
	separators, quotes := []byte{',', ';', '\t', '|'}, []byte{'"', '\''}
	if s.Separator != 0 {
		separators = []byte{s.Separator}
	}
	if s.QuoteStated {
		quotes = []byte{s.Quote}
	}
	head = bytes.TrimPrefix(head, []byte(byteOrderMark))
	var found []Dialect
	var failed error
	known := -1
	for _, separator := range separators {
		for _, quote := range quotes {
			d := Dialect{separator, quote}
			titles, err := headerOf(head, d)
			if err == nil {
				if subscriptionlog.IsHeader(titles) {
					return Dialect{}, errSubscriptionLog
				}
				if _, _, err = names.match(titles); err == nil {
					found = append(found, d)
					continue
				}
			}
			// The error of the dialect that understands most of the header.
			if n := names.count(titles); n > known {
				known, failed = n, err
			}
		}
	}
	switch {
	case len(found) == 0 && known <= 0 && s.Separator == 0:
		return Dialect{}, errors.New("neither JSON nor a header of CSV with documented columns; the first line must have their names, or aliases in transform.field_aliases")
	case len(found) == 0:
		return Dialect{}, failed
	case len(found) == 1:
		return found[0], nil
	}
	for _, d := range found[1:] {
		if d.Separator == found[0].Separator && enclosed(head, found[0]) == 0 && enclosed(head, d) > 0 {
			return d, nil
		}
	}
	return found[0], nil
}

// headerOf returns the names in the first record.
func headerOf(head []byte, d Dialect) ([]string, error) {
	header, err := newRecords(bytes.NewReader(head), d.Quote, HeadBytes).next()
	if err != nil {
		return nil, errNoHeader
	}
	return splitCells(header, d)
}

// count is the number of documented names.
func (n Names) count(titles []string) (known int) {
	for _, title := range titles {
		if _, is := n.canonical[title]; is {
			known++
		}
	}
	return known
}

// enclosed counts the cells in quotes of the head's first records after the header.
func enclosed(head []byte, d Dialect) (count int) {
	const sample = 100
	all := newRecords(bytes.NewReader(head), d.Quote, HeadBytes)
	for i := range sample {
		record, err := all.next()
		if err != nil {
			return count // the head may end inside a record
		}
		if i == 0 {
			continue
		}
		quoted, failed := 0, false
		p := cellParser{d: d, rest: record}
		for more := true; more && !failed; {
			if len(p.rest) > 0 && p.rest[0] == d.Quote {
				quoted++
			}
			_, more, err = p.next()
			failed = err != nil
		}
		if !failed {
			count += quoted
		}
	}
	return count
}

// String describes a dialect to a user.
func (d Dialect) String() string {
	separators := map[byte]string{',': "comma", ';': "semicolon", '\t': "tab", '|': "bar"}
	name, common := separators[d.Separator]
	if !common {
		name = fmt.Sprintf("%q", d.Separator)
	}
	quote := string(rune(d.Quote))
	if d.Quote == 0 {
		quote = "none"
	}
	return "separator " + name + ", quote " + quote
}
