package page

import (
	"net/url"
	"slices"
	"time"
)

// Span is the time that a page shows.
type Span struct {
	Name     string
	From, To time.Time // half-open, UTC
}

// span is a choice of the time.
type spanChoice struct {
	Name, Label string
	back        func(time.Time) time.Time
}

var spanChoices = []spanChoice{
	{"1h", "last hour", func(t time.Time) time.Time { return t.Add(-time.Hour) }},
	{"24h", "last 24 hours", func(t time.Time) time.Time { return t.Add(-24 * time.Hour) }},
	{"7d", "last 7 days", func(t time.Time) time.Time { return t.AddDate(0, 0, -7) }},
	{"30d", "last 30 days", func(t time.Time) time.Time { return t.AddDate(0, 0, -30) }},
	{"3mo", "last 3 months", func(t time.Time) time.Time { return t.AddDate(0, -3, 0) }},
	{"12mo", "last 12 months", func(t time.Time) time.Time { return t.AddDate(-1, 0, 0) }},
	{"36mo", "last 36 months", func(t time.Time) time.Time { return t.AddDate(-3, 0, 0) }},
}

// offered are the choices with these names; all without names.
func offered(names []string) []spanChoice {
	if names == nil {
		return spanChoices
	}
	var some []spanChoice
	for _, choice := range spanChoices {
		if slices.Contains(names, choice.Name) {
			some = append(some, choice)
		}
	}
	return some
}

// spanOf reads the time of a request: a name of spanChoices, or from and to as dates. A
// value that is neither gives the usual span.
func spanOf(values url.Values, usual string, now time.Time) Span {
	now = now.UTC().Truncate(time.Second)
	from, errFrom := time.Parse(time.DateOnly, values.Get("from"))
	to, errTo := time.Parse(time.DateOnly, values.Get("to"))
	if errFrom == nil && errTo == nil && !to.Before(from) {
		return Span{From: from, To: to.AddDate(0, 0, 1)}
	}
	for _, name := range []string{values.Get("span"), usual} {
		for _, choice := range spanChoices {
			if choice.Name == name {
				// To is at the end of the second or, of long spans, the minute. So people who
				// look at the same page share an answer.
				end := now.Truncate(10 * time.Second).Add(10 * time.Second)
				return Span{Name: name, From: choice.back(end), To: end}
			}
		}
	}
	return Span{From: now.AddDate(0, 0, -1), To: now}
}

// Params are the values of the span for queries.
func (s Span) Params() map[string]string {
	return map[string]string{"from": s.From.Format(time.DateTime), "to": s.To.Format(time.DateTime)}
}
