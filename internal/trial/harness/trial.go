package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

// ErrUnavailable says that this machine does not allow what a trial needs. The trial
// is left out, which is neither a success nor a failure.
var ErrUnavailable = errors.New("this trial cannot be made on this machine")

// Trial is one kind of fault. What New closes over lasts for one [Env.Run], so that
// rounds can share it.
type Trial struct {
	Name  string
	Fault string // what is done, for the line of the result
	Times int    // how often, unless the plan says otherwise

	// New makes the scenario of one round.
	New func(*Round) Scenario

	Kafka Kafka // the broker that the trial needs; empty: any
	// Servers gives the trial servers of its own in place of the environment's. The
	// harness closes the environment that it returns. nil: none.
	Servers func(context.Context, *Env) (*Env, error)
	// ClickHouse starts a ClickHouse of the round's own, with its data in a directory.
	// nil: the environment's.
	ClickHouse func(ctx context.Context, r *Round, dir string) (*clickhouse.Server, error)
	Faulted    bool // the processes reach ClickHouse through Round.Statements
	Proxied    bool // the processes reach ClickHouse through Round.Proxy

	Settings map[string]string // of the processes, by key path; they override all others
	Defaults bool              // the processes have their default settings, not those of most trials

	Subscribers int            // of each round's world, unless the plan says otherwise; 0: 6,000
	Size        func(Plan) int // Subscribers, where they depend on the plan
	Partitions  []int          // of a round's topic, in turn; none: 6
}

// Scenario is what happens in one round.
type Scenario struct {
	// Run starts processes and causes faults until the bounds are reached or the world
	// is over. It returns how many faults count.
	Run func(context.Context, Bounds) (int, error)
	// Publish sends the world's messages, beside Run. A publisher that lets the broker
	// decide the offsets sets the round's truth or ends. nil: [Round.PublishBacklog].
	Publish func(context.Context) error
	// Repair corrects what the scenario has left wrong on purpose, once the round has
	// been found to hold, and sets the truth that must hold then. The round is compared
	// again. nil: nothing to repair.
	Repair func(context.Context) error
}

// Runs says whether the trial can be made with a broker.
func (t Trial) Runs(kafka Kafka) bool { return t.Kafka == "" || t.Kafka == kafka }

// partitions is how many partitions the topic of a round has. The seed chooses, so
// that consecutive rounds try all numbers.
func (t Trial) partitions(seed uint64) int {
	if len(t.Partitions) == 0 {
		return Partitions
	}
	return t.Partitions[seed%uint64(len(t.Partitions))]
}

// Plan is how much of a trial is wanted: at least so many faults, and at least so
// long. Each round takes the next seed.
type Plan struct {
	Seed        uint64
	Times       int // 0: the trial's own
	Duration    time.Duration
	Subscribers int // of each round's world; 0: the trial's own
}

func (p Plan) withDefaults(t Trial) Plan {
	p.Times = cmp.Or(p.Times, t.Times)
	if p.Subscribers == 0 && t.Size != nil {
		p.Subscribers = t.Size(p)
	}
	p.Subscribers = cmp.Or(p.Subscribers, t.Subscribers, 6000)
	return p
}

// Bounds say when a round has enough faults.
type Bounds struct {
	Faults int
	Until  time.Time
}

// Reached says whether so many faults are enough, and the time is over.
func (b Bounds) Reached(faults int) bool { return faults >= b.Faults && !time.Now().Before(b.Until) }

// maxIdle is how many consecutive worlds may be over before their first fault. A fault
// at a random moment may come too late, and more often in a small world.
const maxIdle = 8

// Run makes the trial, and stops at the first round that does not hold. The error is
// for what prevents a round or a comparison: a server that does not start, or ctx. What
// goes wrong during a round breaks the promise instead: a process that ends by itself
// or does not drain, or offsets that do not reach the end.
func (e *Env) Run(ctx context.Context, t Trial, p Plan) (result Result, err error) {
	p = p.withDefaults(t)
	if t.Servers != nil {
		if e, err = t.Servers(ctx, e); err != nil {
			return result, fmt.Errorf("trial %s: %w", t.Name, err)
		}
		defer func() { err = errors.Join(err, e.Close()) }()
	}
	start := time.Now()
	result = Result{Trial: t.Name, Kafka: e.Kind, Seed: p.Seed, Fault: t.Fault, Kinds: map[string]int{}, Holds: true}
	all := Bounds{Faults: p.Times, Until: start.Add(p.Duration)}
	idle := 0 // consecutive rounds without a fault
	for result.Holds && !all.Reached(result.Times) {
		before := result.Times
		seed := p.Seed + uint64(result.Rounds)
		rest := Bounds{Faults: all.Faults - result.Times, Until: all.Until}
		if err := e.runRound(ctx, t, seed, p.Subscribers, rest, &result); err != nil {
			return result, fmt.Errorf("trial %s, seed %d: %w", t.Name, seed, err)
		}
		result.Rounds++
		if idle++; result.Times > before {
			idle = 0
		}
		if idle == maxIdle {
			return result, fmt.Errorf("trial %s, seed %d: %d worlds were over before the first fault: give them more subscribers", t.Name, seed, idle)
		}
	}
	result.Seconds = time.Since(start).Seconds()
	return result, nil
}

// runRound makes one round and adds it to the result.
func (e *Env) runRound(ctx context.Context, t Trial, seed uint64, subscribers int, b Bounds, result *Result) error {
	r, err := e.newRound(ctx, t, seed, subscribers)
	if err != nil {
		return err
	}
	defer r.close()
	s := t.New(r)
	faults, err := r.play(ctx, s, b)
	result.add(r, faults)
	if err == nil {
		err = r.compare(ctx, result)
		if err != nil || !result.Holds || s.Repair == nil {
			return err
		}
		if err = s.Repair(ctx); err == nil {
			return r.compare(ctx, result)
		}
		err = fmt.Errorf("afterwards: %w", err)
	}
	if ctx.Err() != nil {
		return err
	}
	result.Holds, result.Account = false, fmt.Sprintf("seed %d: %v", seed, err)
	return nil
}
