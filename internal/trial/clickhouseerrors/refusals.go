package clickhouseerrors

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/schemas"
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
		if err := p.FailedSaying(m.says(s)...); err != nil {
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

// checkResidue checks what a process has left behind that was refused. No offset is
// committed beyond the ledger, and no message beyond it is a dead letter. No row is a dead
// letter because of the mistake, unless the mistake allows some for a small batch.
func (s *refusals) checkResidue(ctx context.Context, m *mistake, ledgerRefused bool) error {
	next, err := committedWithin(ctx, s.Round)
	if err != nil {
		return err
	}
	var letters []struct {
		Partition int32 `ch:"source_partition"`
		Offset    int64 `ch:"source_offset"`
		ByServer  bool  `ch:"by_server"`
	}
	err = s.Conn.Select(ctx, &letters, `SELECT source_partition, source_offset, reason = $1 AS by_server FROM dead_letters FINAL WHERE source_name = $2
ORDER BY source_partition, source_offset`, string(schemas.RejectedByServer), s.Topic)
	if err != nil {
		return fmt.Errorf("read the dead letters: %w", err)
	}
	var rejected []world.Position
	for _, l := range letters {
		at := world.Position{Partition: l.Partition, Offset: l.Offset}
		switch {
		case at.Offset < next[at.Partition]:
		case ledgerRefused:
			// The ledger is written last. What comes before it is stored.
			s.early[at] = true
		case !s.early[at]:
			return fmt.Errorf("partition %d, offset %d is a dead letter, and the ledger ends at %d", at.Partition, at.Offset, next[at.Partition])
		}
		if l.ByServer {
			rejected = append(rejected, at)
		}
	}
	return s.checkRejected(ctx, m, rejected)
}

// committedWithin returns where the ledger ends in each partition. It is an error where the
// group has committed an offset beyond that.
func committedWithin(ctx context.Context, r *harness.Round) (next []int64, err error) {
	if next, err = r.Reached(ctx, "true"); err != nil {
		return nil, err
	}
	offsets, err := r.Offsets(ctx)
	for p, at := range offsets {
		if at > next[p] {
			return nil, fmt.Errorf("partition %d is committed up to %d, and the ledger ends at %d", p, at, next[p])
		}
	}
	return next, err
}

// checkRejected compares the rows that have become dead letters with the rule for
// batches, and makes them part of the truth.
func (s *refusals) checkRejected(ctx context.Context, m *mistake, rejected []world.Position) error {
	if len(rejected) == len(s.rejected.places) {
		return nil
	}
	if !m.partly {
		return fmt.Errorf("%d rows are dead letters because of it", len(rejected)-len(s.rejected.places))
	}
	var flushes []struct {
		Token     string `ch:"insert_token"`
		Partition int32  `ch:"source_partition"`
		Start     int64  `ch:"start_offset"`
		Next      int64  `ch:"next_offset"`
		Stored    uint64 `ch:"stored"`
	}
	err := s.Conn.Select(ctx, &flushes, `SELECT insert_token, source_partition, start_offset, next_offset, stored
FROM ingest_ledger WHERE kind = 'flush' AND source_name = $1 ORDER BY written_at DESC LIMIT 1 BY insert_token, source_partition`, s.Topic)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	rows, rejections := map[string]uint64{}, map[string]uint64{}
	for _, f := range flushes {
		rows[f.Token] += f.Stored
		for _, at := range rejected {
			if f.Partition == at.Partition && f.Start <= at.Offset && at.Offset < f.Next {
				rows[f.Token]++
				rejections[f.Token]++
			}
		}
	}
	for token, n := range rejections {
		if all := rows[token]; all >= 100 && n > all/100 {
			return fmt.Errorf("%d rows of a batch of %d are dead letters", n, all)
		}
	}
	s.rejected.places = rejected
	return nil
}
