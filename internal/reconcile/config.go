package reconcile

import (
	"errors"
	"fmt"
	"time"
)

// How the end of a dynamic subscription is read: its deferred cancel has no action
// of its own in the stream.
const (
	// DynamicCancelImmediate says that dynamic subscriptions are only cancelled at
	// once: what stream and API say of a cancel must agree.
	DynamicCancelImmediate = "immediate"
	// DynamicCancelDeferred says that they may be cancelled for the end of their
	// period: until then it is no disagreement when one side has the cancel and
	// the other does not.
	DynamicCancelDeferred = "deferred"
)

// Config says how snapshots are kept and compared. Key paths in the comments are
// those of the configuration file.
type Config struct {
	// Settle (reconcile.settle) is how long after an event its message may come.
	// A run waits that long after its snapshot is complete, and does not compare
	// subscriptions with events or messages in the last Settle before it.
	Settle time.Duration
	// Keep (reconcile.keep) is how many complete snapshots are kept: at least 3,
	// for tombstones need the two before.
	Keep int
	// DynamicCancel (reconcile.dynamic_cancel) is immediate or deferred.
	DynamicCancel string
	// StartedAtTolerance (reconcile.started_at_tolerance) is how far instants may
	// be apart that mean the same: the start, and the next bill.
	StartedAtTolerance time.Duration
	// Verify (reconcile.verify) is how many subscriptions that differ the API is
	// asked about again in one run; the others are shown as unverified.
	Verify int
}

// Defaults are those of the configuration.
func Defaults() Config {
	return Config{Settle: 15 * time.Minute, Keep: 30, DynamicCancel: DynamicCancelImmediate, StartedAtTolerance: 24 * time.Hour, Verify: 1000}
}

// Validate reports every mistake at once, each with its key path.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.Settle >= 0 && c.Settle <= 24*time.Hour, "reconcile.settle: %v is not between 0 and 24h", c.Settle)
	check(c.Keep >= 3, "reconcile.keep: %d is below 3", c.Keep)
	check(c.DynamicCancel == DynamicCancelImmediate || c.DynamicCancel == DynamicCancelDeferred,
		"reconcile.dynamic_cancel: want %s or %s", DynamicCancelImmediate, DynamicCancelDeferred)
	check(c.StartedAtTolerance >= 0, "reconcile.started_at_tolerance: %v is below 0", c.StartedAtTolerance)
	check(c.Verify >= 0 && c.Verify <= maxVerify, "reconcile.verify: %d is not between 0 and %d", c.Verify, maxVerify)
	return errors.Join(errs...)
}

// maxVerify bounds what a run holds in memory.
const maxVerify = 100_000
