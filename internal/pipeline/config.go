package pipeline

import (
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/consumer"
)

// OnDataLoss is what happens when messages were removed before they were read
// (contract §4).
type OnDataLoss string

// The values of consumer.on_data_loss.
const (
	// FailOnDataLoss stops the consumer with an error that counts the loss.
	FailOnDataLoss OnDataLoss = "fail"
	// ContinueOnDataLoss writes the loss to the ledger, counts it in the metrics
	// and continues at the first available offset.
	ContinueOnDataLoss OnDataLoss = "continue"
)

// Config limits a batch and sets the behaviour of a flow. The zero value is not
// usable: start from Defaults.
type Config struct {
	MaxRows  int           // batch.max_rows: messages in a flush
	MaxBytes int           // batch.max_bytes: column bytes in a flush, uncompressed
	MaxWait  time.Duration // batch.max_wait: longest wait of a message for its flush

	OnDataLoss OnDataLoss         // consumer.on_data_loss
	Isolation  consumer.Isolation // kafka.isolation: where lag ends

	// InsertGrace is how long an insert may continue after its generation has
	// ended. It is less than the rebalance timeout, after which the group
	// continues without this member.
	InsertGrace time.Duration

	Instance string // names this process in the ledger and in logs
}

// Defaults returns the defaults of contract §5.
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

// Validate returns all mistakes joined, each with its key path.
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
		"consumer.on_data_loss: is neither fail nor continue")
	return errors.Join(errs...)
}
