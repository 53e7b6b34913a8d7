package files

import (
	"context"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// statementLimit is how long a statement is retried.
const statementLimit = 5 * time.Minute

func (l *Loader) table(name string) string {
	return schemas.Options{Database: l.deps.Database}.Table(name)
}

func parameters(ctx context.Context, name, value string) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{name: value}))
}

// removeStale hides the events that an earlier load of these files has stored, and that no
// row of this job gives. It goes month by month, since an event never changes its month.
// Each statement may be repeated: it finds only what is left.
//
// All rows of files have version 0, and of equal versions the last insert wins. So the
// marker hides only rows of files: an event of the stream has a higher version. Where
// another file gives the event too, its row is inserted again in place of a marker.
func (l *Loader) removeStale(run *job.Run, o Options) error {
	if len(o.Stale) == 0 {
		return nil
	}
	s := &staleRows{Loader: l, ctx: run.Reading(), id: run.ID(), names: o.Stale, now: l.deps.Now().UnixMilli()}
	months, err := s.months()
	if err != nil {
		return err
	}
	done := l.deps.Progress.Count("look for events that the files no longer give", "months", uint64(len(months)))
	markers := uint64(0)
	for _, month := range months {
		if err := context.Cause(run.Reading()); err != nil {
			return err
		}
		n, err := s.month(month)
		if err != nil {
			return err
		}
		markers += n
		run.Set(Markers, markers)
		done.Add(1)
	}
	return s.letters()
}

// staleRows are the rows of one job's files from before the job.
type staleRows struct {
	*Loader
	ctx   context.Context
	id    string
	names []string
	now   int64
}

// mine is the condition for rows of these files.
const mine = "(source = 'file' AND source_name IN ?)"

// eventKey is the key of an event.
const eventKey = "subscription_id, event_timestamp, event_id"

func (s *staleRows) months() (months []uint32, err error) {
	err = s.retry("look for rows of these files", func(ctx context.Context) error {
		months = nil
		rows, err := s.deps.Conn.Query(job.WithNames(ctx), `SELECT DISTINCT toYYYYMM(event_timestamp) AS month FROM `+s.table("subscription_events")+`
			WHERE `+mine+` ORDER BY month`, s.names)
		if err != nil {
			return migrate.Explain(err)
		}
		defer func() { _ = rows.Close() }() // Err reports the error
		for rows.Next() {
			var month uint32
			if err := rows.Scan(&month); err != nil {
				return migrate.Explain(err)
			}
			months = append(months, month)
		}
		return migrate.Explain(rows.Err())
	})
	return months, err
}

// stale is a query for the keys of a month that only earlier jobs give.
func (s *staleRows) stale(month uint32) (query string, arguments []any) {
	return `SELECT ` + eventKey + ` FROM ` + s.table("subscription_events") + `
		WHERE toYYYYMM(event_timestamp) = ? AND ` + mine + ` AND version = 0
		GROUP BY ` + eventKey + `
		HAVING argMax(is_deleted, synced_at) = 0 AND countIf(is_deleted = 0 AND synced_at GLOBAL IN (
			SELECT synced_at FROM ` + s.table("ingest_ledger") + ` WHERE kind = 'replay' AND source = 'file' AND job_id = ?)) = 0`,
		[]any{month, s.names, s.id}
}

