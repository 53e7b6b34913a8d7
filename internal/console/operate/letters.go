package operate

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/letters"
)

// lettersOnPage is how many dead letters one page lists.
const lettersOnPage = 50

// lettersContent is what the list of dead letters needs.
type lettersContent struct {
	Figures any
	Span    page.SpanForm // of the charts
	Filter  letters.Filter
	Reasons []string
	Fields  []string
	States  []letters.State
	Letters []letterLine
	Next    string // address of the next page; empty on the last one
	First   string // address of the first page; empty there
	Open    bool   // the list has open dead letters, which can be redriven
	Ops     bool
}

// letterLine is a dead letter in the list.
type letterLine struct {
	letters.Letter
	Address string
}

func lettersPage(d Deps, r *page.Renderer, w http.ResponseWriter, req *http.Request) {
	values := req.URL.Query()
	filter, err := letterFilter(values)
	if err != nil {
		r.Fail(w, req, http.StatusBadRequest, "The address is wrong: "+err.Error()+".")
		return
	}
	panels, err := letterPanels(r, req)
	if err != nil {
		r.FailRead(w, req, err)
		return
	}
	panels.Keep = filterValues(filter)
	content := lettersContent{
		Filter: filter, Reasons: letters.Reasons(), Fields: letters.Fields(), States: letters.States(),
		Ops: role.From(req.Context()).Has(role.Ops), Span: r.SpanForm(req, panels.Usual),
	}
	var done bool
	if content.Figures, done = r.Load(w, req, panels); done {
		return
	}
	var all []letters.Letter
	err = r.Figures.Limited(req.Context(), func(ctx context.Context) (err error) {
		all, err = d.Letters.Page(ctx, filter, lettersOnPage+1)
		return err
	})
	if err != nil {
		r.FailRead(w, req, err)
		return
	}
	if len(all) > lettersOnPage {
		all = all[:lettersOnPage]
		content.Next = listAddress(values, all[len(all)-1].Cursor())
	}
	if !filter.After.IsZero() {
		content.First = listAddress(values, letters.Cursor{})
	}
	for _, one := range all {
		content.Open = content.Open || one.State() == letters.Open
		content.Letters = append(content.Letters, letterLine{one, letterAddress(one.At)})
	}
	r.Page(w, req, http.StatusOK, "letters", "Dead letters", content)
}

// letterFilter reads the filter of a list or a form.
func letterFilter(values url.Values) (f letters.Filter, err error) {
	f = letters.Filter{
		Reason: values.Get("reason"), Field: values.Get("field"), Topic: values.Get("topic"), State: letters.State(values.Get("state")),
	}
	if f.After, err = letters.ParseCursor(values.Get("after")); err != nil {
		return f, err
	}
	return f, f.Check()
}

