package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// TestRun_KillNine kills the real binary at random moments, again and again
// while it ingests, and holds the views against the truth at the end. That a
// killed process was at work is checked too: the kills spread over the whole of
// the topic.
func TestRun_KillNine(t *testing.T) {
	const kills = 12
	const topic, database, partitions = "piano.subscriber-events", "piano", 3
	seed := uint64(time.Now().UnixNano())
	t.Logf("kill moments are drawn from seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 9))

	s, err := sandbox.Start(t.Context(), sandbox.Loopback(map[string]int{topic: partitions}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := world.Defaults()
	c.Seed, c.Subscribers, c.Topic, c.Partitions = 21, 1500, topic, partitions
	w, err := world.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tell(t.Context(), w, func(int) {}); err != nil {
		t.Fatal(err)
	}
	cfg := s.Configure("native", topic, database, w)
	if err := sandbox.Migrate(t.Context(), cfg, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	conn, err := s.Analyst(database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	account := func() sandbox.Account {
		a, err := sandbox.ReadAccount(t.Context(), conn, topic)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}

	binary := build(t)
	killedAtWork := 0
	for range kills {
		before := account().Messages
		p := start(t, binary, environment(cfg, w))
		// Wait until this process has flushed something, so that a slow machine
		// cannot make every kill hit a process that was still starting …
		p.until(t, "the first flush of this process", func() bool {
			a := account()
			return a.Messages > before || a.Covers(s, topic, partitions)
		})
		// … and then some, anywhere in the work of a batch.
		timer := time.NewTimer(time.Duration(dice.Int64N(int64(60 * time.Millisecond))))
		<-timer.C
		if !account().Covers(s, topic, partitions) {
			killedAtWork++
		}
		p.kill(t)
	}
	p := start(t, binary, environment(cfg, w))
	p.until(t, "every message accounted for", func() bool { return account().Covers(s, topic, partitions) })
	p.drain(t)

	report, err := w.Truth().Compare(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Equal() {
		t.Fatalf("after %d kills the views do not equal the truth\n%s", kills, report.String())
	}
	if killedAtWork < 10 {
		t.Errorf("only %d of %d kills hit a process that still had work; want at least 10", killedAtWork, kills)
	}
}

// build compiles this command as it is shipped.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "pianola")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// environment is the configuration as an operator would give it. Small batches
// and short sessions make many moments to die in, and quick heirs.
func environment(cfg config.Config, w *world.World) []string {
	return append(os.Environ(),
		"PIANOLA_KAFKA_BROKERS="+strings.Join(cfg.Kafka.Brokers, ","),
		"PIANOLA_KAFKA_TOPICS="+strings.Join(cfg.Kafka.Topics, ","),
		"PIANOLA_KAFKA_SESSION_TIMEOUT=1s",
		"PIANOLA_KAFKA_HEARTBEAT_INTERVAL=250ms",
		"PIANOLA_CLICKHOUSE_ADDR="+strings.Join(cfg.ClickHouse.Addr, ","),
		"PIANOLA_TRANSFORM_INTERNAL_USER_IDS="+strings.Join(w.InternalUserIDs(), ","),
		"PIANOLA_TRANSFORM_INTERNAL_EMAIL_DOMAINS="+strings.Join(w.InternalEmailDomains(), ","),
		"PIANOLA_BATCH_MAX_ROWS=200",
		"PIANOLA_BATCH_MAX_WAIT=5ms",
		"PIANOLA_HTTP_LISTEN=127.0.0.1:0",
		"PIANOLA_LOG_LEVEL=warn",
	)
}

// process is a running pianola.
type process struct {
	command *exec.Cmd
	output  bytes.Buffer
	ended   chan error
}

func start(t *testing.T, binary string, environment []string) *process {
	t.Helper()
	p := &process{command: exec.Command(binary, "run"), ended: make(chan error, 1)}
	p.command.Env = environment
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.command.Wait() }()
	t.Cleanup(func() { _ = p.command.Process.Kill() })
	return p
}

func (p *process) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case err := <-p.ended:
			t.Fatalf("%s: pianola ended by itself: %v\n%s", what, err, p.output.String())
		case <-ctx.Done():
			p.kill(t)
			t.Fatalf("%s: not within two minutes\n%s", what, p.output.String())
		}
	}
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Kill(); err != nil {
		t.Fatal(fmt.Errorf("kill: %w", err))
	}
	<-p.ended
}

// drain sends SIGTERM and wants a clean end.
func (p *process) drain(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := <-p.ended; err != nil {
		t.Fatalf("drain: %v\n%s", err, p.output.String())
	}
}
