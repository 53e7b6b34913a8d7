package trial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// ErrNotHere says that this machine does not allow what a trial needs. The trial
// is left out, which is no verdict.
var ErrNotHere = errors.New("this trial cannot be made on this machine")

// Trial is one kind of fault.
type Trial struct {
	Name  string
	Fault string // what is done, for the line of the result
	Times int    // how often, unless told otherwise

	line   bool        // the processes reach ClickHouse over a line
	needs  Kafka       // the broker it takes; empty when either will do
	apart  bool        // it takes three brokers of its own
	server serverStart // of a ClickHouse of the round's own; nil for the stage's
	// serverInTurn is a ClickHouse of its own in every other round only.
	serverInTurn bool
	settings     map[string]string // of the processes, by key path, above those of every trial
	plain        bool              // the processes have their defaults, not the hurry of a trial
	secured      bool              // the servers have TLS and logins, and are the trial's own

	subscribers int            // of each round's world, unless told otherwise; 0 takes 6,000
	size        func(Plan) int // the same, where it depends on the plan
	partitions  []int          // of a round's topic, in turn; none takes 6

	run func(context.Context, *round, bounds) (int, error)
	// tell is the publisher; nil sends the messages of the world and nothing else.
	// One that leaves the offsets to the broker sets the round's truth and ends.
	tell func(context.Context, *round) error
	// after puts right, once a round has been found to hold, what the trial has left
	// wrong, and sets the truth that must hold then; the round is judged again. nil
	// is nothing to put right.
	after func(context.Context, *round) error
}

// All are the trials, in the order in which they run.
func All() []Trial {
	return []Trial{
		{Name: "kill", Fault: "kill -9 of the consumer at work", Times: 50, run: kill},
		{Name: "rebalance", Fault: "rebalance among three instances", Times: 50, settings: patientSettings(), run: rebalance, tell: tellInPortions},
		{Name: "clickhouse", Fault: "fault on the line to ClickHouse", Times: 30, line: true, run: clickHouseLine},
		{Name: "kafka", Fault: "fault on the line to Kafka", Times: 30, run: kafkaLine},
		{Name: "broker", Fault: "restart, kill -9 or hang of the broker", Times: 12, needs: Apache, run: brokerItself, tell: orTwice(tellPlainly)},
		{Name: "kafka-errors", Fault: "error or spoilt answer of Kafka", Times: len(kafkaFaults()), needs: Embedded, apart: true,
			settings: map[string]string{"batch.max_rows": "40"}, run: kafkaErrors, tell: tellInPortions},
		{Name: "server", Fault: "ClickHouse gone", Times: 24, server: ownClickHouse, settings: awaySettings(), run: serverAway},
		{Name: "network", Fault: "fault on the lines of two instances", Times: 30, line: true, run: network},
		memoryTrial(),
		soakTrial(),
		{Name: "answers", Fault: "error answered by ClickHouse, or row refused", Times: 50, run: answersTrial, after: redriveRefused},
		lossTrial(),
		clockTrial(),
		{Name: "refusals", Fault: "ClickHouse refuses everything", Times: 15, run: refusals, after: redriveRefused},
		{Name: "disk", Fault: "ClickHouse's disk full", Times: 10, server: onSmallDisk, settings: map[string]string{"batch.max_rows": "100"}, run: fullDisk},
		{Name: "forms", Fault: "kill -9 amid records of all forms", Times: 12, run: forms, tell: tellForms, settings: formsSettings()},
		{Name: "login", Fault: "mistake in TLS or a login", Times: 24, secured: true, line: true, subscribers: 1500, run: login},
	}
}

// Runs says whether the trial can be made with a broker.
func (t Trial) Runs(kafka Kafka) bool { return t.needs == "" || t.needs == kafka }

// Plan is how much of a trial is wanted: at least so many faults and at least so
// long. Each round takes the next seed.
type Plan struct {
	Seed        uint64
	Times       int // 0 takes the trial's own
	Duration    time.Duration
	Subscribers int // of each round's world; 0 takes 6,000
}

// bounds tell a trial when its round has enough.
type bounds struct {
	faults int
	until  time.Time
}

func (b bounds) reached(faults int) bool { return faults >= b.faults && !time.Now().Before(b.until) }

// Result is what came of a trial.
type Result struct {
	Trial     string         `json:"trial"`
	Kafka     Kafka          `json:"kafka"`
	Seed      uint64         `json:"seed"` // of the first round
	Rounds    int            `json:"rounds"`
	Fault     string         `json:"fault"`
	Times     int            `json:"times"`
	Kinds     map[string]int `json:"kinds"` // what was done, counted
	Messages  int            `json:"messages"`
	Lost      int            `json:"lost"`
	Doubled   int            `json:"doubled"`
	Wrong     int            `json:"wrong"`
	Findings  int            `json:"findings"`
	ReadAgain int64          `json:"read_again"`
	Peak      int64          `json:"peak_bytes,omitempty"` // resident, of the processes watched
	Growth    string         `json:"growth,omitempty"`     // of the processes watched
	Seconds   float64        `json:"seconds"`
	Holds     bool           `json:"holds"`
	Account   string         `json:"account,omitempty"` // of what is wrong
}

