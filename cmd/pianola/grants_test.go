package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// grantsPage documents the grants of each ClickHouse user.
const grantsPage = "../../docs/operations.md"

// privilege is one privilege of a GRANT statement.
type privilege struct{ user, name, on string }

func (p privilege) String() string { return p.name + " ON " + p.on + " TO " + p.user }

// documentedGrants reads the GRANT statements of the page, a privilege each.
func documentedGrants(t *testing.T) (all []privilege) {
	t.Helper()
	page, err := os.ReadFile(grantsPage)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^GRANT (.+) ON (\S+) TO (\w+);`).FindAllStringSubmatch(string(page), -1) {
		for name := range strings.SplitSeq(m[1], ", ") {
			all = append(all, privilege{m[3], name, m[2]})
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s has no GRANT statements", grantsPage)
	}
	return all
}

const grantsPassword = "only-for-these-tests"

// granted are the users with their privileges, on another database than the
// documented one. Their names have a prefix, since the fixture's own user is pianola.
func granted(users []string, all []privilege, database string) (granted []clickhouse.User) {
	for _, user := range users {
		one := clickhouse.User{Name: "granted_" + user, Password: grantsPassword}
		for _, p := range all {
			if p.user != user {
				continue
			}
			on := p.on
			if table, ok := strings.CutPrefix(on, "piano."); ok {
				on = database + "." + table
			}
			one.Grants = append(one.Grants, "GRANT "+p.name+" ON "+on)
		}
		granted = append(granted, one)
	}
	return granted
}

// The documented users.
const (
	grantedWriter   = "pianola"
	grantedReader   = "pianola_read"
	grantedMigrator = "pianola_migrate"
)

// TestGrants runs every command that needs ClickHouse as the user that the
// documentation gives it, with exactly the documented grants. Then it takes one
// privilege after the other away: a command must fail and name what is missing.
func TestGrants(t *testing.T) {
	tier.Full(t, "restarts ClickHouse for each privilege")
	t.Parallel()
	documented := documentedGrants(t)
	services, err := sandbox.Start(t.Context(), sandbox.Loopback(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(services.Close)
	s := (&testbed.Servers{Services: services}).Fixture(t, testbed.Config{Protocol: "native", Seed: 3, Subscribers: 100})
	s.Publish()
	w := &grantsWalk{Fixture: s, publisher: newPublisher(t, s)}
	restart := func(t *testing.T, privileges []privilege) {
		t.Helper()
		users := append(granted([]string{grantedWriter, grantedReader, grantedMigrator}, privileges, s.Topic), clickhouse.Owner(sandbox.User, services.Password))
		if err := services.ClickHouse.RestartWith(t.Context(), clickhouse.Access{Users: users}, clickhouse.Settings{}); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("all of them are enough", func(t *testing.T) {
		restart(t, documented)
		for _, c := range w.commands() {
			if err := c.run(t); err != nil {
				t.Errorf("%s as %s: %v", c.name, c.user, err)
			}
		}
	})
	for i, missing := range documented {
		t.Run("without "+missing.String(), func(t *testing.T) {
			restart(t, slices.Delete(slices.Clone(documented), i, i+1))
			w.migrate(t)
			for _, c := range w.commands() {
				if c.user != missing.user {
					continue
				}
				if err := c.run(t); err != nil {
					if text := err.Error(); !strings.Contains(text, "497") || !strings.Contains(text, missing.name) {
						t.Errorf("%s fails without naming the missing privilege: %v", c.name, err)
					}
					return
				}
			}
			t.Errorf("every command of %s succeeds: the documentation grants too much", missing.user)
		})
	}
}

// grantsWalk runs the commands against one fixture.
type grantsWalk struct {
	*testbed.Fixture
	publisher *publisher
	runs      int // so that each run has a consumer group of its own
}

type grantsCommand struct {
	name, user string
	run        func(*testing.T) error
}

// commands are in an order in which each finds what it works on.
func (w *grantsWalk) commands() (all []grantsCommand) {
	add := func(user, name string, run func(*testing.T) error) { all = append(all, grantsCommand{name, user, run}) }
	command := func(user string, args ...string) {
		add(user, strings.Join(args, " "), func(t *testing.T) error { return w.call(t, user, args...) })
	}
	add(grantedMigrator, "migrate", func(t *testing.T) error {
		w.Exec("DROP DATABASE IF EXISTS " + w.Topic + " SYNC")
		return w.call(t, grantedMigrator, "migrate")
	})
	add(grantedWriter, "run", w.ingest)
	command(grantedWriter, "dlq", "redrive", "--execute")
	for range 5 { // the fifth drops the snapshot of the first
		command(grantedWriter, "reconcile")
	}
	add(grantedWriter, "subscription resume", func(t *testing.T) error {
		one := w.publisher.take("dynamic one to resume", func(s piano.Subscription) bool { return s.Term.Type == "dynamic" && *s.CanBeResumed })
		return w.call(t, grantedWriter, "subscription", "resume", "--subscription", one.ID, "--execute")
	})
	command(grantedReader, "audit", "--deep")
	command(grantedReader, "dlq", "list")
	command(grantedReader, "config", "validate", "--connect")
	return all
}

// environment is that of a process which logs in as a documented user.
func (w *grantsWalk) environment(user string) []string {
	cfg := w.Settings
	cfg.ClickHouse.User, cfg.ClickHouse.Password = "granted_"+user, grantsPassword
	api := w.publisher.environment()[len(environment(w.Settings)):]
	return append(append(environment(cfg), api...), "PIANOLA_RECONCILE_SETTLE=0s", "PIANOLA_RECONCILE_KEEP=3", "PIANOLA_LOG_LEVEL=warn")
}

// call runs a command. Its error is what an operator reads. A warning of a missing
// grant is one too: reconcile continues when old snapshots cannot be dropped.
func (w *grantsWalk) call(t *testing.T, user string, args ...string) error {
	got := call(t, w.environment(user), "", args...)
	if got.code != exitDone && got.code != exitFound || strings.Contains(got.stderr, "code 497") {
		return fmt.Errorf("exit status %d: %s", got.code, got.stderr)
	}
	return nil
}

// ingest runs `pianola run` until everything is committed, or until it fails.
func (w *grantsWalk) ingest(t *testing.T) error {
	w.runs++
	w.Settings.Kafka.Group = fmt.Sprintf("%s_%d", w.Topic, w.runs)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"run"}, strings.NewReader(""), io.Discard, &stderr, w.environment(grantedWriter))
	}()
	code := -1
	err := testbed.Await(ctx, "everything committed, or the end of the process", func() (bool, error) {
		select {
		case code = <-ended:
			return true, nil
		default:
			return w.CommittedAll(), nil
		}
	})
	if cancel(); code < 0 {
		code = <-ended
	}
	if err == nil && code != exitDone {
		err = fmt.Errorf("exit status %d: %s", code, stderr.String())
	}
	return err
}

// migrate makes sure of the schema, as the fixture's own user.
func (w *grantsWalk) migrate(t *testing.T) {
	t.Helper()
	if err := sandbox.Migrate(t.Context(), w.Settings, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
}
