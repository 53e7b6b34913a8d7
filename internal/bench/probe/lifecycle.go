package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/bench/lab"
	"github.com/pianola/pianola/internal/bench/messages"
	"github.com/pianola/pianola/internal/bench/process"
	"github.com/pianola/pianola/internal/bench/system"
	"github.com/pianola/pianola/internal/wait"
)

// LifecyclePlan is one measurement of Lifecycle.
type LifecyclePlan struct {
	Rate     int               // messages a second that are published meanwhile
	Settings map[string]string // of Pianola
	Messages messages.Config
}

// LifecycleResult is times in seconds.
type LifecycleResult struct {
	System     string  `json:"system"`
	StartUp    float64 `json:"start_up"`            // from the start of the process to its partitions
	FirstRow   float64 `json:"first_row"`           // from the same start to the first visible row
	Join       float64 `json:"join"`                // from the start of a second instance until both have partitions
	JoinPause  float64 `json:"join_pause"`          // the longest time without a commit meanwhile
	Drain      float64 `json:"drain"`               // from SIGTERM to the end of an instance under load
	Takeover   float64 `json:"takeover"`            // from then until the other has committed in all partitions
	Kill       float64 `json:"recovery_kill"`       // from kill -9 of the only instance, and a start, to all partitions
	ClickHouse float64 `json:"recovery_clickhouse"` // from the return of a killed server to all partitions
	LastDrain  float64 `json:"last_drain"`          // from SIGTERM to the end of the only instance
}

// maxRecovery bounds each wait. A killed member keeps its partitions for a session timeout,
// and a restarted one joins within a rebalance timeout.
const maxRecovery = 3 * time.Minute

// lifecycle is one measurement at work.
type lifecycle struct {
	*system.Run
	pianola system.Pianola
	running []*process.Process
}

// Lifecycle starts, stops and kills instances under a steady load.
func Lifecycle(ctx context.Context, l *lab.Lab, s system.Pianola, p LifecyclePlan) (result LifecycleResult, err error) {
	c := p.Messages
	c.Internal, c.DeadLetters, c.Count = 0, 0, min(c.Count, maxStream)
	r, err := newRun(ctx, l, s, c, p.Settings)
	if err != nil {
		return result, err
	}
	defer func() {
		fresh := context.WithoutCancel(ctx)
		err = errors.Join(err, r.Database.Drop(fresh), l.Broker.DeleteTopic(fresh, r.Topic.Name))
	}()
	f, err := newFlow(l, r.Topic, p.Rate)
	if err != nil {
		return result, err
	}
	defer f.close()
	publishing, stop := context.WithCancel(ctx)
	published := make(chan error, 1)
	go func() {
		_, err := f.run(publishing)
		published <- err
	}()
	defer func() {
		stop()
		err = errors.Join(err, <-published)
	}()
	life := &lifecycle{Run: r, pianola: s}
	defer life.kill()
	if result, err = life.measure(ctx); err != nil {
		err = fmt.Errorf("lifecycle of %s: %w", s.Name(), err)
	}
	return result, err
}

func (l *lifecycle) start(name string) (*process.Process, error) {
	p, err := l.pianola.Instance(l.Run, name)
	if err == nil {
		l.running = append(l.running, p)
	}
	return p, err
}

func (l *lifecycle) kill() {
	for _, p := range l.running {
		p.Kill()
	}
}

func (l *lifecycle) measure(ctx context.Context) (t LifecycleResult, err error) {
	t.System = l.pianola.Name()
	begin := time.Now()
	first, err := l.start("first")
	if err != nil {
		return t, err
	}
	if err := l.AwaitMembers(ctx, 1, first.Alive); err != nil {
		return t, err
	}
	t.StartUp = time.Since(begin).Seconds()
	err = l.await(ctx, "the first row", func(ctx context.Context) (bool, error) {
		n, err := l.Database.Count(ctx)
		return n > 0, errors.Join(err, first.Alive())
	})
	if err != nil {
		return t, err
	}
	t.FirstRow = time.Since(begin).Seconds()

	second, err := l.join(ctx, &t)
	if err != nil {
		return t, err
	}
	if t.Drain, err = stop(second); err != nil {
		return t, err
	}
	if t.Takeover, err = l.progress(ctx, first); err != nil {
		return t, err
	}

	first.Kill()
	if first, err = l.start("successor"); err != nil {
		return t, err
	}
	if t.Kill, err = l.progress(ctx, first); err != nil {
		return t, err
	}

	if err := l.Lab.ClickHouse.Kill(); err != nil {
		return t, err
	}
	if err := l.Lab.ClickHouse.Restart(ctx); err != nil {
		return t, err
	}
	if t.ClickHouse, err = l.progress(ctx, first); err != nil {
		return t, err
	}
	t.LastDrain, err = stop(first)
	return t, err
}

// join starts a second instance, and watches the commits until it has partitions and the
// group has committed again.
func (l *lifecycle) join(ctx context.Context, t *LifecycleResult) (second *process.Process, err error) {
	begin := time.Now()
	if second, err = l.start("second"); err != nil {
		return nil, err
	}
	last, since := int64(-1), begin
	joined, committed := false, false
	err = l.await(ctx, "both instances to commit", func(ctx context.Context) (bool, error) {
		at, err := l.Lab.Broker.Committed(ctx, l.Group, l.Topic.Name)
		if err != nil {
			return false, errors.Join(err, second.Alive())
		}
		if now := sum(at); now != last {
			t.JoinPause = max(t.JoinPause, time.Since(since).Seconds())
			last, since, committed = now, time.Now(), joined
		}
		if joined {
			return committed, second.Alive()
		}
		members, err := l.Lab.Broker.Members(ctx, l.Group)
		if members == 2 {
			joined, t.Join = true, time.Since(begin).Seconds()
		}
		return false, errors.Join(err, second.Alive())
	})
	return second, err
}

// progress is how long it takes until the group has committed more in every partition that
// has messages.
func (l *lifecycle) progress(ctx context.Context, p *process.Process) (float64, error) {
	begin := time.Now()
	before, err := l.Lab.Broker.Committed(ctx, l.Group, l.Topic.Name)
	if err != nil {
		return 0, err
	}
	err = l.await(ctx, "commits in all partitions", func(ctx context.Context) (bool, error) {
		at, err := l.Lab.Broker.Committed(ctx, l.Group, l.Topic.Name)
		all := len(at) > 0
		for partition, next := range at {
			all = all && next > before[partition]
		}
		return all, errors.Join(err, p.Alive())
	})
	return time.Since(begin).Seconds(), err
}

func (l *lifecycle) await(ctx context.Context, what string, holds func(context.Context) (bool, error)) error {
	bounded, cancel := context.WithTimeout(ctx, maxRecovery)
	defer cancel()
	if err := wait.Until(bounded, 20*time.Millisecond, func() (bool, error) { return holds(bounded) }); err != nil {
		return fmt.Errorf("wait for %s: %w", what, err)
	}
	return nil
}

func stop(p *process.Process) (float64, error) {
	begin := time.Now()
	err := p.Stop()
	return time.Since(begin).Seconds(), err
}

func sum(at map[int32]int64) (n int64) {
	for _, next := range at {
		n += next
	}
	return n
}