// String is one line, and the account of what is wrong below it.
func (r Result) String() string {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, r.Kinds[kind]))
	}
	verdict := "holds"
	if !r.Holds {
		verdict = "BROKEN"
	}
	var seen string
	if r.Peak > 0 {
		seen += fmt.Sprintf(", peak %d MiB", r.Peak>>20)
	}
	if r.Growth != "" {
		seen += ", " + r.Growth
	}
	line := fmt.Sprintf("%-10s %-8s seed %d, %d rounds: %s: %d times; %d messages, lost %d, doubled in the views %d, wrong %d, audit findings %d, read again %d%s; %.0f s: %s (%s)",
		r.Trial, r.Kafka, r.Seed, r.Rounds, r.Fault, r.Times, r.Messages, r.Lost, r.Doubled, r.Wrong, r.Findings, r.ReadAgain, seen, r.Seconds, verdict, strings.Join(kinds, ", "))
	if r.Account != "" {
		line += "\n" + r.Account
	}
	return line
}

// Run makes the trial, and stops at the first round that is not right. The error
// is for what kept it from a round or a verdict: a server that did not start, or
// ctx. What goes wrong during a round breaks the promise: a process that ended by
// itself or did not drain, or offsets that did not come to the end.
func (s *Stage) Run(ctx context.Context, t Trial, p Plan) (result Result, err error) {
	if p.Times == 0 {
		p.Times = t.Times
	}
	if p.Subscribers == 0 && t.size != nil {
		p.Subscribers = t.size(p)
	}
	if p.Subscribers == 0 {
		p.Subscribers = cmp.Or(t.subscribers, 6000)
	}
	if t.secured {
		if s, err = s.secure(ctx); err != nil {
			return result, fmt.Errorf("trial %s: %w", t.Name, err)
		}
		defer func() { err = errors.Join(err, s.Close()) }()
	}
	if t.apart {
		own, done, err := s.apart()
		if err != nil {
			return result, fmt.Errorf("trial %s: %w", t.Name, err)
		}
		defer done()
		s = own
	}
	start := time.Now()
	result = Result{Trial: t.Name, Kafka: s.kind, Seed: p.Seed, Fault: t.Fault, Kinds: map[string]int{}, Holds: true}
	all := bounds{faults: p.Times, until: start.Add(p.Duration)}
	idle := 0 // rounds in a row
	for result.Holds && !all.reached(result.Times) {
		before := result.Times
		seed := p.Seed + uint64(result.Rounds)
		rest := bounds{faults: all.faults - result.Times, until: all.until}
		if err := s.round(ctx, t, seed, p.Subscribers, rest, &result); err != nil {
			return result, fmt.Errorf("trial %s, seed %d: %w", t.Name, seed, err)
		}
		result.Rounds++
		if idle++; result.Times > before {
			idle = 0
		}
		if idle == idleMost {
			return result, fmt.Errorf("trial %s, seed %d: %d worlds were over before the first fault: give them more subscribers", t.Name, seed, idle)
		}
	}
	result.Seconds = time.Since(start).Seconds()
	return result, nil
}

// idleMost is how many worlds in a row may be over before their first fault. A fault
// that falls at any moment may fall too late, and more easily in a small world.
const idleMost = 8

// round makes one round and adds it to the result.
func (s *Stage) round(ctx context.Context, t Trial, seed uint64, subscribers int, b bounds, result *Result) error {
	r, err := s.newRound(ctx, t, seed, subscribers)
	if err != nil {
		return err
	}
	defer r.close()
	r.before = maps.Clone(result.Kinds)
	faults, err := r.play(ctx, t.run, b)
	result.Times += faults
	result.Messages += r.truth.Counts.Messages
	result.Peak = max(result.Peak, r.peak)
	if r.growth != "" {
		result.Growth = strings.TrimPrefix(result.Growth+"; "+r.growth, "; ")
	}
	for _, tally := range []map[string]int{r.tally, r.told} {
		for kind, n := range tally {
			result.Kinds[kind] += n
		}
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		result.Holds, result.Account = false, fmt.Sprintf("seed %d: %v", seed, err)
		return nil
	}
	if err := result.judge(ctx, r); err != nil || !result.Holds || t.after == nil {
		return err
	}
	if err := t.after(ctx, r); err != nil {
		if ctx.Err() != nil {
			return err
		}
		result.Holds, result.Account = false, fmt.Sprintf("seed %d: afterwards: %v", seed, err)
		return nil
	}
	return result.judge(ctx, r)
}

// judge adds what a round has come to.
func (result *Result) judge(ctx context.Context, r *round) error {
	v, err := r.judge(ctx)
	if err != nil {
		return err
	}
	result.Lost, result.Doubled, result.Wrong = result.Lost+v.lost, result.Doubled+v.doubled, result.Wrong+v.wrong
	result.Findings += v.found
	result.ReadAgain += v.readAgain
	if v.account != "" {
		result.Holds, result.Account = false, fmt.Sprintf("seed %d:\n%s", r.seed, v.account)
	}
	return nil
}
