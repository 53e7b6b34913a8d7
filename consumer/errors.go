package consumer

import (
	"errors"
	"fmt"
	"strings"
)

// Sentinels for errors.Is.
var (
	// ErrUnreachable: no broker answered.
	ErrUnreachable = errors.New("no broker answers")
	// ErrTLS: the two sides disagree on encryption or certificates.
	ErrTLS = errors.New("TLS with the broker failed")
	// ErrLogin: the broker refused user, password or mechanism.
	ErrLogin = errors.New("the broker refused the login")
	// ErrNotAuthorized: the login is valid, but may not read a topic or join the
	// group.
	ErrNotAuthorized = errors.New("not authorized")
	// ErrForeignMember: another application uses the group, with a protocol that
	// excludes this one.
	ErrForeignMember = errors.New("another application uses kafka.group")
	// ErrGroupActive: the group has members, so its offsets cannot be set from outside.
	ErrGroupActive = errors.New("the group is active")
	// ErrTopicMissing: a configured topic does not exist.
	ErrTopicMissing = errors.New("topic missing")
	// ErrOffsetOutOfRange: the broker has no record at this position and none
	// will come. See OffsetOutOfRangeError.
	ErrOffsetOutOfRange = errors.New("offset out of range")
	// ErrTopicRecreated: the topic was missing, or its last-read record changed.
	// It may have been deleted and recreated; check positions again.
	ErrTopicRecreated = errors.New("topic missing or recreated")
	// ErrCorrupt: a batch cannot be decoded. See CorruptError.
	ErrCorrupt = errors.New("corrupt batch")
	// ErrGenerationEnded: the generation accepts no more commits.
	ErrGenerationEnded = errors.New("generation ended")
	// ErrDrainTimeout is the cause of a handler's ended context when draining
	// took longer than kafka.drain_timeout.
	ErrDrainTimeout = errors.New("drain timeout")
)

// ConnectError is a failure to use the brokers, with a hint for the operator. It
// unwraps to one of ErrUnreachable, ErrTLS, ErrLogin, ErrNotAuthorized,
// ErrForeignMember, ErrTopicMissing.
type ConnectError struct {
	Reason error  // the sentinel
	Where  string // the brokers, the topics or the group
	Hint   string // what to do
	Err    error  // the library's error, or nil
}

func (e *ConnectError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("kafka: %v: %s: %s", e.Reason, e.Where, e.Hint)
	}
	return fmt.Sprintf("kafka: %v: %s: %s (%v)", e.Reason, e.Where, e.Hint, e.Err)
}

// Unwrap returns the sentinel and the cause.
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

// OffsetOutOfRangeError reports that Offset is outside of [LogStart, LogEnd):
// retention removed it, the log was truncated, or the topic was recreated. LogEnd
// itself is a valid position.
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

// Unwrap returns ErrOffsetOutOfRange.
func (e *OffsetOutOfRangeError) Unwrap() error { return ErrOffsetOutOfRange }

// CorruptError reports that the batch at Offset cannot be decoded, and why.
// Reason never contains bytes of the batch.
type CorruptError struct {
	Topic     string
	Partition int32
	Offset    int64
	Reason    string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("read %s/%d/%d: corrupt batch: %s; restore the partition from an intact replica, "+
		"or skip the batch by resetting the group's committed offset", e.Topic, e.Partition, e.Offset, e.Reason)
}

// Unwrap returns ErrCorrupt.
func (e *CorruptError) Unwrap() error { return ErrCorrupt }
