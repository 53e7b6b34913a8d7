package reconcile

import (
	"regexp"
	"strconv"
	"strings"
)

// Plan is a parsed billing plan, by the grammar of the texts seen so far:
//
//	[PRICE CUR|[N] UNIT|COUNT]…   $119.99 per year   one payment of $99.99   every 3 months   1 month
//
// Everything is optional: a part that the text does not have is empty.
type Plan struct {
	Period   Period
	Price    string // of a recurring period, as written
	Currency string // three capitals; a sentence with $ has no currency
	Segments int    // of the form in brackets; 0 for a sentence
}

// Period is the length of a billing period. Equal lengths are equal values: 12 months
// and 1 year, 1 week and 7 days.
type Period struct{ Months, Days int }

// String is the length in the form of the snapshot, such as "1 month", "2 years" or
// "7 days"; empty for the zero Period.
func (p Period) String() string {
	n, unit := p.Days, "day"
	switch {
	case p.Months > 0 && p.Months%12 == 0:
		n, unit = p.Months/12, "year"
	case p.Months > 0:
		n, unit = p.Months, "month"
	case p.Days > 0 && p.Days%7 == 0:
		n, unit = p.Days/7, "week"
	case p.Days == 0:
		return ""
	}
	if n != 1 {
		unit += "s"
	}
	return strconv.Itoa(n) + " " + unit
}

var (
	bracketed = regexp.MustCompile(`^(?:\[[^\[\]]*\]\s*)+$`)
	segment   = regexp.MustCompile(`\[([^\[\]]*)\]`)
	inside    = regexp.MustCompile(`^\s*(\d+(?:\.\d+)?)\s+([A-Z]{3})\s*\|\s*(?:(\d{1,4})\s+)?(day|week|month|year)s?\s*\|\s*(\*|\d+)\s*$`)

	perUnit    = regexp.MustCompile(`^\$(\d+(?:\.\d+)?) per (?:(\d{1,4}) )?(day|week|month|year)s?$`)
	onePayment = regexp.MustCompile(`^one payment of \$(\d+(?:\.\d+)?)$`)
	every      = regexp.MustCompile(`^(?:every )?(?:(\d{1,4}) )?(day|week|month|year)s?$`)
)

// ParsePlan parses a billing plan. ok is false for a text outside the grammar, which a
// snapshot counts. An empty text is an empty plan.
func ParsePlan(text string) (plan Plan, ok bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Plan{}, true
	}
	if bracketed.MatchString(text) {
		return parseSegments(text)
	}
	if m := perUnit.FindStringSubmatch(text); m != nil {
		return Plan{Period: period(m[2], m[3]), Price: m[1]}, true
	}
	if m := onePayment.FindStringSubmatch(text); m != nil {
		return Plan{Price: m[1]}, true
	}
	if m := every.FindStringSubmatch(text); m != nil {
		return Plan{Period: period(m[1], m[2])}, true
	}
	return Plan{}, false
}

// parseSegments returns the recurring segment, which never ends (*), or else the last
// one, of a plan of fixed length.
func parseSegments(text string) (plan Plan, ok bool) {
	all := segment.FindAllStringSubmatch(text, -1)
	recurring := false
	for _, one := range all {
		m := inside.FindStringSubmatch(one[1])
		if m == nil {
			return Plan{}, false
		}
		if recurring {
			continue // no segment can follow the recurring one
		}
		plan = Plan{Period: period(m[3], m[4]), Price: m[1], Currency: m[2], Segments: len(all)}
		recurring = m[5] == "*"
	}
	return plan, true
}

func period(number, unit string) Period {
	n := 1
	if number != "" {
		n, _ = strconv.Atoi(number) // four digits at most
	}
	switch unit {
	case "day":
		return Period{Days: n}
	case "week":
		return Period{Days: 7 * n}
	case "month":
		return Period{Months: n}
	default:
		return Period{Months: 12 * n}
	}
}
