package login

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/trial/tcpproxy"
	"github.com/pianola/pianola/internal/trial/usage"
)

// maxLockouts is how many a round causes, so that a trial has many rounds, and with them
// all ways to log in.
const maxLockouts = 5

// Trial makes mistakes in TLS and logins.
func Trial() harness.Trial {
	x := &servers{}
	return harness.Trial{Name: "login", Fault: "mistake in TLS or a login", Times: 24, Servers: x.start, Proxied: true, Subscribers: 1500,
		New: func(r *harness.Round) harness.Scenario {
			return harness.Scenario{Run: (&scenario{Round: r, servers: x}).run}
		}}
}

type scenario struct {
	*harness.Round
	*servers
}

// run has a process log in and work, kills it, and runs the operator's commands. Then it
// causes one lockout after the other, at a start or while a process works. After each the
// mistake is corrected and the work continues.
func (s *scenario) run(ctx context.Context, b harness.Bounds) (int, error) {
	if err := errors.Join(s.admit(ctx, s.Round, s.password), s.auditWithLogin()); err != nil {
		return 0, err
	}
	mechanism, mutual := combination(s.Round)
	way := mechanism + " and " + s.Protocol
	if mutual {
		way += " with certificates"
	}
	s.Count(way, 1)
	if err := s.startWorking(ctx); err != nil && !errors.Is(err, harness.ErrOver) {
		return 0, err
	}
	if err := s.searchPages(ctx, s.Consumer); err != nil {
		return 0, err
	}
	if err := s.end(ctx); err != nil {
		return 0, err
	}
	if err := s.commands(ctx); err != nil {
		return 0, err
	}
	faults := 0
	for faults < maxLockouts && !b.Reached(faults) {
		l := s.draw()
		cause, when := s.atStart, " at the start"
		if l.underway {
			cause, when = s.whileWorking, " underway"
		}
		err := cause(ctx, l)
		if errors.Is(err, harness.ErrOver) {
			s.deck = append(s.deck, l) // for the next round
			break
		}
		if err := errors.Join(err, s.secrets.found()); err != nil {
			return faults, fmt.Errorf("%s: %s: %s: %w", way, l.world, l.name, err)
		}
		s.Count(l.world+": "+l.name+when, 1)
		faults++
	}
	return faults, s.secrets.found()
}

// draw removes the next lockout that fits the round from the trial's deck. All are caused
// before one is again, but for those that fit few rounds: these come first in the next.
func (s *scenario) draw() lockout {
	for {
		for i, l := range s.deck {
			if l.fits == nil || l.fits(s.Round) {
				s.deck = slices.Delete(s.deck, i, i+1)
				return l
			}
		}
		next := lockouts()
		s.Dice.Shuffle(len(next), func(i, j int) { next[i], next[j] = next[j], next[i] })
		s.deck = append(s.deck, next...)
	}
}

// startWorking starts the consumer and waits until it has flushed something.
func (s *scenario) startWorking(ctx context.Context) error {
	before, err := s.Covered(ctx)
	if err == nil {
		err = s.StartConsumer(ctx)
	}
	if err == nil {
		err = s.Advance(ctx, before, s.Consumer)
	}
	return err
}

// atStart starts a process that is locked out.
func (s *scenario) atStart(ctx context.Context, l lockout) error {
	before, err := s.progress(ctx)
	if err != nil {
		return err
	}
	if l.settings != nil {
		s.Settings = l.settings(s)
	}
	if l.wrong != nil {
		if err := l.wrong(ctx, s); err != nil {
			return err
		}
	}
	p, err := s.Start("locked-out")
	s.Settings = nil
	if err != nil {
		return err
	}
	err = s.checkOutcome(ctx, p, l, 0)
	if l.right != nil {
		err = errors.Join(err, l.right(ctx, s))
	}
	if err != nil {
		return err
	}
	after, err := s.progress(ctx)
	if err == nil && after != before {
		err = fmt.Errorf("the process was locked out, and yet the ledger and the offsets went from %s to %s", before, after)
	}
	return err
}

// whileWorking locks out a process that works: its connections are cut after the change.
func (s *scenario) whileWorking(ctx context.Context, l lockout) error {
	if err := s.startWorking(ctx); err != nil {
		return err
	}
	earlier := len(s.Consumer.Complaints())
	proxy := s.Proxy
	if l.world == "kafka" {
		proxy = s.kafka.Proxy
	}
	err := l.wrong(ctx, s)
	if err == nil {
		err = proxy.While(ctx, tcpproxy.Cut, func() error { return nil })
	}
	if err != nil {
		return err
	}
	err = s.checkOutcome(ctx, s.Consumer, l, earlier)
	before, asked := s.Covered(ctx)
	if err := errors.Join(err, asked, l.right(ctx, s)); err != nil {
		return err
	}
	if l.outcome == waits { // the same process continues
		if err := s.Advance(ctx, before, s.Consumer); err != nil && !errors.Is(err, harness.ErrOver) {
			return fmt.Errorf("after the correction it does not continue: %w", err)
		}
	}
	return s.end(ctx)
}

