package httpd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Check is one health condition. Probe returns nil when it holds. Clients see its
// error, so the error must contain a hint and no secret. Calls come from several
// goroutines but never overlap. Probe should return when its context ends.
type Check struct {
	Name  string // a short noun in snake_case, unique
	Probe func(context.Context) error
}

// State is the result of a check.
type State struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// Report contains the results in the order of the checks.
type Report struct {
	OK     bool    `json:"ok"`
	Checks []State `json:"checks"`
}

// prober shares one round of checks between concurrent callers, so that many probes do
// not cause many queries.
type prober struct {
	checks  []Check
	timeout time.Duration
	rounds  singleflight.Group
}

// report runs all checks concurrently, each limited by the timeout. A round has its own
// context, because several callers share it.
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
