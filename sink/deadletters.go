package sink

import (
	"context"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/pianola/pianola/schemas"
)

// DeadLettersTable stores messages that a stage or ClickHouse refused.
const DeadLettersTable = "dead_letters"

func deadLettersTable() table {
	return table{name: DeadLettersTable, columns: append(coordinateColumns(),
		schemas.Column{Name: "source_offset", Type: "Int64"},
		schemas.Column{Name: "reason", Type: "LowCardinality(String)"},
		schemas.Column{Name: "field", Type: "LowCardinality(Nullable(String))"},
		schemas.Column{Name: "detail", Type: "String"},
		schemas.Column{Name: "subscription_id", Type: "Nullable(String)"},
		schemas.Column{Name: "payload", Type: "String"},
		schemas.Column{Name: "payload_sha256", Type: "Nullable(String)"},
		schemas.Column{Name: "message_time", Type: "DateTime64(3, 'UTC')"},
		schemas.Column{Name: "decided_at", Type: "DateTime64(3, 'UTC')"},
		schemas.Column{Name: "attempts", Type: "UInt32"},
		schemas.Column{Name: "resolved_at", Type: "Nullable(DateTime64(3, 'UTC'))"},
		schemas.Column{Name: "dismissed_by", Type: "Nullable(String)"},
		schemas.Column{Name: "dismissed_why", Type: "Nullable(String)"},
	)}
}

// coordinateColumns are the columns of schemas.EventColumns that name a
// partition.
func coordinateColumns() []schemas.Column {
	return []schemas.Column{
		{Name: "source", Type: "LowCardinality(String)"},
		{Name: "source_name", Type: "LowCardinality(String)"},
		{Name: "source_epoch", Type: "UInt32"},
		{Name: "source_partition", Type: "Int32"},
	}
}

func deadLetterRow(d *schemas.DeadLetter) []any {
	var sha *string
	if len(d.PayloadSHA256) > 0 {
		sha = optional(hex.EncodeToString(d.PayloadSHA256))
	}
	var resolved *time.Time
	if d.ResolvedAt.Valid {
		at := instant(d.ResolvedAt.Millis)
		resolved = &at
	}
	return []any{
		string(d.At.Source), d.At.Name, d.At.Epoch, d.At.Partition, d.At.Offset,
		string(d.Reason), optional(d.Field), d.Detail, optional(d.SubscriptionID), d.Payload, sha,
		instant(d.MessageTime), instant(d.DecidedAt), d.Attempts, resolved,
		optional(d.Dismissal.By), optional(d.Dismissal.Why),
	}
}

// The limits of one INSERT of dead letters.
const (
	maxDeadLetters     = 20_000
	maxDeadLetterBytes = 16 << 20
)

// writeDeadLetters inserts all dead letters in slices, because the driver makes a
// second copy. The slices depend only on the rows, so a retry sends the same rows
// under the same tokens.
func (w *Writer) writeDeadLetters(ctx context.Context, token string, all []schemas.DeadLetter) error {
	t := deadLettersTable()
	for n := 0; len(all) > 0; n++ {
		cut := deadLetterSlice(all)
		rows := all[:cut]
		all = all[cut:]
		t.has = func(ctx context.Context) (bool, error) { return w.hasDeadLetters(ctx, rows) }
		err := w.insertRows(ctx, t, token+":dead_letters/"+strconv.Itoa(n), len(rows),
			func(i int) []any { return deadLetterRow(&rows[i]) })
		if err != nil {
			return err
		}
	}
	return nil
}

// hasDeadLetters looks for decisions that were written together.
func (w *Writer) hasDeadLetters(ctx context.Context, all []schemas.DeadLetter) (bool, error) {
	wanted := make(map[schemas.Coordinates]schemas.Millis, len(all))
	since := all[0].DecidedAt
	for i := range all {
		wanted[all[i].At] = all[i].DecidedAt
		since = min(since, all[i].DecidedAt)
	}
	rows, err := w.conn.Query(ctx, `SELECT source, source_name, source_epoch, source_partition, source_offset, toUnixTimestamp64Milli(decided_at)
		FROM `+DeadLettersTable+` WHERE decided_at >= fromUnixTimestamp64Milli(toInt64(?), 'UTC')`, int64(since))
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var at schemas.Coordinates
		var source string
		var decided int64
		if err := rows.Scan(&source, &at.Name, &at.Epoch, &at.Partition, &at.Offset, &decided); err != nil {
			return false, err
		}
		at.Source = schemas.Source(source)
		if wanted[at] == schemas.Millis(decided) {
			delete(wanted, at)
		}
	}
	return len(wanted) == 0, rows.Err()
}

// deadLetterSlice is the number of rows for the next INSERT, at least one.
func deadLetterSlice(all []schemas.DeadLetter) int {
	size := 0
	for i := range all {
		size += len(all[i].Payload)
		if i > 0 && (i == maxDeadLetters || size > maxDeadLetterBytes) {
			return i
		}
	}
	return len(all)
}

// deadLetter is the dead letter of a refused row. Its payload is the row as it
// would have been stored: after the guard, so without plaintext addresses. The
// raw message and its SHA-256 are no longer available.
func (c *Chunk) deadLetter(row int, code int32) schemas.DeadLetter {
	d := schemas.DeadLetter{
		At:             c.coordinates(row),
		Reason:         schemas.RejectedByServer,
		Detail:         "ClickHouse refused this row with code " + strconv.Itoa(int(code)) + " " + codeName(code),
		SubscriptionID: c.subscriptionID.values.Row(row),
		Payload:        string(c.json(row)),
		MessageTime:    schemas.VersionTime(c.version.values[row]),
		Attempts:       1,
	}
	return d
}
