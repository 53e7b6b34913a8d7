package schemas

// Reason is why a message became a dead letter. The set is closed (contract §2):
// analysts group by it and alerts name it.
type Reason string

// The reasons.
const (
	InvalidJSON         Reason = "invalid_json"
	NotAnObject         Reason = "not_an_object"
	DuplicateField      Reason = "duplicate_field"
	MissingField        Reason = "missing_field"
	InvalidType         Reason = "invalid_type"
	InvalidValue        Reason = "invalid_value"
	InvalidTimestamp    Reason = "invalid_timestamp"
	TimestampOutOfRange Reason = "timestamp_out_of_range"
	UnknownAction       Reason = "unknown_action"
	TooLarge            Reason = "too_large"
	RejectedByServer    Reason = "rejected_by_server"
)

// Reasons returns all reasons in the contract's order.
func Reasons() []Reason {
	return []Reason{
		InvalidJSON, NotAnObject, DuplicateField, MissingField, InvalidType, InvalidValue,
		InvalidTimestamp, TimestampOutOfRange, UnknownAction, TooLarge, RejectedByServer,
	}
}

// DeadLetter is the durable record of one refused message. It contains no
// plaintext address: Payload and SubscriptionID are guarded, and Detail is a
// fixed sentence.
type DeadLetter struct {
	At     Coordinates
	Reason Reason
	Field  string // the canonical field name, or empty
	Detail string

	SubscriptionID string // empty when it could not be read
	Payload        string // redacted, at most a few KiB
	PayloadSHA256  []byte // 32 bytes, of the raw payload; nil when that is not available

	MessageTime Millis // the record's timestamp; 0 for files
	DecidedAt   Millis // the version of the row: the last decision wins
	Attempts    uint32 // number of attempts, from 1
	ResolvedAt  NullMillis
	Dismissal   Dismissal
}

// Dismissal is who closed a dead letter whose message is gone, and why. It is empty where
// nobody did. Both texts are written by an operator and contain no address.
type Dismissal struct{ By, Why string }

// FilteredSubscription is a subscription with an event that the internal-user
// filter dropped: its guarded id and the last time.
type FilteredSubscription struct {
	SubscriptionID string
	Version        uint64 // of the newest such delivery
}
