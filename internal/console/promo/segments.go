package promo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/promo/segment"
)

// runsQuery are the latest materialisations.
const runsQuery = `
SELECT segment, state, users, without_user, as_of, started_at, completed_at, run_id
FROM segment_runs FINAL
WHERE state != 'dropped' AND ({segment:String} = '' OR segment = {segment:String})
ORDER BY started_at DESC, run_id
LIMIT 200`

func runsPanel(reference string) page.Panel {
	return page.Panel{
		ID: "runs", Title: "Materialisations", Sources: []string{"segment_runs"},
		About: "The last two complete runs of a segment stay. The times are UTC. A run that stays at begun was interrupted.",
		Empty: "Nothing is materialised so far.",
		Query: figures.Query{SQL: runsQuery, Params: map[string]string{"segment": reference}},
		Links: map[string]func(map[string]string) string{"segment": func(row map[string]string) string { return segmentAddress(row["segment"]) }},
	}
}

// segmentsContent is the page of all segments.
type segmentsContent struct {
	Definitions []segment.Definition
	Figures     any
}

func (p pages) segments(w http.ResponseWriter, req *http.Request) {
	content := segmentsContent{Definitions: segment.Definitions()}
	var done bool
	if content.Figures, done = p.Load(w, req, page.PanelPage{Panels: []page.Panel{runsPanel("")}}); !done {
		p.Page(w, req, http.StatusOK, "promo-segments", "Segments", content)
	}
}

// segmentContent is the page of one segment.
type segmentContent struct {
	segment.Definition
	Reference string
	Inputs    []input
	Wrong     string
	Latest    *segment.Run // nil before it is materialised
	Figures   any
}

// input is a parameter with its value.
type input struct {
	segment.Parameter
	Value string
}

func inputsOf(d segment.Definition, valueOf func(string) string) (all []input) {
	for _, one := range d.Parameters {
		all = append(all, input{one, valueOf(one.Name)})
	}
	return all
}

// segment is the page of a segment with its values: how many users are in it now, and its
// materialisations.
func (p pages) segment(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	reference, err := parseReference(query)
	if err != nil {
		name, _, _ := strings.Cut(query.Get("segment"), "?")
		if name == "" {
			name = query.Get("name")
		}
		for _, d := range segment.Definitions() {
			if d.Name == name {
				content := segmentContent{Definition: d, Wrong: err.Error(), Inputs: inputsOf(d, func(name string) string { return query.Get("p_" + name) })}
				p.Page(w, req, http.StatusUnprocessableEntity, "promo-segment", "Segment "+name, content)
				return
			}
		}
		p.Fail(w, req, http.StatusNotFound, sentence(err.Error()))
		return
	}
	asOf, err := p.Segments.Ready(req.Context(), reference)
	if err != nil {
		p.failState(w, req, err)
		return
	}
	content := segmentContent{Definition: reference.Definition, Reference: reference.String(), Inputs: inputsOf(reference.Definition, reference.Value)}
	sql, params := p.Segments.PreviewQuery(reference, asOf)
	var done bool
	if content.Figures, done = p.Load(w, req, page.PanelPage{Keep: map[string][]string{"segment": {content.Reference}}, Panels: []page.Panel{
		{
			ID: "preview", Title: "In it now", Sources: []string{"subscriptions", "subscription_traits", "promo_conversions"},
			About: "Counted now, and written nowhere. Subscriptions without a user match and name no user: nobody can be shown anything. MRR is of the live ones.",
			Query: figures.Query{SQL: previewSQL(sql), Params: params},
		},
		runsPanel(content.Reference),
	}}); done {
		return
	}
	if content.Latest, err = p.Segments.Latest(req.Context(), reference); err != nil {
		p.FailRead(w, req, err)
		return
	}
	p.Page(w, req, http.StatusOK, "promo-segment", "Segment "+reference.Definition.Name, content)
}

