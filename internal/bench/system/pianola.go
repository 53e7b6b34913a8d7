package system

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pianola/pianola/internal/bench/lab"
	"github.com/pianola/pianola/internal/bench/process"
	"github.com/pianola/pianola/internal/config"
)

// Pianola is the shipped binary with its default settings, as a process of its own.
type Pianola struct {
	Binary   string
	Protocol string // to ClickHouse: native or http
	As       string // name; empty: that of the protocol
}

// Name implements System.
func (p Pianola) Name() string {
	if p.As != "" {
		return p.As
	}
	return "pianola-" + p.Protocol
}

// SetUp implements System.
func (p Pianola) SetUp(ctx context.Context, r *Run) error {
	migrate := exec.CommandContext(ctx, p.Binary, "migrate")
	migrate.Env = p.environment(r, "migrate")
	if out, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("pianola migrate: %w\n%s", err, out)
	}
	if r.Views {
		return nil
	}
	return r.Database.StopViews(ctx)
}

// Start implements System.
func (p Pianola) Start(_ context.Context, r *Run) (Work, error) {
	started, err := p.Instance(r, "first")
	if err != nil {
		return nil, err
	}
	return &consumer{run: r, Process: started}, nil
}

// Instance starts one process of the run's group. name tells instances apart.
func (p Pianola) Instance(r *Run, name string) (*process.Process, error) {
	program, arguments := p.Binary, []string{"run"}
	environment := p.environment(r, name)
	if r.Cores > 0 {
		// GOMAXPROCS alone does not bound system calls and the garbage collector.
		program, arguments = "taskset", []string{"--cpu-list", fmt.Sprintf("0-%d", r.Cores-1), p.Binary, "run"}
		environment = append(environment, fmt.Sprintf("GOMAXPROCS=%d", r.Cores))
	}
	return process.Start(r.Lab.Dir, r.Group+"-"+name, environment, program, arguments...)
}

// environment is the whole configuration of a process.
func (p Pianola) environment(r *Run, instance string) []string {
	addr := r.Lab.ClickHouse.NativeAddr()
	if p.Protocol == "http" {
		addr = r.Lab.ClickHouse.HTTPAddr()
	}
	settings := map[string]string{
		"kafka.brokers":       r.Lab.Broker.Addr,
		"kafka.topics":        r.Topic.Name,
		"kafka.group":         r.Group,
		"clickhouse.protocol": p.Protocol,
		"clickhouse.addr":     addr,
		"clickhouse.database": r.Database.Name,
		"clickhouse.user":     lab.User,
		"clickhouse.password": r.Lab.Password,
		"consumer.instance":   instance,
		"http.listen":         "127.0.0.1:0",
	}
	maps.Copy(settings, r.Settings)
	return config.Environment(os.Environ(), settings)
}

// Build compiles pianola as it is shipped, from the working tree at dir; empty: the present
// one.
func Build(ctx context.Context, dir, binary string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "github.com/pianola/pianola/cmd/pianola")
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build pianola: %w\n%s", err, out)
	}
	return nil
}

// BuildRevision checks a revision of Git out below dir and compiles it. The working tree
// that it adds is removed again.
func BuildRevision(ctx context.Context, revision, dir, binary string) (err error) {
	tree := filepath.Join(dir, "revision")
	git := func(arguments ...string) error {
		if out, err := exec.CommandContext(ctx, "git", arguments...).CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w\n%s", strings.Join(arguments, " "), err, out)
		}
		return nil
	}
	// A revision that begins with a dash is not an option.
	if err := git("worktree", "add", "--detach", tree, "--end-of-options", revision); err != nil {
		return err
	}
	defer func() {
		if removed := git("worktree", "remove", "--force", tree); err == nil {
			err = removed
		}
	}()
	return Build(ctx, tree, binary)
}

// consumer is a process that consumes in the run's group.
type consumer struct {
	*process.Process
	run *Run
}

func (c *consumer) Ready(ctx context.Context) error { return c.run.AwaitMembers(ctx, 1, c.Alive) }

func (c *consumer) Done(ctx context.Context) error { return c.run.AwaitCommitted(ctx, c.Alive) }

func (c *consumer) Stop(context.Context) error { return c.Process.Stop() }
