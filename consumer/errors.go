package consumer

import (
	"errors"
	"fmt"
	"strings"
)

// What can be asked of an error with errors.Is.
var (
	// ErrUnreachable: no broker answered.
	ErrUnreachable = errors.New("no broker answers")
	// ErrTLS: the two sides do not agree on encryption or certificates.
	ErrTLS = errors.New("no TLS with the broker")
	// ErrLogin: the broker refused user, password or mechanism.
	ErrLogin = errors.New("the broker refused the login")
	// ErrNotAuthorized: the login is good, but may not read a topic or join the
	// group.
	ErrNotAuthorized = errors.New("not authorized")
	// ErrTopicMissing: a configured topic does not exist.
	ErrTopicMissing = errors.New("topic missing")
	// ErrOffsetOutOfRange: the broker has no record at this position, and none
	// will come: see OffsetOutOfRangeError.
	ErrOffsetOutOfRange = errors.New("offset out of range")
	// ErrTopicRecreated: a topic that was read was missing for a while, or another record
	// stands where the last one was read, so it may be another one of the same name:
	// what is known of it is to be asked anew.
	ErrTopicRecreated = errors.New("topic was gone and is back")
	// ErrCorrupt: what the broker sent cannot be read: see CorruptError.
	ErrCorrupt = errors.New("corrupt batch")
	// ErrGenerationEnded: the generation takes no more commits.
	ErrGenerationEnded = errors.New("generation ended")
	// ErrDrainTimeout is the cause of a handler's ended context when draining
	// took longer than kafka.drain_timeout.
	ErrDrainTimeout = errors.New("drain timeout")
)

// ConnectError is a failure to get at the brokers, said so that an operator can
// act on it. It unwraps to one of ErrUnreachable, ErrTLS, ErrLogin,
// ErrNotAuthorized, ErrTopicMissing.
type ConnectError struct {
	Reason error  // the sentinel
	Where  string // the brokers, the topics or the group
	Hint   string // what to do
	Err    error  // what the library said; nil where there is nothing to add
}

func (e *ConnectError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("kafka: %v: %s: %s", e.Reason, e.Where, e.Hint)
	}
	return fmt.Sprintf("kafka: %v: %s: %s (%v)", e.Reason, e.Where, e.Hint, e.Err)
}

// Unwrap gives the sentinel and the cause.
func (e *ConnectError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}

func missingTopics(names []string) error {
	return &ConnectError{
		Reason: ErrTopicMissing,
		Where:  strings.Join(names, ", "),
		Hint:   "create it, or correct kafka.topics",
	}
}

// OffsetOutOfRangeError says that [LogStart, LogEnd) is what the broker holds
// of a partition and Offset is outside of it: retention has passed it, the log
// was cut back, or the topic was made anew. LogEnd itself is a good position.
type OffsetOutOfRangeError struct {
	Topic     string
	Partition int32
	Offset    int64
	LogStart  int64
	LogEnd    int64
}

func (e *OffsetOutOfRangeError) Error() string {
	return fmt.Sprintf("fetch %s/%d/%d: offset out of range, the broker holds [%d, %d)",
		e.Topic, e.Partition, e.Offset, e.LogStart, e.LogEnd)
}

// Unwrap gives ErrOffsetOutOfRange.
func (e *OffsetOutOfRangeError) Unwrap() error { return ErrOffsetOutOfRange }

// CorruptError says that the batch that begins at Offset cannot be read, and
// why. Reason never holds bytes of the batch.
type CorruptError struct {
	Topic     string
	Partition int32
	Offset    int64
	Reason    string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("read %s/%d/%d: corrupt batch: %s; restore the partition from a replica that has it whole, "+
		"or give the batch up by moving the group's committed offset behind it", e.Topic, e.Partition, e.Offset, e.Reason)
}

// Unwrap gives ErrCorrupt.
func (e *CorruptError) Unwrap() error { return ErrCorrupt }