// filterValues are the values of a filter that are not its usual ones.
func filterValues(f letters.Filter) url.Values {
	values := url.Values{}
	for name, value := range map[string]string{"reason": f.Reason, "field": f.Field, "topic": f.Topic, "state": string(f.State)} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// listAddress is the address of the list with all its choices from another place on.
func listAddress(values url.Values, after letters.Cursor) string {
	next := url.Values{}
	for name, all := range values {
		if name != "after" && name != "csv" {
			next[name] = all
		}
	}
	if !after.IsZero() {
		next.Set("after", after.String())
	}
	return "/dead-letters?" + next.Encode()
}

func letterAddress(at string) string {
	return "/dead-letters/letter?" + url.Values{"at": {at}}.Encode()
}

// arrived is when a message became a dead letter, as far as the table keeps it: a later
// decision replaces the time of the first one, so the time of the message serves.
const arrived = `if(message_time > toDateTime64(0, 3, 'UTC'), message_time, decided_at)`

// ofSpan selects the dead letters that arrived in the time of the page.
const ofSpan = `FROM dead_letters FINAL WHERE ` + arrived + ` >= {from:DateTime('UTC')} AND ` + arrived + ` < {to:DateTime('UTC')}`

// letterPanels are the figures above the list. The series of their charts are the most
// frequent reasons and fields, which a query finds first.
func letterPanels(r *page.Renderer, req *http.Request) (page.PanelPage, error) {
	p := page.PanelPage{
		Title: "Dead letters", Usual: "7d",
		Tiles: []page.Tile{
			{Label: "open", Query: figures.Query{SQL: "SELECT count(), '', if(count() > 0, 'warn', 'good') FROM dead_letters FINAL WHERE resolved_at IS NULL"}},
			{Label: "resolved", Query: figures.Query{SQL: "SELECT count(), 'a later read passed' FROM dead_letters FINAL WHERE resolved_at IS NOT NULL AND dismissed_by IS NULL"}},
			{Label: "dismissed", Query: figures.Query{SQL: "SELECT count(), 'the message is gone' FROM dead_letters FINAL WHERE resolved_at IS NOT NULL AND dismissed_by IS NOT NULL"}},
		},
	}
	span := r.SpanOf(req, p.Usual)
	for _, one := range []struct {
		column, title string
		known         []string
	}{{"reason", "By reason", letters.Reasons()}, {"field", "By field", letters.Fields()}} {
		found, err := r.Figures.Table(req.Context(), figures.Query{SQL: `SELECT ` + one.column + ` ` + ofSpan + ` AND ` + one.column + ` IS NOT NULL GROUP BY ` + one.column + ` ORDER BY count() DESC LIMIT 6`}.With(span.Params()))
		if err != nil {
			return p, err
		}
		var series []string
		for row := range found.Rows {
			// The names become columns of the next query: only those of the closed set.
			if name := found.Text(row, 0); slices.Contains(one.known, name) {
				series = append(series, name)
			}
		}
		p.Panels = append(p.Panels, overTime(one.column, one.title, series))
	}
	p.Panels = append(p.Panels, page.Panel{
		ID: "counts", Title: "By reason and field", Sources: []string{"dead_letters"},
		About: "Dead letters whose message is of this time. A reason leads to its list.",
		Empty: "No dead letters in this time.",
		Query: figures.Query{SQL: `
SELECT reason, field, count() AS dead_letters, countIf(resolved_at IS NULL) AS open, min(` + arrived + `) AS first, max(` + arrived + `) AS last
` + ofSpan + `
GROUP BY reason, field ORDER BY dead_letters DESC, reason, field`},
		Links: map[string]func(map[string]string) string{"reason": func(row map[string]string) string {
			values := filterValues(letters.Filter{Reason: row["reason"], Field: row["field"], State: letters.Any})
			maps.Copy(values, span.Values())
			return "/dead-letters?" + values.Encode()
		}},
	})
	return p, nil
}

// overTime is a panel with the most frequent values of a column over time.
func overTime(column, title string, series []string) page.Panel {
	counts := make([]string, 0, len(series)+1)
	for _, name := range series {
		counts = append(counts, "countIf("+column+" = '"+name+"') AS `"+name+"`")
	}
	others := "others"
	counts = append(counts, "count() - ("+strings.Join(append(quotedAll(series), "0"), " + ")+") AS "+others)
	return page.Panel{
		ID: "by-" + column, Title: title, Sources: []string{"dead_letters"},
		About: "By the time of the message in Kafka, which is about when it was refused. Of a file it is the time of the latest decision.",
		Empty: "No dead letters in this time.",
		Draw:  page.Lines{X: "time", Series: append(slices.Clone(series), others), Bars: true},
		Query: figures.Query{SQL: `
WITH greatest(60, intDiv(dateDiff('second', {from:DateTime('UTC')}, {to:DateTime('UTC')}), 60)) AS seconds
SELECT toStartOfInterval(` + arrived + `, toIntervalSecond(seconds)) AS time, ` + strings.Join(counts, ", ") + `
` + ofSpan + `
GROUP BY time ORDER BY time`},
	}
}

func quotedAll(names []string) []string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = "`" + name + "`"
	}
	return quoted
}