// month removes the stale events of one month. It returns how many markers it wrote.
func (s *staleRows) month(month uint32) (markers uint64, err error) {
	events := s.table("subscription_events")
	stale, staleArguments := s.stale(month)
	var keys uint64
	err = s.retry("look for events that the files no longer give", func(ctx context.Context) error {
		return migrate.Explain(s.deps.Conn.QueryRow(job.WithNames(ctx), "SELECT count() FROM ("+stale+")", staleArguments...).Scan(&keys))
	})
	if err != nil || keys == 0 {
		return 0, err
	}
	columns := make([]string, 0, 30)
	for _, c := range schemas.EventColumns() {
		if c.Name != "synced_at" {
			columns = append(columns, c.Name)
		}
	}
	others := strings.Join(columns, ", ")
	later := "greatest(fromUnixTimestamp64Milli(toInt64(?), 'UTC'), %s + toIntervalMillisecond(1))"
	err = s.retry("insert rows of other files again", func(ctx context.Context) error {
		return s.exec(ctx, `INSERT INTO `+events+` (`+others+`, synced_at)
			SELECT `+others+`, `+strings.ReplaceAll(later, "%s", "synced_at")+` FROM `+events+`
			WHERE toYYYYMM(event_timestamp) = ? AND NOT `+mine+` AND version = 0 AND is_deleted = 0 AND (`+eventKey+`) GLOBAL IN (`+stale+`)
			ORDER BY synced_at DESC LIMIT 1 BY `+eventKey, append([]any{s.now, month, s.names}, staleArguments...)...)
	})
	if err != nil {
		return 0, err
	}
	err = s.retry("insert delete markers", func(ctx context.Context) error {
		return s.exec(ctx, `INSERT INTO `+events+` (`+eventKey+`, subscription_action, version, synced_at, source, source_name, source_epoch, source_partition, source_offset, is_deleted)
			SELECT `+eventKey+`, argMaxIf(subscription_action, synced_at, `+mine+`), 0, `+strings.ReplaceAll(later, "%s", "max(synced_at)")+`,
				'file', argMaxIf(source_name, synced_at, `+mine+`), 0, 0, argMaxIf(source_offset, synced_at, `+mine+`), 1
			FROM `+events+` WHERE toYYYYMM(event_timestamp) = ? AND (`+eventKey+`) GLOBAL IN (`+stale+`)
			GROUP BY `+eventKey+` HAVING max(version) = 0 AND countIf(NOT `+mine+` AND is_deleted = 0) = 0`,
			append(append([]any{s.names, s.now, s.names, s.names, month}, staleArguments...), s.names)...)
	})
	if err != nil {
		return 0, err
	}
	err = s.retry("count delete markers", func(ctx context.Context) error {
		return migrate.Explain(s.deps.Conn.QueryRow(job.WithNames(ctx), `SELECT uniqExact(`+eventKey+`) FROM `+events+` WHERE toYYYYMM(event_timestamp) = ? AND `+mine+`
			AND is_deleted = 1 AND synced_at >= fromUnixTimestamp64Milli(toInt64(?), 'UTC')`, month, s.names, s.now).Scan(&markers))
	})
	return markers, err
}

// letters resolves open dead letters of rows that the files no longer have.
func (s *staleRows) letters() error {
	type beyond struct {
		name string
		rows int64
	}
	var all []beyond
	err := s.retry("look for dead letters beyond the end of the files", func(ctx context.Context) error {
		all = nil
		return statement.Each(parameters(ctx, "job", s.id), s.deps.Conn, `SELECT source_name, max(start_offset) FROM `+s.table("ingest_ledger")+`
			WHERE kind = 'replay' AND source = 'file' AND job_id = {job:String} AND start_offset = next_offset GROUP BY source_name`, func(row driver.Rows) error {
			var b beyond
			if err := row.Scan(&b.name, &b.rows); err != nil {
				return err
			}
			all = append(all, b)
			return nil
		})
	})
	letters := s.table("dead_letters")
	for _, b := range all {
		if err != nil {
			return err
		}
		err = s.retry("resolve dead letters beyond the end of a file", func(ctx context.Context) error {
			return s.exec(ctx, `INSERT INTO `+letters+` SELECT * REPLACE (
					greatest(fromUnixTimestamp64Milli(toInt64(?), 'UTC'), decided_at + toIntervalMillisecond(1)) AS decided_at,
					fromUnixTimestamp64Milli(toInt64(?), 'UTC') AS resolved_at)
				FROM (SELECT * FROM `+letters+` FINAL WHERE source = 'file' AND source_name = ? AND source_offset >= ? AND resolved_at IS NULL)`, s.now, s.now, b.name, b.rows)
		})
	}
	return err
}

func (s *staleRows) retry(op string, attempt func(context.Context) error) error {
	return statement.Retry(s.ctx, s.deps.Log, op, statementLimit, func(ctx context.Context) error {
		if err := s.deps.Writer.Gate(ctx); err != nil {
			return migrate.Explain(err)
		}
		return attempt(ctx)
	})
}

// exec runs an INSERT … SELECT of one month.
func (s *staleRows) exec(ctx context.Context, query string, arguments ...any) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"async_insert": 0, "distributed_foreground_insert": 1, "insert_deduplicate": 0, "optimize_on_insert": 0, "max_query_size": job.MaxStatement,
	}))
	return migrate.Explain(s.deps.Conn.Exec(ctx, query, arguments...))
}