// end drains the consumer, if it has not ended. What a killed one has sent may be committed
// later, while a process that is locked out must change nothing.
func (s *scenario) end(ctx context.Context) error {
	if s.Consumer.Alive() != nil {
		return nil
	}
	return s.Consumer.Drain(ctx)
}

// checkOutcome waits for a log line that names where to look, and for the end of the
// process where it has to end. A process that waits at a start is then drained. earlier is
// how many complaints there were before.
func (s *scenario) checkOutcome(ctx context.Context, p *harness.Process, l lockout, earlier int) error {
	named := func(context.Context) (bool, error) {
		gone := p.Alive()
		if complains(p.Complaints()[earlier:], l.says) {
			return true, nil
		}
		return false, gone
	}
	if err := s.Until(ctx, "a line with "+strings.Join(l.says, " and "), nil, named); err != nil {
		return fmt.Errorf("%w\n%s", err, p.Tail())
	}
	switch l.outcome {
	case stops:
		if _, err := s.UntilEnded(ctx, p, nil); err != nil {
			return err
		}
	case either:
		select { // a process that ends logs the reason before
		case <-p.Ended:
		case <-time.After(time.Second):
		}
	}
	if err := p.Alive(); err != nil {
		if l.outcome == waits || p.Status() == harness.StatusDone {
			return fmt.Errorf("%w; it must %s, or end with a status that is not 0", err, l.outcome)
		}
		return nil
	}
	if l.underway {
		return nil
	}
	return p.Drain(ctx)
}

// complains says whether one of the lines contains all of the texts.
func complains(lines, texts []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) })
	})
}

// progress is how far a round has come.
func (s *scenario) progress(ctx context.Context) (string, error) {
	covered, err := s.Covered(ctx)
	if err != nil {
		return "", err
	}
	offsets, err := s.Offsets(ctx)
	return fmt.Sprintf("%d covered, committed %v", covered, offsets), err
}

// auditWithLogin gives the audit the processes' connection to Kafka.
func (s *scenario) auditWithLogin() error {
	c, err := s.ProcessConfig("audit", "kafka")
	if err == nil {
		s.Config.Kafka = c.Kafka
	}
	return err
}

// commands runs the commands that connect to the servers or show the configuration, as an
// operator does.
func (s *scenario) commands(ctx context.Context) error {
	s.Settings = map[string]string{ // as long as they take
		"clickhouse.insert_timeout": "20s", "clickhouse.dial_timeout": "20s",
		"kafka.rebalance_timeout": "60s", "kafka.dial_timeout": "20s", "kafka.request_timeout": "20s",
	}
	defer func() { s.Settings = nil }()
	for _, c := range []struct {
		arguments string
		statuses  []int // that are right
		says      string
	}{
		{"config show", []int{0}, "***"},
		{"config show --json", []int{0}, "***"},
		{"config validate --connect", []int{0}, "kafka: ok"},
		{"migrate", []int{0}, "the schema is at version"},
		// A process was killed: there may be findings for messages that it was storing.
		{"audit", []int{0, 3}, s.Topic},
		{"dlq list", []int{0, 3}, ""},
		{"dlq redrive", []int{0, 3}, ""},
	} {
		arguments := strings.Fields(c.arguments)
		o, err := s.Command(ctx, arguments...)
		if err != nil {
			return err
		}
		out := string(o.Stdout) + string(o.Stderr)
		s.secrets.search("pianola "+c.arguments, out)
		if !slices.Contains(c.statuses, o.Status) {
			return fmt.Errorf("pianola %s: exit status %d: %s", c.arguments, o.Status, out)
		}
		if !strings.Contains(out, c.says) {
			return fmt.Errorf("pianola %s does not say %q: %s", c.arguments, c.says, out)
		}
		s.Count("pianola "+arguments[0], 1)
	}
	return s.secrets.found()
}

// searchPages looks for secrets on all pages of a process.
func (s *scenario) searchPages(ctx context.Context, p *harness.Process) error {
	for _, page := range []string{"/", "/livez", "/readyz", "/metrics"} {
		text, err := usage.Page(ctx, p.Pages()+page)
		if err != nil {
			return err
		}
		s.secrets.search("the page "+page, text)
	}
	return s.secrets.found()
}