// previewSQL writes the amounts by currency as a text.
func previewSQL(sql string) string {
	return `SELECT users, subscriptions, without_user, arrayStringConcat(arrayMap((currency, amount) -> concat(toString(round(amount, 2)), ' ', currency), mapKeys(mrr), mapValues(mrr)), ', ') AS mrr
FROM
(
` + sql + `
)`
}

// failState writes the page for an error of the state of subscriptions.
func (p pages) failState(w http.ResponseWriter, req *http.Request, err error) {
	if errors.Is(err, segment.ErrNoState) || errors.Is(err, segment.ErrNoCodes) {
		p.Fail(w, req, http.StatusServiceUnavailable, sentence(err.Error()))
		return
	}
	p.FailRead(w, req, err)
}

// materialise plans a run of a segment.
func (p pages) materialise(w http.ResponseWriter, req *http.Request) {
	if !p.form(w, req) {
		return
	}
	reference, err := parseReference(req.PostForm)
	if err != nil {
		p.Fail(w, req, http.StatusBadRequest, "Nothing was planned: "+err.Error()+".")
		return
	}
	name := reference.String()
	p.propose(w, req, &change{
		title: "Materialise " + name, button: "Materialise", back: segmentAddress(name),
		plan: func(ctx context.Context) (*shown, error) {
			now, err := p.Segments.Preview(ctx, reference)
			if err != nil {
				return nil, err
			}
			return &shown{
				Text:  fmt.Sprintf("%d users will be written into segment_members.", now.Users),
				Facts: []fact{{"state of subscriptions as of", now.AsOf.UTC().Format("2006-01-02 15:04:05")}, {"subscriptions without a user, left out", fmt.Sprint(now.WithoutUser)}},
			}, nil
		},
		do: func(ctx context.Context, record promotion.Record) (s *shown, err error) {
			err = recorded(ctx, record, "promo_segment", "segment:"+name, "", func() (string, error) {
				run, err := p.Segments.Refresh(ctx, reference)
				if err != nil {
					return "", err
				}
				s = &shown{Text: fmt.Sprintf("%d users were written as of %s UTC.", run.Users, run.AsOf.UTC().Format("2006-01-02 15:04:05")), Mark: "note",
					Facts: []fact{{"run", run.ID.String()}}, Link: "The segment", To: segmentAddress(name)}
				return fmt.Sprintf("run %s, %d users", run.ID, run.Users), nil
			})
			return s, err
		},
	})
}

// segmentUsers writes the users of the latest run: their ids alone, or with subscriptions.
func (p pages) segmentUsers(w http.ResponseWriter, req *http.Request) {
	reference, err := parseReference(req.URL.Query())
	if err != nil {
		p.Fail(w, req, http.StatusNotFound, sentence(err.Error()))
		return
	}
	run, err := p.Segments.Latest(req.Context(), reference)
	switch {
	case err != nil:
		p.FailRead(w, req, err)
		return
	case run == nil:
		p.Fail(w, req, http.StatusNotFound, "The segment is not materialised.")
		return
	}
	members, err := p.Segments.Members(req.Context(), run)
	if err != nil {
		p.FailRead(w, req, err)
		return
	}
	if req.URL.Query().Get("format") == "ids" {
		p.ids(w, "segment-"+reference.Definition.Name, len(members), func(i int) string { return members[i].UserID })
		return
	}
	t := &figures.Table{Columns: []figures.Column{{Name: "user_id", Type: "String"}, {Name: "subscription_id", Type: "String"}}}
	for _, m := range members {
		t.Rows = append(t.Rows, []any{m.UserID, m.SubscriptionID})
	}
	p.download(w, "segment-"+reference.Definition.Name, t)
}

// ids writes one user id a line.
func (p pages) ids(w http.ResponseWriter, name string, n int, id func(int) string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="pianola-`+name+`.txt"`)
	for i := range n {
		if _, err := fmt.Fprintln(w, id(i)); err != nil {
			p.Log.Debug("user ids not written")
			return
		}
	}
}
