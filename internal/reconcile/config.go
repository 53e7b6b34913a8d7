package reconcile

import (
	"errors"
	"fmt"
	"time"
)

// How a cancelled dynamic subscription is compared: the stream has no action for a
// deferred cancel.
const (
	// DynamicCancelImmediate: dynamic subscriptions are only cancelled immediately, so
	// stream and API must agree about a cancel.
	DynamicCancelImmediate = "immediate"
	// DynamicCancelDeferred: they may be cancelled at the end of their period. Until
	// then one side may have the cancel before the other.
	DynamicCancelDeferred = "deferred"
)

// Config configures how snapshots are kept and compared. The comments name the keys of
// the configuration file.
type Config struct {
	// Settle (reconcile.settle) is how long after an event its message may arrive. A run
	// waits that long after its snapshot is complete, and does not compare
	// subscriptions with events or messages in the last Settle before it.
	Settle time.Duration
	// Keep (reconcile.keep) is how many complete snapshots are kept: at least 3, since
	// tombstones need the two before.
	Keep int
	// DynamicCancel (reconcile.dynamic_cancel) is immediate or deferred.
	DynamicCancel string
	// StartedAtTolerance (reconcile.started_at_tolerance) is how far the start and the
	// next bill of both sides may be apart and still agree.
	StartedAtTolerance time.Duration
	// Verify (reconcile.verify) is how many candidates the API is asked about again in
	// one run; the others are reported as unverified.
	Verify int
}

// Defaults returns the default configuration.
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

// maxVerify limits the memory of a run.
const maxVerify = 100_000
