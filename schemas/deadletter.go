package schemas

// Reason is why a message became a dead letter. The set is closed (contract
// §2): analysts group by it and alerts name it.
type Reason string

// Every reason there is.
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

// Reasons lists the closed set in the order in which the contract gives it.
func Reasons() []Reason {
	return []Reason{
		InvalidJSON, NotAnObject, DuplicateField, MissingField, InvalidType, InvalidValue,
		InvalidTimestamp, TimestampOutOfRange, UnknownAction, TooLarge, RejectedByServer,
	}
}

// DeadLetter is the durable record of one message that was refused. It holds no
// plaintext address: Payload and SubscriptionID have been through the guard,
// Detail is a fixed sentence.
type DeadLetter struct {
	At     Coordinates
	Reason Reason
	Field  string // the canonical field name, or empty where there is none
	Detail string

	SubscriptionID string // empty where it could not be read
	Payload        string // redacted, at most a few KiB
	PayloadSHA256  []byte // 32 bytes of the raw payload; nil where the raw bytes are not at hand

	MessageTime Millis // the record's timestamp; 0 for files
	DecidedAt   Millis // the version of the row: the last decision wins
	Attempts    uint32 // how often it has been tried, from 1
	ResolvedAt  NullMillis
}

// FilteredSubscription is a subscription whose event the internal-user filter
// dropped: its id alone (after the guard), and when last.
type FilteredSubscription struct {
	SubscriptionID string
	FilteredAt     Millis
}
