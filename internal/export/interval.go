package export

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/migrate"
)

// interval is the part of the stream that an export has, by synced_at. The zero value is
// everything.
type interval struct {
	after time.Time // exclusive
	from  time.Time // inclusive
}

// condition is SQL about synced_at; empty for everything.
func (i interval) condition() string {
	switch {
	case !i.after.IsZero():
		return syncColumn + " > " + literal(i.after)
	case !i.from.IsZero():
		return syncColumn + " >= " + literal(i.from)
	default:
		return ""
	}
}

// literal is a time as a constant of SQL.
func literal(t time.Time) string {
	return "toDateTime64('" + t.UTC().Format("2006-01-02 15:04:05.000") + "', 3, 'UTC')"
}

// serverTime is the watermark of an export that reads its first row afterwards.
func (e *Exporter) serverTime(ctx context.Context) (time.Time, error) {
	var now time.Time
	if err := e.conn.QueryRow(ctx, "SELECT now64(3, 'UTC')").Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("read the server's time: %w", migrate.Explain(err))
	}
	return now.UTC(), nil
}

var errFuture = errors.New("the newest manifest has a watermark in the future: a clock was wrong; export once without --since last")

// sinceLast is the interval of an export that continues from a watermark.
//
// A row may become visible long after its synced_at, because its insert was retried. So
// the interval begins before the watermark. Its flush writes the ledger when the rows are
// in the table. A flush whose rows the last export may have missed therefore has a row in
// the ledger that was written after the watermark, now or when a later export looks. Such
// a flush moves the beginning back to its synced_at. A process that dies before it writes
// the ledger has its messages read again, with a new synced_at.
//
// A row of the ledger has the time at which its own insert began, and is visible later. The
// overlap must cover that, so it is at least as long as one attempt of an insert may take.
// It also covers the differences between clocks, and inserts of a redrive, which has no row
// in the ledger.
func (e *Exporter) sinceLast(ctx context.Context, watermark, now time.Time) (interval, error) {
	if watermark.After(now.Add(e.config.Overlap)) {
		return interval{}, errFuture
	}
	begin := watermark.Add(-e.config.Overlap)
	var earliest *time.Time
	err := e.conn.QueryRow(ctx, "SELECT minOrNull("+syncColumn+") FROM "+e.tables.Table("ingest_ledger")+
		" WHERE kind != 'lost' AND written_at >= "+literal(begin)).Scan(&earliest)
	if err != nil {
		return interval{}, fmt.Errorf("read the ledger: %w", migrate.Explain(err))
	}
	after := begin
	if earliest != nil && earliest.Add(-time.Millisecond).Before(after) {
		after = earliest.Add(-time.Millisecond)
	}
	return interval{after: after}, nil
}
