package operate

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/internal/statement"
)

// disagreementsOnPage is how many disagreements one page lists.
const disagreementsOnPage = 50

// reconciliationContent is what the page of reconciliations needs besides its panels.
type reconciliationContent struct {
	Figures    any
	Span       page.SpanForm // of the charts
	Kinds      []string
	Severities []string
	Kind       string
	Severity   string
	Next       string
	First      string
}

var severities = []string{string(reconcile.SeverityDrift), string(reconcile.SeverityRoutine), string(reconcile.SeverityInformation)}

func kinds() (all []string) {
	for _, kind := range reconcile.Kinds() {
		all = append(all, string(kind))
	}
	return all
}

func reconciliationPage(_ Deps, r *page.Renderer, w http.ResponseWriter, req *http.Request) {
	values := req.URL.Query()
	content := reconciliationContent{
		Kinds: kinds(), Severities: severities, Kind: values.Get("kind"), Severity: values.Get("severity"), Span: r.SpanForm(req, reconciliationSpan),
	}
	if content.Kind != "" && !slices.Contains(content.Kinds, content.Kind) || content.Severity != "" && !slices.Contains(severities, content.Severity) {
		r.Fail(w, req, http.StatusBadRequest, "The address is wrong: there is no such kind or severity of disagreements.")
		return
	}
	list := figures.Query{SQL: disagreementsSQL, Params: map[string]string{
		"kind": content.Kind, "severity": content.Severity,
		"after": statement.Text(values.Get("after")), "after_kind": statement.Text(values.Get("after_kind")),
	}}
	listed, err := r.Figures.Table(req.Context(), list)
	if err != nil {
		r.FailRead(w, req, err)
		return
	}
	choice := content.Span.Values()
	for _, name := range []string{"kind", "severity"} {
		if values.Get(name) != "" {
			choice.Set(name, values.Get(name))
		}
	}
	if values.Has("after") {
		content.First = "/reconciliation?" + choice.Encode()
	}
	found, err := r.Figures.Table(req.Context(), figures.Query{SQL: kindsSQL}.With(content.Span.Params()))
	if err != nil {
		r.FailRead(w, req, err)
		return
	}
	var series []string
	for row := range found.Rows {
		series = append(series, found.Text(row, 0))
	}
	p := reconciliationPanels(list, series)
	p.Keep = url.Values{}
	for _, name := range []string{"kind", "severity", "after", "after_kind"} {
		if values.Get(name) != "" {
			p.Keep.Set(name, values.Get(name))
		}
	}
	if n := len(listed.Rows); n == disagreementsOnPage {
		choice.Set("after", listed.Text(n-1, listed.Index("subscription_id")))
		choice.Set("after_kind", listed.Text(n-1, listed.Index("kind")))
		content.Next = "/reconciliation?" + choice.Encode()
	}
	var done bool
	if content.Figures, done = r.Load(w, req, p); done {
		return
	}
	r.Page(w, req, http.StatusOK, "reconciliation", "Reconciliation", content)
}

const reconciliationSpan = "30d"

// kindsSQL finds the kinds that runs of this time have found: a line each.
const kindsSQL = `
SELECT kind FROM reconciliation_runs FINAL ARRAY JOIN mapKeys(drift) AS kind, mapValues(drift) AS number
WHERE state = 'complete' AND as_of >= {from:DateTime('UTC')} AND as_of < {to:DateTime('UTC')} AND number > 0 AND kind NOT IN ('next_bill', 'price')
GROUP BY kind ORDER BY sum(number) DESC LIMIT 7`

