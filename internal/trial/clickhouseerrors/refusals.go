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
	return harness.Trial{Name: "refusals", Fault: "ClickHouse refuses everything", Times: 15, Faulted: true, ClickHouse: harness.OwnClickHouse(access(harness.Grants("*"))), New: func(r *harness.Round) harness.Scenario {
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

type refusals struct {
	*harness.Round
	revoked  string // the table whose grant was revoked last
	rejected rejectedRows
	// early are dead letters that were written before the ledger could be.
	early map[world.Position]bool
}

func (s *refusals) run(ctx context.Context, b harness.Bounds) (int, error) {
	deck := harness.Shuffled(s.Dice, mistakes()...)
	n, err := s.CauseFaults(harness.FaultLoop{
		MaxWork: 100 * time.Millisecond,
		MinLeft: 400, // for a process to notice the mistake
		Strike: func(ctx context.Context) (int, error) {
			m := deck.Draw()
			if err := s.mistake(ctx, &m); err != nil {
				return 0, fmt.Errorf("%s: %w", m.name, err)
			}
			s.Count(m.name, 1)
			return 1, nil
		},
	})(ctx, b)
	s.SetTruth(s.World.TruthWithRejected(s.rejected.places))
	return n, err
}

// mistake makes one, checks how the process ends and what it leaves, and corrects the
// mistake. It returns harness.ErrOver where the world was over before.
func (s *refusals) mistake(ctx context.Context, m *mistake) (err error) {
	p := s.Consumer
	if m.environment != nil {
		if err := p.Drain(ctx); err != nil {
			return err
		}
		// Of a variable that is given twice the last one counts.
		if p, err = s.Start("mistaken", m.environment(s)); err != nil {
			return err
		}
	}
	if m.wrong != nil {
		if err := m.wrong(ctx, s); err != nil {
			return err
		}
	}
	noticed, err := s.UntilEnded(ctx, p, s.AllCovered)
	if err != nil {
		return err
	}
	if noticed {
		s.Consumer = nil
		if err := lastLine(p, m.says(s)); err != nil {
			return err
		}
	}
	err = s.checkResidue(ctx, m, strings.Contains(p.Tail(), ": insert into "+ledgerInsert.name+": "))
	if err == nil && m.right != nil {
		err = m.right(ctx, s)
	}
	if err == nil && !noticed {
		err = harness.ErrOver
	}
	return err
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
