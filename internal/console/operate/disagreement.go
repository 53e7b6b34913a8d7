package operate

import (
	"net/http"
	"slices"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/statement"
)

// disagreementContent is one subscription about which stream and API disagree.
type disagreementContent struct {
	Subscription string
	Kind         string
	Facts        []facing // the selected kind first
	Sides        []facing // columns of both sides
	HasStream    bool
	HasAPI       bool
	Figures      any
}

// facing is a value of both sides.
type facing struct {
	Name, Stream, API         string
	Severity, Verified, Since string
	Closed                    string // empty while it is open
	Selected                  bool
}

// sides are the columns that mean the same, in the view of the state and that of the
// snapshot. Ids of users are left out: a viewer may open the page.
var sides = []struct{ name, state, api string }{
	{"status", "status", "subscription_status"},
	{"auto-renew", "autorenew", "autorenew"},
	{"auto-renew disabled", "autorenew_disabled_at", "autorenew_disabled_at"},
	{"term type", "term_type", "term_type"},
	{"billing period", "billing_period", "billing_period"},
	{"started", "started_at", "started_at"},
	{"ended", "ended_at", ""},
	{"why it ended", "end_reason", "expiry_reason"},
	{"current period ends", "current_period_ends_at", ""},
	{"regular price", "regular_price", "regular_price"},
	{"last price paid", "price", ""},
	{"in a trial", "in_trial", ""},
	{"failed payments", "failed_payments", ""},
	{"newest event", "last_event_at", ""},
	{"read at", "refreshed_at", "synced_at"},
}

func disagreementPage(_ Deps, r *page.Renderer, w http.ResponseWriter, req *http.Request) {
	values := req.URL.Query()
	content := disagreementContent{Subscription: values.Get("subscription"), Kind: values.Get("kind")}
	if !slices.Contains(kinds(), content.Kind) {
		r.Fail(w, req, http.StatusBadRequest, "The address is wrong: there is no such kind of disagreements.")
		return
	}
	of := func(sql string) figures.Query {
		return figures.Query{SQL: sql, Params: map[string]string{"subscription": statement.Text(content.Subscription)}}
	}
	drift, err := r.Figures.Table(req.Context(), of(`
SELECT kind, if(kind = 'user_id', 'not shown', stream_value) AS stream, if(kind = 'user_id', 'not shown', api_value) AS api, severity, if(verified, 'asked again', 'not asked again') AS verified, first_seen_at, closed_at
FROM drift FINAL WHERE subscription_id = {subscription:String} ORDER BY kind`))
	if err != nil {
		r.FailRead(w, req, err)
		return
	}
	found := false
	for row := range drift.Rows {
		one := facing{
			Name: drift.Text(row, 0), Stream: drift.Text(row, 1), API: drift.Text(row, 2), Severity: drift.Text(row, 3),
			Verified: drift.Text(row, 4), Since: drift.Text(row, 5), Closed: drift.Text(row, 6), Selected: drift.Text(row, 0) == content.Kind,
		}
		if found = found || one.Selected; one.Selected {
			content.Facts = slices.Insert(content.Facts, 0, one)
		} else {
			content.Facts = append(content.Facts, one)
		}
	}
	if !found {
		r.Fail(w, req, http.StatusNotFound, "There is no such disagreement.")
		return
	}
	state, err := r.Figures.Table(req.Context(), of("SELECT * EXCEPT (user_id, customer) FROM subscription_state WHERE subscription_id = {subscription:String}"))
	if err != nil {
		r.FailRead(w, req, err)
		return
	}
	api, err := r.Figures.Table(req.Context(), of("SELECT * EXCEPT (user_id) FROM piano_api_subscriptions WHERE subscription_id = {subscription:String}"))
	if err != nil {
		r.FailRead(w, req, err)
		return
	}
	content.HasStream, content.HasAPI = len(state.Rows) > 0, len(api.Rows) > 0
	for _, one := range sides {
		content.Sides = append(content.Sides, facing{Name: one.name, Stream: firstText(state, one.state), API: firstText(api, one.api)})
	}
	p := page.PanelPage{
		Keep: values,
		Panels: []page.Panel{{
			ID: "events", Title: "Latest events", Sources: []string{"subscription_events"}, Empty: "The stream has no event of this subscription.",
			Query: of(`
SELECT event_timestamp, subscription_action, next_billed_at, billing_period, term_type, term_name, transaction_value, upgrade_to_subscription_id, synced_at
FROM subscription_events FINAL WHERE subscription_id = {subscription:String} ORDER BY event_timestamp DESC, subscription_action LIMIT 20`),
		}},
	}
	p.Keep.Del("csv")
	var done bool
	if content.Figures, done = r.Load(w, req, p); done {
		return
	}
	r.Page(w, req, http.StatusOK, "disagreement", "Disagreement", content)
}

// firstText is a value of the only row; empty without the row or the column.
func firstText(t *figures.Table, column string) string {
	i := t.Index(column)
	if i < 0 || len(t.Rows) == 0 {
		return ""
	}
	return t.Text(0, i)
}
