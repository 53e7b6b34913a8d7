package clickhouseerrors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
)

// Refusals makes one mistake after the other that only an operator can correct. Each has
// to stop the process, which leaves nothing behind that is not in the tables. Then the
// mistake is corrected and another process continues.
func Refusals() harness.Trial {
	return harness.Trial{Name: "refusals", Fault: "ClickHouse refuses everything", Times: 15, Faulted: true, ClickHouse: startWithUsers, New: func(r *harness.Round) harness.Scenario {
		r.Settings["clickhouse.password"] = password
		s := &refusals{Round: r, rejected: rejectedRows{Round: r}, early: map[world.Position]bool{}}
		return harness.Scenario{Run: s.run, Repair: s.rejected.redrive}
	}}
}

// Users of the trial's server. Each mistake is a real one of an operator.
const (
	password     = "only-for-this-trial" // of all of them
	readOnlyUser = "pianola_read_only"   // whose profile allows no INSERT
	limitedUser  = "pianola_limited"     // whose quota is used up after a few statements
)

// access is the service with grants, and the users above.
func access(grants []string) clickhouse.Access {
	a := harness.Access(grants)
	a.Users[1].Password = password
	a.Users = append(a.Users,
		clickhouse.User{Name: readOnlyUser, Password: password, Grants: harness.Grants("*"), Profile: "read_only"},
		clickhouse.User{Name: limitedUser, Password: password, Grants: harness.Grants("*"), Quota: "few_statements"})
	a.Profiles = []clickhouse.Profile{{Name: "read_only", Settings: map[string]string{"readonly": "1"}}}
	a.Quotas = []clickhouse.Quota{{Name: "few_statements", Interval: time.Hour, Limits: map[string]uint64{"queries": 20}}}
	return a
}

func startWithUsers(ctx context.Context, _ *harness.Round, dir string) (*clickhouse.Server, error) {
	return harness.StartClickHouse(ctx, dir, clickhouse.Config{Access: access(harness.Grants("*"))})
}

type refusals struct {
	*harness.Round
	revoked  string // the table whose grant was revoked last
	rejected rejectedRows
	consumer *harness.Process
	// early are dead letters that were written before the ledger could be.
	early map[world.Position]bool
}

func (s *refusals) run(ctx context.Context, b harness.Bounds) (int, error) {
	n, err := s.makeMistakes(ctx, b)
	s.SetTruth(s.World.TruthWithRejected(s.rejected.places))
	return n, err
}

func (s *refusals) makeMistakes(ctx context.Context, b harness.Bounds) (int, error) {
	const (
		maxWork = 100 * time.Millisecond
		minLeft = 400 // offsets, for a process to notice the mistake
	)
	deck := harness.NewDeck(s.Dice, mistakes)
	n := 0
	for !b.Reached(n) {
		before, err := s.Covered(ctx)
		if err != nil {
			return n, err
		}
		if s.consumer == nil {
			if s.consumer, err = s.Start("consumer"); err != nil {
				return n, err
			}
		}
		if done, err := s.Advance(ctx, before, s.consumer); err != nil || done {
			return n, err
		}
		if err := s.Pause(ctx, maxWork); err != nil {
			return n, err
		}
		if before, err = s.Covered(ctx); err != nil || s.All(before+minLeft) {
			return n, err
		}
		m := deck.Draw()
		noticed, err := s.mistake(ctx, &m)
		if err != nil {
			return n, fmt.Errorf("%s: %w", m.name, err)
		}
		if !noticed {
			return n, nil
		}
		n++
		s.Count(m.name, 1)
	}
	return n, nil
}

// mistake makes one, checks how the process ends and what it leaves, and corrects the
// mistake. noticed is false where the world was over before.
func (s *refusals) mistake(ctx context.Context, m *mistake) (noticed bool, err error) {
	p := s.consumer
	if m.environment != nil {
		if err := p.Drain(ctx); err != nil {
			return false, err
		}
		// Of a variable that is given twice the last one counts.
		if p, err = s.Start("mistaken", m.environment(s)); err != nil {
			return false, err
		}
	}
	if m.wrong != nil {
		if err := m.wrong(ctx, s); err != nil {
			return false, err
		}
	}
	if noticed, err = s.UntilEnded(ctx, p, s.AllCovered); err != nil {
		return false, err
	}
	ledgerRefused := strings.Contains(p.Tail(), ": insert into "+ledgerInsert.name+": ")
	if noticed {
		s.consumer = nil
		if err := lastLine(p, m.says(s)); err != nil {
			return false, err
		}
	}
	if err := s.checkResidue(ctx, m, ledgerRefused); err != nil {
		return false, err
	}
	if m.right != nil {
		return noticed, m.right(ctx, s)
	}
	return noticed, nil
}

// lastLine checks the exit status and the last line of a process.
func lastLine(p *harness.Process, want []string) error {
	lines := strings.Split(strings.TrimSpace(p.Tail()), "\n")
	last := lines[len(lines)-1]
	var errs []error
	if status := p.Status(); status != harness.StatusFailed {
		errs = append(errs, fmt.Errorf("exit status %d, want %d", status, harness.StatusFailed))
	}
	for _, text := range want {
		if !strings.Contains(last, text) {
			errs = append(errs, fmt.Errorf("the last line does not say %q", text))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: its last lines:\n%s", err, p.Tail())
	}
	return nil
}
