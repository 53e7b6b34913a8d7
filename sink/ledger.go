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
		schemas.Column{Name: "instance", Type: "LowCardinality(String)"},
		schemas.Column{Name: "written_at", Type: "DateTime64(3, 'UTC')"},
	)}
}

// WriteLedger appends rows of lost ranges, which belong to no flush. It sets
// instance and time in rows without them. Errors and retries are as Flush's: a
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
		if row.WrittenAt == 0 {
			row.WrittenAt = now
		}
		stamped[i] = row
	}
	return w.appendLedger(ctx, "ledger@"+rand.Text(), stamped)
}

func (w *Writer) appendLedger(ctx context.Context, token string, rows []schemas.LedgerRow) error {
	t := ledgerTable()
	t.has = func(ctx context.Context) (bool, error) { return w.hasLedgerRows(ctx, rows) }
	return w.insertRows(ctx, t, token, len(rows), func(i int) []any {
		r := &rows[i]
		return []any{
			string(r.Source), r.Name, r.Epoch, r.Partition, string(r.Kind), string(r.Cause),
			r.StartOffset, r.NextOffset, r.Messages, r.Stored, r.Filtered, r.DeadLettered, r.Skipped,
			r.LastOffset, instant(r.LastTimestamp), r.LastPayload, r.Token, r.Instance, instant(r.WrittenAt),
		}
	})
}

// hasLedgerRows looks for rows that were written together.
func (w *Writer) hasLedgerRows(ctx context.Context, rows []schemas.LedgerRow) (bool, error) {
	var found uint64
	err := w.conn.QueryRow(ctx, `SELECT uniqExact(source, source_name, source_epoch, source_partition, kind, start_offset, next_offset)
		FROM `+LedgerTable+` WHERE written_at = fromUnixTimestamp64Milli(toInt64(?), 'UTC') AND instance = ? AND insert_token = ?`,
		int64(rows[0].WrittenAt), rows[0].Instance, rows[0].Token).Scan(&found)
	return found >= uint64(len(rows)), err
}
