package operate

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/statement"
)

// picturesOnPage is how many partitions are drawn at a time. Each needs a row for each of
// its time steps, and a page has figures.MaxRows.
const picturesOnPage = 12

// coveragePage shows the outcome of the offsets of one topic. The page is made for each
// request: its choices depend on the topic, and its pictures on where the gaps are.
func coveragePage(_ Deps, r *page.Renderer, w http.ResponseWriter, req *http.Request) {
	values := req.URL.Query()
	topics, err := r.Figures.Table(req.Context(), topicsOfLedger)
	if err != nil {
		r.FailRead(w, req, err)
		return
	}
	topic := ""
	for row := range topics.Rows {
		if name := topics.Text(row, 0); topic == "" || name == values.Get("topic") {
			topic = name
		}
	}
	span := r.SpanOf(req, coverageSpan)
	params := span.Params()
	params["topic"] = topic
	doubtful, err := r.Figures.Table(req.Context(), figures.Query{SQL: doubtfulSQL, Keep: coverageKeep}.With(params))
	if err != nil {
		r.FailRead(w, req, err)
		return
	}
	params["doubtful"] = doubtful.Text(0, 0)
	summary := figures.Query{SQL: partitionsSQL, Keep: coverageKeep}.With(params)
	partitions, err := r.Figures.Table(req.Context(), summary)
	if err != nil {
		r.FailRead(w, req, err)
		return
	}
	shown := pictured(partitions, values.Get("partition"))
	params["shown"] = statement.Texts(shown)
	query := func(sql string) figures.Query {
		return figures.Query{SQL: sql, Keep: coverageKeep}.With(params)
	}
	p := page.PanelPage{
		Title: "Coverage", Usual: coverageSpan,
		About: "The outcome of each offset, from the ledger: every range of offsets that a flush has accounted for, and every range that was lost. " +
			"Gaps and overlaps are exact for what was written in the time of this page. The command pianola audit compares the whole ledger with Kafka.",
		Choices: []page.Choice{
			{Name: "topic", Label: "Topic", Options: topicsOfLedger},
			{Name: "partition", Label: "Pictures", Options: figures.Query{SQL: partitionOptionsSQL, Keep: coverageKeep}.With(params)},
		},
		Panels: []page.Panel{
			{
				ID: "pictures", Title: "Offsets over time", Sources: []string{"ingest_ledger"},
				About: "One picture a partition: time to the right, offsets upwards. Partitions with gaps, losses or overlaps come first. " +
					"Each step is a part of the time; its colours are shares of its offsets, not their order.",
				Empty: "No range of offsets was written in this time.",
				Draw:  page.Draw(staircases{from: span.From, to: span.To, shown: shown}.draw),
				Query: query(picturesSQL),
			},
			{
				ID: "gaps", Title: "Gaps", Sources: []string{"ingest_ledger"},
				About: "Offsets that no range covers, although a later range was written. Run pianola audit before anything else.",
				Empty: "No gaps.", Query: query(gapsSQL + " ORDER BY noticed_at DESC"),
			},
			{
				ID: "overlaps", Title: "Overlaps", Sources: []string{"ingest_ledger"},
				About: "Offsets that more than one range covers: messages were read again, such as after a kill between insert and commit. Views show each event once all the same.",
				Empty: "No overlaps.", Query: query(overlapsSQL + " ORDER BY noticed_at DESC"),
			},
			{
				ID: "lost", Title: "Lost ranges", Sources: []string{"ingest_ledger"},
				About: "Offsets that were gone before they could be read, with the cause.",
				Empty: "No lost ranges.", Query: query(lostSQL + " ORDER BY written_at DESC"),
			},
			{
				ID: "partitions", Title: "All partitions", Sources: []string{"ingest_ledger"},
				About: "Offsets without a record are markers of transactions and what compaction has removed.",
				Empty: "No range of offsets was written in this time.", Query: summary,
				Links: map[string]func(map[string]string) string{"partition": func(row map[string]string) string {
					values := span.Values()
					values.Set("topic", topic)
					values.Set("partition", row["partition"])
					return "/coverage?" + values.Encode()
				}},
			},
		},
	}
	r.Panels(w, req, p)
}

// pictured are the partitions to draw: the selected one, or those that need a look first.
func pictured(partitions *figures.Table, selected string) (shown []string) {
	type candidate struct {
		name    string
		trouble float64
	}
	name := partitions.Index("partition")
	var all []candidate
	for row := range partitions.Rows {
		one := candidate{name: partitions.Text(row, name)}
		for weight, column := range []string{"overlaps", "lost", "gaps"} {
			n, _ := partitions.Number(row, partitions.Index(column))
			if n > 0 {
				one.trouble += float64(uint(1) << weight)
			}
		}
		if one.name == selected {
			return []string{one.name}
		}
		all = append(all, one)
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.trouble, a.trouble) })
	for _, one := range all[:min(len(all), picturesOnPage)] {
		shown = append(shown, one.name)
	}
	return shown
}
