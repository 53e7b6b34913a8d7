package sink

import (
	"context"
	"fmt"

	"github.com/pianola/pianola/schemas"
)

// LedgerTable is the append-only account of offset ranges.
const LedgerTable = "ingest_ledger"

func ledgerTable() table {
	return table{LedgerTable, append(coordinateColumns(),
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
		schemas.Column{Name: "insert_token", Type: "String"},
		schemas.Column{Name: "instance", Type: "LowCardinality(String)"},
		schemas.Column{Name: "written_at", Type: "DateTime64(3, 'UTC')"},
	)}
}

// WriteLedger appends rows of lost ranges, which belong to no flush. It sets
// instance and time in rows without them. The insert token comes from the ranges,
// so a repetition is the same insert. Errors and retries are as Flush's.
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
	return w.appendLedger(ctx, lostToken(rows), stamped)
}

func lostToken(rows []schemas.LedgerRow) string {
	token := "ledger"
	for _, r := range rows {
		token += fmt.Sprintf(":%s:%s@%d/%d:%d-%d", r.Kind, r.Name, r.Epoch, r.Partition, r.StartOffset, r.NextOffset)
	}
	return token
}

func (w *Writer) appendLedger(ctx context.Context, token string, rows []schemas.LedgerRow) error {
	return w.insertRows(ctx, ledgerTable(), token, len(rows), func(i int) []any {
		r := &rows[i]
		return []any{
			string(r.Source), r.Name, r.Epoch, r.Partition, string(r.Kind), string(r.Cause),
			r.StartOffset, r.NextOffset, r.Messages, r.Stored, r.Filtered, r.DeadLettered, r.Skipped,
			r.LastOffset, instant(r.LastTimestamp), r.Token, r.Instance, instant(r.WrittenAt),
		}
	})
}
