package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	clickhouse "github.com/pianola/pianola/internal/sandbox/front"
)

// Stage is what all rounds share: one Kafka, one ClickHouse, one binary. One
// process can have one Stage at a time, for it holds the embedded engine.
type Stage struct {
	kind       Kafka
	broker     *broker
	clickhouse *clickhouse.Server
	client     *kgo.Client
	admin      *kadm.Client
	binary     string
	sandbox    string // the binary of servers of their own; empty until one is wanted
	dir        string
	secured    *secured  // servers with TLS and logins; nil for plain ones
	lent       *Stage    // whose ClickHouse it is; nil for the stage's own
	access     []kgo.Opt // what who watches needs at the broker
	rounds     int       // that have begun; each gets names of its own
}

// Open builds the binary and starts the servers. ctx bounds the start alone; the
// caller closes the Stage. progress is told in sentences, and may be nil.
func Open(ctx context.Context, kind Kafka, progress func(string)) (*Stage, error) {
	dir, err := os.MkdirTemp("", "pianola-trial-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	s := &Stage{kind: kind, dir: dir, binary: filepath.Join(dir, "pianola")}
	if err := s.open(ctx, progress); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stage) open(ctx context.Context, progress func(string)) error {
	// As it is shipped: from source, so that a trial can never be of another
	// version than the one that is being looked at.
	build := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "github.com/pianola/pianola/cmd/pianola")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build pianola: %w: %s", err, out)
	}
	var err error
	s.clickhouse, err = clickhouse.Start(ctx, clickhouse.Config{
		DataDir: filepath.Join(s.dir, "clickhouse"), NativeAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", Progress: progress,
	})
	if err != nil {
		return err
	}
	if s.broker, err = startBroker(ctx, s.kind, s.dir); err != nil {
		return err
	}
	s.access = []kgo.Opt{s.broker.direct()}
	if s.client, err = kgo.NewClient(append(slices.Clone(s.access), kgo.SeedBrokers(s.broker.addr))...); err != nil {
		return fmt.Errorf("make a kafka client: %w", err)
	}
	s.admin = kadm.NewClient(s.client)
	return nil
}

// Close stops the servers and removes all data.
func (s *Stage) Close() error {
	var errs []error
	if s.client != nil {
		s.client.Close()
	}
	if s.broker != nil && s.secured == nil {
		errs = append(errs, s.broker.stop())
	}
	if s.secured != nil {
		s.lent.rounds = s.rounds // their databases are in the same ClickHouse
		errs = append(errs, s.secured.close())
	}
	if s.clickhouse != nil && s.lent == nil {
		errs = append(errs, s.clickhouse.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
