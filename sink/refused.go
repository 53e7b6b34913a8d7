package sink

import (
	"strconv"

	"github.com/pianola/pianola/schemas"
)

// versionShift takes a record's timestamp out of a Kafka row's version
// (schemas.KafkaVersion).
const versionShift = 20

// deadLetter is the row that ClickHouse refused, as a dead letter. Its payload
// is the row as it would have been stored: after the guard, so without a
// plaintext address. The raw message is gone by now, and with it its SHA-256.
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
