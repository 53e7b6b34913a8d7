package httpd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Check is one thing that must hold. Probe returns nil when it does; otherwise an
// error that is shown to whoever asks, so it says what to do and holds no secret.
// It is called from several goroutines, but never twice at the same time, and
// should return when its context ends.
type Check struct {
	Name  string // a short noun in snake_case, unique
	Probe func(context.Context) error
}

// State is what a check found.
type State struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// Report is all checks together, in the order in which they were given.
type Report struct {
	OK     bool    `json:"ok"`
	Checks []State `json:"checks"`
}

// prober runs checks for any number of callers at the cost of one: whoever asks
// while a round is under way gets that round's report, so that a flood of probes
// is no flood of queries.
type prober struct {
	checks  []Check
	timeout time.Duration
	rounds  singleflight.Group
}

// report runs all checks side by side, each bounded by the timeout. A round
// belongs to no single caller, hence its own context.
func (p *prober) report() Report {
	r, _, _ := p.rounds.Do("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), p.timeout)
		defer cancel()
		report := Report{OK: true, Checks: make([]State, len(p.checks))}
		var running sync.WaitGroup
		for i, check := range p.checks {
			running.Go(func() { report.Checks[i] = p.probe(ctx, check) })
		}
		running.Wait()
		for _, state := range report.Checks {
			report.OK = report.OK && state.OK
		}
		return report, nil
	})
	return r.(Report)
}

func (p *prober) probe(ctx context.Context, check Check) State {
	err := check.Probe(ctx)
	switch {
	case err == nil:
		return State{Name: check.Name, OK: true}
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %v", p.timeout)
	}
	return State{Name: check.Name, Error: err.Error()}
}
