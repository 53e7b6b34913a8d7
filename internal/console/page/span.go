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

// spanChoice is a choice of the time. A span ends with the step in which the request comes.
// So the queries of a page stay the same for a step, and people share their answers.
type spanChoice struct {
	Name, Label string
	step        time.Duration
	back        func(time.Time) time.Time
}

var spanChoices = []spanChoice{
	{"1h", "last hour", 10 * time.Second, func(t time.Time) time.Time { return t.Add(-time.Hour) }},
	{"24h", "last 24 hours", time.Minute, func(t time.Time) time.Time { return t.Add(-24 * time.Hour) }},
	{"7d", "last 7 days", 10 * time.Minute, func(t time.Time) time.Time { return t.AddDate(0, 0, -7) }},
	{"30d", "last 30 days", 10 * time.Minute, func(t time.Time) time.Time { return t.AddDate(0, 0, -30) }},
	{"3mo", "last 3 months", 10 * time.Minute, func(t time.Time) time.Time { return t.AddDate(0, -3, 0) }},
	{"12mo", "last 12 months", 10 * time.Minute, func(t time.Time) time.Time { return t.AddDate(-1, 0, 0) }},
	{"36mo", "last 36 months", 10 * time.Minute, func(t time.Time) time.Time { return t.AddDate(-3, 0, 0) }},
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
				end := now.Truncate(choice.step).Add(choice.step)
				return Span{Name: name, From: choice.back(end), To: end}
			}
		}
	}
	panic("there is no span " + usual)
}

// Params are the values of the span for queries.
func (s Span) Params() map[string]string {
	return map[string]string{"from": s.From.Format(time.DateTime), "to": s.To.Format(time.DateTime)}
}

// Values are the span as it stands in an address.
func (s Span) Values() url.Values {
	if s.Name != "" {
		return url.Values{"span": {s.Name}}
	}
	return url.Values{"from": {s.From.Format(time.DateOnly)}, "to": {s.Last()}}
}

// Last is the last day of the span.
func (s Span) Last() string { return s.To.AddDate(0, 0, -1).Format(time.DateOnly) }
