package replaying

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
)

// replay runs the job until it is complete. It kills its process until the bounds are
// reached and support has acted, and resumes it. A kill counts when the process had written
// a checkpoint and had more to read.
func (s *scenario) replay(ctx context.Context, b harness.Bounds) (kills int, err error) {
	for {
		before, err := s.checkpoints(ctx)
		if err != nil {
			return kills, err
		}
		enough := b.Reached(kills)
		var arguments []string
		if enough {
			if err := s.Until(ctx, "actions of support", []*harness.Process{s.Consumer}, s.support.hasActed); err != nil {
				return kills, err
			}
			arguments = []string{"--" + chunkRows, "2000"} // the rest need not be slow
		}
		p, err := s.startReplay(ctx, arguments...)
		if err != nil {
			return kills, err
		}
		s.quota.Add(s.step)
		if enough {
			return kills, s.completed(ctx, p)
		}
		killed, err := s.kill(ctx, p, before)
		if err != nil {
			return kills, err
		}
		if !killed {
			return kills, s.completed(ctx, p)
		}
		now, err := s.checkpoints(ctx)
		switch {
		case err != nil:
			return kills, err
		case now > before:
			kills++
			s.Count("at work", 1)
		default:
			s.Count("before its first checkpoint", 1)
		}
	}
}

// startReplay starts the job, or resumes it.
func (s *scenario) startReplay(ctx context.Context, arguments ...string) (*harness.Process, error) {
	if s.job == "" {
		if err := s.Conn.QueryRow(ctx, "SELECT max(job_id) FROM replay_jobs").Scan(&s.job); err != nil {
			return nil, fmt.Errorf("look for the job: %w", err)
		}
	}
	if s.job != "" {
		return s.StartCommand("replay", append([]string{"replay", "resume", s.job}, arguments...)...)
	}
	var starts []string
	for p := range s.Partitions {
		starts = append(starts, fmt.Sprintf("%d:0", p))
	}
	return s.StartCommand("replay", "replay", "kafka", "--from-offsets", strings.Join(starts, ","), "--execute")
}

// kill kills the process at a random moment: one in four times at any moment after its
// start, so that it hits the plan and the scan of the window; otherwise after its first
// checkpoint. killed is false when the process has ended before.
func (s *scenario) kill(ctx context.Context, p *harness.Process, before uint64) (killed bool, err error) {
	const (
		maxStart = time.Second
		maxWork  = 200 * time.Millisecond
	)
	ended := func() bool { return p.Alive() != nil }
	pause := maxStart
	if s.Dice.IntN(4) > 0 {
		pause = maxWork
		err = s.Until(ctx, "the next checkpoint of the job", []*harness.Process{s.Consumer}, func(ctx context.Context) (bool, error) {
			now, err := s.checkpoints(ctx)
			return now > before || ended(), err
		})
	}
	if err == nil {
		err = s.Pause(ctx, pause)
	}
	if err = cmp.Or(err, s.Consumer.Alive()); err != nil || ended() {
		return false, err
	}
	p.Kill()
	return true, nil
}

// completed waits for the end of the job, for as long as it writes checkpoints.
func (s *scenario) completed(ctx context.Context, p *harness.Process) error {
	for ended := false; !ended; {
		before, err := s.checkpoints(ctx)
		if err != nil {
			return err
		}
		ended, err = s.UntilEnded(ctx, p, func(ctx context.Context) (bool, error) {
			now, err := s.checkpoints(ctx)
			return now > before, err
		})
		if err != nil {
			return err
		}
	}
	if status := p.Status(); status != harness.StatusDone {
		return fmt.Errorf("the replay has ended with status %d: its last lines:\n%s", status, p.Tail())
	}
	return s.Consumer.Alive()
}

// checkpoints counts those of all jobs.
func (s *scenario) checkpoints(ctx context.Context) (n uint64, err error) {
	if err = s.Conn.QueryRow(ctx, "SELECT count() FROM ingest_ledger WHERE kind = 'replay'").Scan(&n); err != nil {
		err = fmt.Errorf("count the checkpoints: %w", err)
	}
	return n, err
}
