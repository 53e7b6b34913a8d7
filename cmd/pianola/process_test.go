package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// built is where build puts this command; TestMain removes it.
var built struct {
	sync.Once
	dir string
	err error
}

// build compiles this command as it is shipped, once for all tests. The flags are those of
// `make build`, so that one compilation of its packages serves both.
func build(t testing.TB) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "pianola-built-"); built.err != nil {
			return
		}
		command := exec.Command("go", "build", "-trimpath", "-o", built.dir, ".")
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := command.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "pianola")
}

// environment is what an operator would give for the settings that make a fixture:
// where the servers are, the names, and who is internal.
func environment(cfg config.Config) []string {
	return []string{
		"PIANOLA_KAFKA_BROKERS=" + strings.Join(cfg.Kafka.Brokers, ","),
		"PIANOLA_KAFKA_TOPICS=" + strings.Join(cfg.Kafka.Topics, ","),
		"PIANOLA_KAFKA_GROUP=" + cfg.Kafka.Group,
		"PIANOLA_CLICKHOUSE_ADDR=" + strings.Join(cfg.ClickHouse.Addr, ","),
		"PIANOLA_EXPORT_CLICKHOUSE_ADDR=" + strings.Join(cfg.Export.ClickHouseAddr, ","),
		"PIANOLA_CLICKHOUSE_PROTOCOL=" + cfg.ClickHouse.Protocol,
		"PIANOLA_CLICKHOUSE_DATABASE=" + cfg.ClickHouse.Database,
		"PIANOLA_CLICKHOUSE_USER=" + cfg.ClickHouse.User,
		"PIANOLA_CLICKHOUSE_PASSWORD=" + cfg.ClickHouse.Password.Reveal(),
		"PIANOLA_TRANSFORM_INTERNAL_USER_IDS=" + strings.Join(cfg.Transform.InternalUserIDs, ","),
		"PIANOLA_TRANSFORM_INTERNAL_EMAIL_DOMAINS=" + strings.Join(cfg.Transform.InternalEmailDomains, ","),
		"PIANOLA_HTTP_LISTEN=" + cfg.HTTP.Listen,
	}
}

// process is a running pianola. To stop it is to kill it.
type process struct {
	*testbed.Run
	command *exec.Cmd
	output  bytes.Buffer // whole once it has ended
}

// start starts pianola run.
func start(t *testing.T, binary string, environment []string) *process {
	t.Helper()
	return startArgs(t, binary, environment, "run")
}

// startArgs starts any command.
func startArgs(t *testing.T, binary string, environment []string, args ...string) *process {
	t.Helper()
	p := &process{command: exec.Command(binary, args...)}
	p.command.Env = environment
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	p.Run = testbed.Go(t, func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { _ = p.command.Process.Kill() })()
		return p.command.Wait()
	})
	return p
}

// until waits for something that has to come while the process runs.
func (p *process) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	err := testbed.Await(t.Context(), what, func() (bool, error) {
		if err := p.Ended(); err != nil {
			return false, err
		}
		return holds(), nil
	})
	if err != nil {
		_ = p.Stop()
		t.Fatalf("%v\n%s", err, p.output.String())
	}
}

// drain asks it to end in order, and wants a clean end.
func (p *process) drain(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatalf("drain: %v\n%s", err, p.output.String())
	}
}
