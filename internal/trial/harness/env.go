package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

// Env is the environment that all rounds share: one Kafka, one ClickHouse, one binary.
type Env struct {
	Kind       Kafka
	Broker     *Broker
	ClickHouse *clickhouse.Server
	Admin      *kadm.Client
	Dir        string // removed by Close

	// Hooks of an environment whose servers are a trial's own; nil: none.

	// ClickHouseAddr is the address for the processes, by protocol.
	ClickHouseAddr func(protocol string) string
	// ProcessSettings override those of every process.
	ProcessSettings func(*Round) map[string]string
	// LogLine receives every line that a process writes. It is called from many
	// goroutines.
	LogLine func(line string)

	access  []kgo.Opt // with which the harness's own clients reach the broker
	client  *kgo.Client
	binary  string
	rounds  *atomic.Int32 // that have begun, in all environments; each gets names of its own
	closers []func() error
}

// Open builds the binary and starts the servers. ctx bounds the start alone. The caller
// closes the Env. progress receives sentences, and may be nil.
func Open(ctx context.Context, kind Kafka, progress func(string)) (*Env, error) {
	dir, err := os.MkdirTemp("", "pianola-trial-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	e := &Env{Kind: kind, Dir: dir, binary: filepath.Join(dir, "pianola"), rounds: new(atomic.Int32)}
	if err := e.open(ctx, progress); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *Env) open(ctx context.Context, progress func(string)) error {
	// Built from source, so that a trial always tests this version.
	if err := build(ctx, e.binary); err != nil {
		return err
	}
	var err error
	e.ClickHouse, err = StartClickHouse(ctx, filepath.Join(e.Dir, "clickhouse"), clickhouse.Config{Access: Access(Grants("*")), Progress: progress})
	if err != nil {
		return err
	}
	e.closers = append(e.closers, e.ClickHouse.Close)
	b, err := startBroker(ctx, e.Kind, e.Dir)
	if err != nil {
		return err
	}
	return e.connect(b)
}

// build compiles pianola as it is shipped.
func build(ctx context.Context, binary string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "github.com/pianola/pianola/cmd/pianola")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build pianola: %w: %s", err, out)
	}
	return nil
}

// connect makes the clients of the harness for a broker.
func (e *Env) connect(b *Broker) error {
	e.Broker, e.access = b, b.access()
	e.closers = append(e.closers, b.Stop)
	var err error
	if e.client, err = kgo.NewClient(append(slices.Clone(e.access), kgo.SeedBrokers(b.Addr))...); err != nil {
		return fmt.Errorf("make a kafka client: %w", err)
	}
	e.closers = append(e.closers, func() error { e.client.Close(); return nil })
	e.Admin = kadm.NewClient(e.client)
	return nil
}

// WithBroker is an environment with another broker and the same binary and ClickHouse.
// The caller closes it, which stops the broker.
func (e *Env) WithBroker(b *Broker) (*Env, error) {
	dir, err := os.MkdirTemp(e.Dir, "env-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	own := &Env{Kind: e.Kind, ClickHouse: e.ClickHouse, Dir: dir, binary: e.binary, rounds: e.rounds}
	if err := own.connect(b); err != nil {
		return nil, errors.Join(err, own.Close())
	}
	return own, nil
}

// OnClose adds a function that Close calls, before those that are there.
func (e *Env) OnClose(f func() error) { e.closers = append(e.closers, f) }

// Close stops what the environment has started, the last first, and removes its data.
func (e *Env) Close() error {
	var errs []error
	for _, f := range slices.Backward(e.closers) {
		errs = append(errs, f())
	}
	return errors.Join(append(errs, os.RemoveAll(e.Dir))...)
}