func reconciliationPanels(list figures.Query, series []string) page.PanelPage {
	var counts []string
	for _, kind := range kinds() {
		counts = append(counts, "drift['"+kind+"'] AS "+kind)
	}
	return page.PanelPage{
		Title: "Reconciliation", Usual: reconciliationSpan,
		Tiles: []page.Tile{
			{Label: "open drift", Query: figures.Query{SQL: "SELECT count(), if(count() > 0, concat('since ', toString(toDate(min(first_seen_at)))), ''), if(count() > 0, 'warn', 'good') FROM drift FINAL WHERE closed_at IS NULL AND severity = 'drift'"}},
			{Label: "open, routine or information", Query: figures.Query{SQL: "SELECT count(), 'reported only' FROM drift FINAL WHERE closed_at IS NULL AND severity != 'drift'"}},
			{Label: "last complete run", Query: figures.Query{SQL: `
SELECT if(count() = 0, 'never', formatReadableTimeDelta(dateDiff('second', max(completed_at), now64(3, 'UTC')), 'days', 'minutes')), if(count() = 0, '', 'ago'),
    if(count() = 0 OR max(completed_at) < now64(3, 'UTC') - INTERVAL 2 DAY, 'warn', 'good')
FROM reconciliation_runs FINAL WHERE state = 'complete'`}},
		},
		Panels: []page.Panel{
			{
				ID: "underway", Title: "Under way", Sources: []string{"reconciliation_runs", "reconciliation_comparisons", "snapshot_runs"}, Open: true,
				About: "What the tables know of a run: its process knows more and logs it. A run whose process was killed stays here until a later run is complete.",
				Empty: "No run is under way.", Query: figures.Query{SQL: runUnderWaySQL},
			},
			{
				ID: "kinds", Title: "Drift by kind", Sources: []string{"reconciliation_runs"},
				About: "Disagreements that each complete run has found. Bill dates and prices do not count as drift; the table has them too.",
				Empty: "No complete run in this time.",
				Draw:  page.Lines{X: "time", Series: series},
				Query: figures.Query{SQL: `
SELECT as_of AS time, ` + strings.Join(counts, ", ") + `
FROM reconciliation_runs FINAL
WHERE state = 'complete' AND as_of >= {from:DateTime('UTC')} AND as_of < {to:DateTime('UTC')}
ORDER BY time`},
			},
			{
				ID: "runs", Title: "Runs", Sources: []string{"reconciliation_runs"}, Empty: "No run in this time.",
				Query: figures.Query{SQL: `
SELECT toDateTime(started_at, 'UTC') AS started_at, if(nothing_compared, 'compared nothing', state) AS state, if(completed_at IS NULL, NULL, dateDiff('second', r.started_at, completed_at)) AS seconds,
    compared, ` + ofMap("r.not_compared") + ` AS not_compared, ` + ofMap("r.drift") + ` AS drift, candidates, verified, problem, instance
FROM reconciliation_runs AS r FINAL
WHERE r.started_at >= {from:DateTime('UTC')} AND r.started_at < {to:DateTime('UTC')}
ORDER BY started_at DESC LIMIT 200`},
			},
			{
				ID: "disagreements", Title: "Open disagreements", Sources: []string{"drift"},
				About: "In the order of subscriptions. A kind leads to both sides.",
				Empty: "Stream and API agree, for this filter.", Query: list,
				Links: map[string]func(map[string]string) string{"kind": func(row map[string]string) string {
					return "/reconciliation/disagreement?" + url.Values{"subscription": {row["subscription_id"]}, "kind": {row["kind"]}}.Encode()
				}},
			},
		},
	}
}

// ofMap is a map as text, the greatest numbers first.
func ofMap(column string) string {
	return "arrayStringConcat(arrayMap((p) -> concat(p.1, ' ', toString(p.2)), arrayReverseSort((p) -> p.2, arrayZip(mapKeys(" + column + "), mapValues(" + column + ")))), ', ')"
}

// The list continues after a key, so that each page costs the same.
const disagreementsSQL = `
SELECT subscription_id, kind, if(kind = 'user_id', 'not shown', stream_value) AS stream, if(kind = 'user_id', 'not shown', api_value) AS api, severity, verified, first_seen_at, last_seen_at
FROM drift FINAL
WHERE closed_at IS NULL AND ({kind:String} = '' OR kind = {kind:String}) AND ({severity:String} = '' OR severity = {severity:String})
    AND (subscription_id, kind) > ({after:String}, {after_kind:String})
ORDER BY subscription_id, kind LIMIT 50`

// runUnderWaySQL says of each run without an end which of its five phases has left rows.
const runUnderWaySQL = `
WITH runs AS
(
    SELECT * FROM reconciliation_runs FINAL
    WHERE state = 'begun' AND started_at > (SELECT max(started_at) FROM reconciliation_runs FINAL WHERE state = 'complete')
)
SELECT started_at,
    multiIf(c.asked > 0, '4 of 5: ask Piano again about differences', c.compared > 0, '3 of 5: compare', s.state = 'complete', '2 of 5: wait for the stream', '1 of 5: read the snapshot') AS phase,
    s.stored AS subscriptions_read, c.compared AS compared, c.differing AS differing, c.asked AS asked_again, r.written_at AS last_written_at, instance
FROM (SELECT *, 1 AS one FROM runs) AS r
ASOF LEFT JOIN
(
    SELECT 1 AS one, runs.written_at AS snapshot_written_at, runs.state AS state, rows.stored AS stored
    FROM (SELECT * FROM snapshot_runs FINAL WHERE source IN ('api', 'csv') AND state IN ('begun', 'complete')) AS runs
    LEFT JOIN (SELECT snapshot_id, count() AS stored FROM subscription_snapshots GROUP BY snapshot_id) AS rows USING (snapshot_id)
) AS s ON r.one = s.one AND r.started_at <= s.snapshot_written_at
LEFT JOIN
(
    SELECT run_id, uniqExactIf(subscription_id, round = 0) AS compared, uniqExactIf(subscription_id, round = 0 AND notEmpty(differences)) AS differing, uniqExactIf(subscription_id, round = 1) AS asked
    FROM reconciliation_comparisons WHERE run_id IN (SELECT run_id FROM runs) GROUP BY run_id
) AS c ON r.run_id = c.run_id
ORDER BY started_at DESC`
