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
	return table{DeadLettersTable, append(coordinateColumns(),
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
		err := w.insertRows(ctx, t, token+":dead_letters/"+strconv.Itoa(n), len(rows),
			func(i int) []any { return deadLetterRow(&rows[i]) })
		if err != nil {
			return err
		}
	}
	return nil
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

// versionShift is the position of the record's timestamp in a Kafka row's version
// (schemas.KafkaVersion).
const versionShift = 20

// deadLetter is the dead letter of a refused row. Its payload is the row as it
// would have been stored: after the guard, so without plaintext addresses. The
// raw message and its SHA-256 are no longer available.
func (c *Chunk) deadLetter(row int, code int32) schemas.DeadLetter {
	d := schemas.DeadLetter{
		At: schemas.Coordinates{
			Source:    schemas.Source(c.source.row(row)),
			Name:      string(c.sourceName.row(row)),
			Epoch:     c.sourceEpoch.values[row],
			Partition: c.sourcePartition.values[row],
			Offset:    c.sourceOffset.values[row],
		},
		Reason:         schemas.RejectedByServer,
		Detail:         "ClickHouse refused this row with code " + strconv.Itoa(int(code)) + " " + codeName(code),
		SubscriptionID: c.subscriptionID.values.Row(row),
		Payload:        string(c.json(row)),
		MessageTime:    schemas.Millis(c.version.values[row] >> versionShift),
		Attempts:       1,
	}
	return d
}
