package operate

import (
	"context"
	"time"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

// flushes is the ledger of the consumer, without what was written again after an unknown
// outcome.
const flushes = `(
    SELECT * FROM ingest_ledger
    WHERE kind = 'flush' AND written_at >= {from:DateTime('UTC')} AND written_at < {to:DateTime('UTC')}
    ORDER BY written_at DESC
    LIMIT 1 BY insert_token, source, source_name, source_partition
)`

// bucket divides the time of the page into at most 120 parts.
const bucket = `toStartOfInterval(written_at, toIntervalSecond(greatest(10, intDiv(dateDiff('second', {from:DateTime('UTC')}, {to:DateTime('UTC')}), 120))))`

func overview(d Deps) page.PanelPage {
	p := page.PanelPage{
		Title: "Overview", Usual: "1h", Refresh: 10,
		About: "Whether messages flow, how fast and how late, and what needs a person.",
		Tiles: []page.Tile{
			{Label: "messages a second, last 5 minutes", Query: figures.Query{SQL: `
SELECT round(sum(messages) / 300, 1), concat(toString(sum(messages)), ' messages')
FROM (SELECT messages FROM ingest_ledger WHERE kind = 'flush' AND written_at >= now64(3, 'UTC') - INTERVAL 5 MINUTE
    ORDER BY written_at DESC LIMIT 1 BY insert_token, source, source_name, source_partition)`}},
			{Label: "newest event stored", Query: figures.Query{SQL: `
SELECT if(as_of IS NULL, 'never', formatReadableTimeDelta(age_seconds)), if(as_of IS NULL, '', concat('ago, ', toString(as_of))),
    multiIf(as_of IS NULL, 'bad', age_seconds > 3600, 'warn', '')
FROM freshness WHERE part = 'events'`, Keep: 15 * time.Second}},
			{Label: "open dead letters", Link: "/dead-letters", Query: figures.Query{SQL: `
SELECT count(), '', if(count() > 0, 'warn', 'good') FROM dead_letters FINAL WHERE resolved_at IS NULL`}},
			{Label: "lost ranges, ever", Link: "/coverage", Query: figures.Query{SQL: `
SELECT countIf(kind = 'lost'), '', if(countIf(kind = 'lost') > 0, 'bad', 'good') FROM ingest_ledger WHERE kind = 'lost'`}},
			{Label: "open drift", Link: "/reconciliation", Query: figures.Query{SQL: `
SELECT count(), '', if(count() > 0, 'warn', 'good') FROM drift FINAL WHERE closed_at IS NULL AND severity = 'drift'`}},
		},
		Panels: []page.Panel{
			{
				ID: "attention", Title: "What needs a person", Sources: []string{"freshness"}, Open: true,
				About: "Conditions that an alert would report, from the tables alone.",
				Empty: "Nothing does.",
				Query: figures.Query{Keep: 15 * time.Second, SQL: attention},
			},
			{
				ID: "outcomes", Title: "Messages a second by outcome", Sources: []string{"ingest_ledger"},
				About: "The outcome of each message: stored, filtered as internal, dead letter, or skipped as a tombstone.",
				Draw:  page.Lines{X: "time", Series: []string{"stored", "filtered", "dead_lettered", "skipped"}},
				Query: figures.Query{SQL: `
WITH greatest(10, intDiv(dateDiff('second', {from:DateTime('UTC')}, {to:DateTime('UTC')}), 120)) AS seconds
SELECT ` + bucket + ` AS time,
    round(sum(stored) / seconds, 2) AS stored, round(sum(filtered) / seconds, 2) AS filtered,
    round(sum(dead_lettered) / seconds, 2) AS dead_lettered, round(sum(skipped) / seconds, 2) AS skipped
FROM ` + flushes + `
GROUP BY time
ORDER BY time WITH FILL FROM toStartOfInterval({from:DateTime('UTC')}, toIntervalSecond(seconds)) TO {to:DateTime('UTC')} STEP toIntervalSecond(seconds)`},
			},
			{
				ID: "latency", Title: "Seconds from Kafka to the table", Sources: []string{"ingest_ledger"},
				About: "Of the last record of each flush: from its timestamp in Kafka to the row of the ledger. A replayed backlog shows as a high value.",
				Draw:  page.Lines{X: "time", Series: []string{"median", "p99", "max"}},
				Query: figures.Query{SQL: `
SELECT ` + bucket + ` AS time,
    round(quantile(0.5)(seconds), 3) AS median, round(quantile(0.99)(seconds), 3) AS p99, round(max(seconds), 3) AS max
FROM (SELECT written_at, dateDiff('millisecond', last_timestamp, written_at) / 1000 AS seconds FROM ` + flushes + ` WHERE last_offset >= 0 AND last_timestamp > 0)
GROUP BY time ORDER BY time`},
			},
			{
				ID: "age", Title: "How old the tables are", Sources: []string{"freshness"},
				Query: figures.Query{Keep: 15 * time.Second, SQL: "SELECT part, name, as_of, age_seconds FROM freshness WHERE part != 'drift' ORDER BY part, name"},
			},
		},
	}
	if d.Offsets != nil {
		p.Panels = append(p.Panels, page.Panel{
			ID: "lag", Title: "Lag by partition", Sources: []string{"Kafka"}, Open: true,
			About:   "Offsets that the group may read and has not committed. Offsets behind an open transaction are apart: no reader of committed messages sees them yet.",
			Read:    func(ctx context.Context) (*figures.Table, error) { return lag(ctx, d) },
			Command: "pianola offsets show",
		})
	}
	return p
}

// lag is the consumer group as a table.
func lag(ctx context.Context, d Deps) (*figures.Table, error) {
	t := &figures.Table{AsOf: time.Now(), Columns: []figures.Column{
		{Name: "topic", Type: "String"}, {Name: "partition", Type: "Int32"}, {Name: "committed", Type: "Int64"}, {Name: "log_end", Type: "Int64"},
		{Name: "lag", Type: "Int64"}, {Name: "open_transaction", Type: "Int64"}, {Name: "next_run", Type: "String"},
	}}
	report, err := d.Offsets(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range report.Partitions {
		t.Rows = append(t.Rows, []any{one.Topic, one.Partition, orNil(one.Committed), one.LogEnd, one.Lag, one.OpenTransaction, string(one.Next.Verdict)})
	}
	return t, nil
}

func orNil(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}
