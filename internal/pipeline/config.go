package pipeline

import (
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/consumer"
)

// OnDataLoss says what happens when messages were gone before they could be
// read (contract §4).
type OnDataLoss string

// The choices.
const (
	// FailOnDataLoss stops the consumer with an error that counts the loss.
	FailOnDataLoss OnDataLoss = "fail"
	// ContinueOnDataLoss writes the loss into the ledger, raises the alarm and
	// goes on at the first offset there is.
	ContinueOnDataLoss OnDataLoss = "continue"
)

// Config bounds a batch and says what a flow does at its edges. Zero values are not usable:
// start from Defaults.
type Config struct {
	MaxRows  int           // batch.max_rows: messages a flush may hold
	MaxBytes int           // batch.max_bytes: column bytes a flush may hold, uncompressed
	MaxWait  time.Duration // batch.max_wait: the oldest gathered message waits no longer

	OnDataLoss OnDataLoss         // consumer.on_data_loss
	Isolation  consumer.Isolation // kafka.isolation: up to where lag counts

	// InsertGrace bounds the insert under way when a generation has ended; it
	// stays below the rebalance timeout, or the group goes on without us.
	InsertGrace time.Duration

	Instance string // names this process in the ledger and in logs
}

// Defaults are the contract's (§5).
func Defaults() Config {
	return Config{
		MaxRows:     200_000,
		MaxBytes:    64 << 20,
		MaxWait:     time.Second,
		OnDataLoss:  FailOnDataLoss,
		Isolation:   consumer.ReadCommitted,
		InsertGrace: 20 * time.Second,
	}
}

// Validate reports every mistake at once, each with its key path.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.MaxRows > 0 && c.MaxRows <= 10_000_000, "batch.max_rows: %d is not between 1 and 10000000", c.MaxRows)
	check(c.MaxBytes >= 1<<20 && c.MaxBytes <= 1<<30, "batch.max_bytes: %d is not between 1 MiB and 1 GiB", c.MaxBytes)
	check(c.MaxWait > 0 && c.MaxWait <= time.Hour, "batch.max_wait: %v is not between 0 and 1h", c.MaxWait)
	check(c.OnDataLoss == FailOnDataLoss || c.OnDataLoss == ContinueOnDataLoss,
		"consumer.on_data_loss: %q is neither fail nor continue", c.OnDataLoss)
	return errors.Join(errs...)
}
