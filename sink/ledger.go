package sink

import (
	"context"
	"crypto/rand"

	"github.com/pianola/pianola/schemas"
)

// LedgerTable is the append-only account of offset ranges.
const LedgerTable = "ingest_ledger"

func ledgerTable() table {
	return table{name: LedgerTable, columns: append(coordinateColumns(),
		schemas.Column{Name: "kind", Type: "LowCardinality(String)"},
		schemas.Column{Name: "cause", Type: "LowCardinality(String)"},
		schemas.Column{Name: "start_offset", Type: "Int64"},
		schemas.Column{Name: "next_offset", Type: "Int64"},
		schemas.Column{Name: "messages", Type: "UInt64"},
		schemas.Column{Name: "stored", Type: "UInt64"},
		schemas.Column{Name: "filtered", Type: "UInt64"},
		schemas.Column{Name: "dead_lettered", Type: "UInt64"},
		schemas.Column{Name: "skipped", Type: "UInt64"},
		schemas.Column{Name: "last_offset", Type: "Int64"},
		schemas.Column{Name: "last_timestamp", Type: "DateTime64(3, 'UTC')"},
		schemas.Column{Name: "last_payload_sha256", Type: "String"},
		schemas.Column{Name: "insert_token", Type: "String"},
		schemas.Column{Name: "job_id", Type: "String"},
		schemas.Column{Name: "instance", Type: "LowCardinality(String)"},
		schemas.Column{Name: "synced_at", Type: "DateTime64(3, 'UTC')"},
		schemas.Column{Name: "written_at", Type: "DateTime64(3, 'UTC')"},
	)}
}

// WriteLedger appends rows of lost ranges, which belong to no flush. It sets
// instance and times in rows without them. Errors and retries are as Flush's: a
// repetition after an unknown outcome looks for the rows first.
func (w *Writer) WriteLedger(ctx context.Context, rows []schemas.LedgerRow) error {
	if len(rows) == 0 {
		return nil
	}
	stamped := make([]schemas.LedgerRow, len(rows))
	now := w.now()
	for i, row := range rows {
		if row.Instance == "" {
			row.Instance = w.cfg.Instance
		}
		if row.SyncedAt == 0 {
			row.SyncedAt = now
		}
		stamped[i] = row
	}
	return w.appendLedger(ctx, "ledger@"+rand.Text(), stamped)
}

// appendLedger writes the rows. Each attempt sets another written_at: an export learns
// from a late one that rows with an early synced_at have become visible, however long the
// attempts before took.
func (w *Writer) appendLedger(ctx context.Context, token string, rows []schemas.LedgerRow) error {
	t := ledgerTable()
	since := w.now()
	t.has = func(ctx context.Context) (bool, error) {
		since = min(since, w.now()) // a clock may be set back
		return w.hasLedgerRows(ctx, rows, since)
	}
	return w.insertRows(ctx, t, token, len(rows), func(i int) []any {
		r := &rows[i]
		return []any{
			string(r.Source), r.Name, r.Epoch, r.Partition, string(r.Kind), string(r.Cause),
			r.StartOffset, r.NextOffset, r.Messages, r.Stored, r.Filtered, r.DeadLettered, r.Skipped,
			r.LastOffset, instant(r.LastTimestamp), r.LastPayload, r.Token, r.JobID, r.Instance,
			instant(r.SyncedAt), instant(w.now()),
		}
	})
}

// hasLedgerRows looks for rows that were written together, since then.
func (w *Writer) hasLedgerRows(ctx context.Context, all []schemas.LedgerRow, since schemas.Millis) (bool, error) {
	wanted := make(map[schemas.LedgerRow]bool, len(all))
	for i := range all {
		wanted[rangeOf(&all[i])] = true
	}
	rows, err := w.conn.Query(ctx, `SELECT source, source_name, source_epoch, source_partition, kind, start_offset, next_offset
		FROM `+LedgerTable+` WHERE written_at >= fromUnixTimestamp64Milli(toInt64(?), 'UTC') AND instance = ? AND insert_token = ? AND job_id = ?`,
		int64(since), all[0].Instance, all[0].Token, all[0].JobID)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var found schemas.LedgerRow
		var source, kind string
		if err := rows.Scan(&source, &found.Name, &found.Epoch, &found.Partition, &kind, &found.StartOffset, &found.NextOffset); err != nil {
			return false, err
		}
		found.Source, found.Kind = schemas.Source(source), schemas.LedgerKind(kind)
		delete(wanted, found)
	}
	return len(wanted) == 0, rows.Err()
}

// rangeOf is the row without what it says about its range.
func rangeOf(r *schemas.LedgerRow) schemas.LedgerRow {
	return schemas.LedgerRow{Source: r.Source, Name: r.Name, Epoch: r.Epoch, Partition: r.Partition, Kind: r.Kind,
		StartOffset: r.StartOffset, NextOffset: r.NextOffset}
}
