package pipeline

import (
	"crypto/sha256"

	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// addDeadLetter keeps what the contract lets be kept of a refused message: the
// redacted payload, and the hash of the raw one, by which the original can be
// recognised in Kafka without being stored here.
func (p *part) addDeadLetter(worker *transform.Worker, result *transform.Result, at schemas.Coordinates,
	timestamp schemas.Millis, value []byte) {
	hash := sha256.Sum256(value)
	letter := schemas.DeadLetter{
		At: at, Reason: result.Reason, Field: result.Field, Detail: result.Detail,
		SubscriptionID: string(result.SubscriptionID),
		Payload:        worker.Redact(value),
		PayloadSHA256:  hash[:],
		MessageTime:    timestamp,
		Attempts:       1,
	}
	p.DeadLetters = append(p.DeadLetters, letter)
	p.deadLetterBytes += len(letter.Payload) + len(letter.SubscriptionID) + 256
}
