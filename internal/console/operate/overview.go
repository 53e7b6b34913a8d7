package operate

import (
	"context"
	"strings"
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

// duration is a number of seconds as SQL, in one unit.
func duration(seconds string) string {
	return strings.ReplaceAll(`multiIf(@ < 120, concat(toString(round(@, 1)), ' s'), @ < 7200, concat(toString(toInt64(@ / 60)), ' min'),
    @ < 172800, concat(toString(toInt64(@ / 3600)), ' h'), concat(toString(toInt64(@ / 86400)), ' days'))`, "@", seconds)
}

// errorsSQL counts what the tables know of errors in the time of the page.
const errorsSQL = `
SELECT what, count, last_at, see
FROM
(
    SELECT 'rows that ClickHouse refused' AS what, count() AS count, max(decided_at) AS last_at, '/dead-letters?reason=rejected_by_server&state=any' AS see
    FROM dead_letters FINAL WHERE reason = 'rejected_by_server' AND decided_at >= {from:DateTime('UTC')} AND decided_at < {to:DateTime('UTC')}
    UNION ALL
    SELECT 'other refused messages', sum(dead_lettered), max(written_at), '/dead-letters' FROM ` + flushes + ` WHERE dead_lettered > 0
    UNION ALL
    SELECT concat('lost ranges: ', cause), count(), max(written_at), '/coverage'
    FROM ingest_ledger WHERE kind = 'lost' AND written_at >= {from:DateTime('UTC')} AND written_at < {to:DateTime('UTC')} GROUP BY cause
    UNION ALL
    SELECT 'reconciliations that failed', count(), max(written_at), '/reconciliation'
    FROM reconciliation_runs FINAL WHERE state = 'failed' AND written_at >= {from:DateTime('UTC')} AND written_at < {to:DateTime('UTC')}
    UNION ALL
    SELECT 'replay jobs that failed', count(), max(written_at), '/jobs'
    FROM replay_jobs FINAL WHERE record = 'progress' AND state = 'failed' AND written_at >= {from:DateTime('UTC')} AND written_at < {to:DateTime('UTC')}
)
WHERE count > 0
ORDER BY last_at DESC`

func overview(d Deps) page.PanelPage {
	return page.PanelPage{
		Title: "Overview", Usual: "1h", Refresh: 10,
		About: "Whether messages flow, how fast and how late, and what needs a person.",
		Tiles: []page.Tile{
			{Label: "messages a second, last 5 minutes", Query: figures.Query{SQL: `
SELECT round(sum(messages) / 300, 1), concat(toString(sum(messages)), ' messages')
FROM (SELECT messages FROM ingest_ledger WHERE kind = 'flush' AND written_at >= now64(3, 'UTC') - INTERVAL 5 MINUTE
    ORDER BY written_at DESC LIMIT 1 BY insert_token, source, source_name, source_partition)`}},
			{Label: "newest event stored", Query: figures.Query{SQL: `
SELECT if(as_of IS NULL, 'never', ` + duration("age_seconds") + `), if(as_of IS NULL, '', concat('ago, ', formatDateTime(as_of, '%F %T'))),
    multiIf(as_of IS NULL, 'bad', age_seconds > 3600, 'warn', '')
FROM freshness WHERE part = 'events'`, Keep: 15 * time.Second}},
			{Label: "end to end, last 5 minutes", Query: figures.Query{SQL: `
SELECT if(count() = 0, '', ` + duration("quantile(0.99)(seconds)") + `), if(count() = 0, '', concat('99 of 100; median ', ` + duration("quantile(0.5)(seconds)") + `)),
    if(count() > 0 AND quantile(0.99)(seconds) > 60, 'warn', '')
FROM (SELECT dateDiff('millisecond', last_timestamp, written_at) / 1000 AS seconds FROM ingest_ledger
    WHERE kind = 'flush' AND last_offset >= 0 AND last_timestamp > 0 AND written_at >= now64(3, 'UTC') - INTERVAL 5 MINUTE
    ORDER BY written_at DESC LIMIT 1 BY insert_token, source, source_name, source_partition)`}},
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
				About: "The conditions of the alerts in docs/monitoring.md, as far as the tables know them. Lag and open transactions are in the table of partitions below. Only Prometheus knows whether exports are late.",
				Empty: "Nothing does.",
				Query: figures.Query{Keep: 15 * time.Second, SQL: attention},
				Links: map[string]func(map[string]string) string{"see": func(row map[string]string) string { return row["see"] }},
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
				ID: "latency", Title: "End to end: seconds from Kafka to the table", Sources: []string{"ingest_ledger"},
				About: "Of the last record of each flush: from its timestamp in Kafka to the row of the ledger. A replayed backlog shows as a high value.",
				Draw:  page.Lines{X: "time", Series: []string{"median", "p99", "max"}},
				Query: figures.Query{SQL: `
SELECT ` + bucket + ` AS time,
    round(quantile(0.5)(seconds), 3) AS median, round(quantile(0.99)(seconds), 3) AS p99, round(max(seconds), 3) AS max
FROM (SELECT written_at, dateDiff('millisecond', last_timestamp, written_at) / 1000 AS seconds FROM ` + flushes + ` WHERE last_offset >= 0 AND last_timestamp > 0)
GROUP BY time ORDER BY time`},
			},
			{
				ID: "errors", Title: "Errors", Sources: []string{"ingest_ledger", "dead_letters", "reconciliation_runs", "replay_jobs"},
				About: "What went wrong in this time, as far as the tables know. Retries are in the metrics of pianola run.",
				Empty: "No errors in this time.",
				Query: figures.Query{SQL: errorsSQL},
				Links: map[string]func(map[string]string) string{"see": func(row map[string]string) string { return row["see"] }},
			},
			{
				ID: "age", Title: "How old the tables are", Sources: []string{"freshness"},
				Query: figures.Query{Keep: 15 * time.Second, SQL: "SELECT part, name, as_of, age_seconds FROM freshness WHERE part != 'drift' ORDER BY part, name"},
			},
			{
				ID: "lag", Title: "Lag by partition", Sources: []string{"Kafka"}, Open: true,
				About:   "Offsets that the group may read and has not committed. Offsets behind an open transaction are apart: no reader of committed messages sees them yet. Partitions with an alert come first, then those with the most lag.",
				Read:    func(ctx context.Context) (*figures.Table, error) { return lag(ctx, d) },
				Command: "pianola offsets show",
			},
		},
	}
}
