package audit

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
)

// sameFlush reports whether two rows are of one flush whose ledger row was written more
// than once. The token is derived from the ranges, so rows with the same token and
// partition have the same range and are neighbours. Lost ranges have no token.
func sameFlush(a, b *schemas.LedgerRow) bool {
	return a.Kind != schemas.LedgerLost && a.Kind == b.Kind && a.JobID == b.JobID && a.Token != "" && a.Token == b.Token &&
		a.Name == b.Name && a.Epoch == b.Epoch && a.Partition == b.Partition &&
		a.StartOffset == b.StartOffset && a.NextOffset == b.NextOffset
}

// ledgerRows is a condition on rows of the ledger. It must not come from outside.
type ledgerRows string

const (
	ofConsumers ledgerRows = "kind != 'replay'"
	ofJobs      ledgerRows = "kind = 'replay'"
)

// ledger reads the rows of a source in the order of the table: by partition and next
// offset. Of a flush with more than one row it passes on only the last one, with the
// number of rows before it. The row is borrowed.
func (t *tables) ledger(ctx context.Context, source schemas.Source, of ledgerRows, each func(row *schemas.LedgerRow, before uint64) error) error {
	var row, held schemas.LedgerRow
	var before uint64
	holding := false
	// The table's own order comes first, so that the server streams too; the rest
	// sorts within equal next offsets.
	err := t.rows(ctx, "read the ledger", `SELECT source_name, source_epoch, source_partition, kind, cause, start_offset, next_offset,
			messages, stored, filtered, dead_lettered, skipped, last_offset, toUnixTimestamp64Milli(last_timestamp), last_payload_sha256, insert_token, job_id
		FROM `+t.name("ingest_ledger")+` WHERE source = {source:String} AND `+string(of)+`
		ORDER BY source_name, source_epoch, source_partition, next_offset, start_offset, kind, job_id, insert_token, written_at`,
		clickhouse.Parameters{"source": string(source)}, func(rows driver.Rows) error {
			var kind, cause string
			var last int64
			row = schemas.LedgerRow{Source: source}
			if err := rows.Scan(&row.Name, &row.Epoch, &row.Partition, &kind, &cause, &row.StartOffset, &row.NextOffset,
				&row.Messages, &row.Stored, &row.Filtered, &row.DeadLettered, &row.Skipped, &row.LastOffset, &last, &row.LastPayload, &row.Token, &row.JobID); err != nil {
				return err
			}
			row.Kind, row.Cause, row.LastTimestamp = schemas.LedgerKind(kind), schemas.LostCause(cause), schemas.Millis(last)
			switch {
			case !holding:
				holding = true
			case sameFlush(&held, &row):
				before++
			default:
				if err := each(&held, before); err != nil {
					return err
				}
				before = 0
			}
			held = row
			return nil
		})
	if err == nil && holding {
		err = each(&held, before)
	}
	return err
}
