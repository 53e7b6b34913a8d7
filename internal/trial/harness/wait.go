package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/pianola/pianola/internal/wait"
)

// pollInterval is short beside a flush, and leaves the server to the processes.
const pollInterval = 10 * time.Millisecond

// Until waits for something that has to happen while the processes live.
func (r *Round) Until(ctx context.Context, what string, processes []*Process, holds func(context.Context) (bool, error)) error {
	bounded, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	for {
		if ok, err := holds(bounded); ok || err != nil && !wait.Expired(bounded) {
			return err
		}
		for _, p := range processes {
			if err := p.Alive(); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		if err := wait.For(bounded, pollInterval); err != nil {
			err = fmt.Errorf("wait for %s: %w", what, err)
			for _, p := range processes {
				err = fmt.Errorf("%w\n%s:\n%s", err, p.Name, p.Tail())
			}
			return err
		}
	}
}

// UntilEnded waits until a process has ended by itself, or until over holds; over may
// be nil. ended says which.
func (r *Round) UntilEnded(ctx context.Context, p *Process, over func(context.Context) (bool, error)) (ended bool, err error) {
	err = r.Until(ctx, "the end of the process", nil, func(ctx context.Context) (bool, error) {
		if ended = p.Alive() != nil; ended || over == nil {
			return ended, nil
		}
		return over(ctx)
	})
	if err != nil {
		err = fmt.Errorf("%w: its last lines:\n%s", err, p.Tail())
	}
	return ended, err
}

// Covered is how many offsets the ledger accounts for, each once. What jobs have read again
// does not count.
func (r *Round) Covered(ctx context.Context) (int64, error) {
	var n int64
	err := r.retried(ctx, func() error {
		return r.Conn.QueryRow(ctx, `SELECT sum(next) FROM
  (SELECT max(next_offset) AS next FROM ingest_ledger WHERE kind != 'replay' AND source_name = $1 GROUP BY source_partition)`, r.Topic).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("read the ledger: %w", err)
	}
	return n, nil
}

// retried repeats a query where ClickHouse is not shared, so that a trial may restart it.
func (r *Round) retried(ctx context.Context, query func() error) error {
	const again = 20 * time.Millisecond
	err := query()
	restarts := r.ClickHouse != nil || r.Env.ClickHouseAddr != nil
	for until := time.Now().Add(Patience); err != nil && restarts && time.Now().Before(until); err = query() {
		if err := wait.For(ctx, again); err != nil {
			return err
		}
	}
	return err
}

// All says whether so many offsets are all that there will ever be.
func (r *Round) All(covered int64) bool {
	ends := r.ends.Load()
	if ends == nil {
		return false
	}
	total := int64(0)
	for _, end := range *ends {
		total += end
	}
	return covered >= total
}

// AllCovered says whether the ledger accounts for all offsets that there will ever be.
func (r *Round) AllCovered(ctx context.Context) (bool, error) {
	covered, err := r.Covered(ctx)
	return err == nil && r.All(covered), err
}

// ErrOver says that the ledger accounts for all offsets that there will ever be.
var ErrOver = errors.New("the world is over")

// Advance waits until the ledger covers more than before. It returns ErrOver where it then
// covers everything.
func (r *Round) Advance(ctx context.Context, before int64, processes ...*Process) error {
	over := false
	err := r.Until(ctx, "the next flush", processes, func(ctx context.Context) (bool, error) {
		now, err := r.Covered(ctx)
		over = r.All(now)
		return now > before || over, err
	})
	if err == nil && over {
		err = ErrOver
	}
	return err
}

// InOrder calls functions until one fails.
func InOrder(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Committed says whether the group has committed the end of every partition.
func (r *Round) Committed(ctx context.Context) (bool, error) {
	ends := r.ends.Load()
	if ends == nil {
		return false, nil
	}
	offsets, err := r.Offsets(ctx)
	if err != nil {
		return false, nil //nolint:nilerr // the proxy is down, or the coordinator is moving: asked again
	}
	for p, end := range *ends {
		if end > 0 && offsets[p] < end {
			return false, nil
		}
	}
	return true, nil
}

// Offsets are those that the group has committed, by partition; -1: none.
func (r *Round) Offsets(ctx context.Context) ([]int64, error) {
	offsets, err := r.Env.Admin.FetchOffsets(ctx, r.Config.Kafka.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // no member has ever joined
		return nil, fmt.Errorf("fetch the group's offsets: %w", err)
	}
	all := make([]int64, r.Partitions)
	for p := range all {
		all[p] = -1
		if o, found := offsets.Lookup(r.Topic, int32(p)); found {
			all[p] = o.At
		}
	}
	return all, nil
}

// MoveGroup sets the group's offsets, as an operator does, once the group is empty. Offsets
// below 0 stay as they are.
func (r *Round) MoveGroup(ctx context.Context, to []int64) error {
	var offsets kadm.Offsets
	for p, at := range to {
		if at >= 0 {
			offsets.Add(kadm.Offset{Topic: r.Topic, Partition: int32(p), At: at, LeaderEpoch: -1})
		}
	}
	return r.Insist(ctx, "the group's offsets moved", func() error {
		return r.Env.Admin.CommitAllOffsets(ctx, r.Config.Kafka.Group, offsets)
	})
}

// Insist tries until it works: a group may not be empty yet, or a topic not deleted.
func (r *Round) Insist(ctx context.Context, what string, do func() error) error {
	var last error
	err := r.Until(ctx, what, nil, func(context.Context) (bool, error) {
		last = do()
		return last == nil, nil
	})
	if err != nil && last != nil {
		err = fmt.Errorf("%w: %w", err, last)
	}
	return err
}

// Pause sleeps for a random time below most.
func (r *Round) Pause(ctx context.Context, most time.Duration) error {
	if most <= 0 {
		return ctx.Err()
	}
	return wait.For(ctx, time.Duration(r.Dice.Int64N(int64(most))))
}

// MaxByPartition runs a query whose rows are a source_partition and an offset, the highest.
// Partitions without a row have 0.
func (r *Round) MaxByPartition(ctx context.Context, query string, args ...any) ([]int64, error) {
	var rows []struct {
		Partition int32 `ch:"source_partition"`
		Offset    int64 `ch:"highest"`
	}
	if err := r.Conn.Select(ctx, &rows, query, args...); err != nil {
		return nil, fmt.Errorf("read offsets: %w", err)
	}
	all := make([]int64, r.Partitions)
	for _, row := range rows {
		all[row.Partition] = row.Offset
	}
	return all, nil
}

// Reached is where the ledger of the consumers ends in each partition. condition limits the rows; $1 is the
// topic.
func (r *Round) Reached(ctx context.Context, condition string, args ...any) ([]int64, error) {
	return r.MaxByPartition(ctx, `SELECT source_partition, max(next_offset) AS highest FROM ingest_ledger
WHERE kind != 'replay' AND source_name = $1 AND `+condition+` GROUP BY source_partition`, append([]any{r.Topic}, args...)...)
}
