package clickhouseerrors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/faultproxy"
	"github.com/pianola/pianola/internal/trial/harness"
)

// unknownStatusOfInsert is UNKNOWN_STATUS_OF_INSERT. What it says is true of every code
// that is answered after the insert.
const unknownStatusOfInsert = 319

// passing are the codes after which the same insert, or half of it, is repeated.
var passing = []struct {
	code    int
	message string
}{
	{code: 159}, {code: 202}, {code: 209}, {code: 210}, {code: 236}, {code: 242}, {code: unknownStatusOfInsert}, {code: 999},
	{code: 252, message: "Too many parts (3000). Merges are processing significantly slower than inserts"},
	{code: 241, message: "Memory limit (total) exceeded"},
}

// answer is one thing that ClickHouse answers, or fails to.
type answer struct {
	name     string
	fault    faultproxy.Fault
	provoked *provocation // in place of the fault; nil: none
}

// allAnswers are those of the server itself, and those of the proxy in its place.
func allAnswers() []answer {
	all := proxyAnswers()
	for i := range provocations {
		p := &provocations[i]
		all = append(all, answer{name: fmt.Sprintf("%d %s", p.code, p.how), provoked: p})
	}
	return all
}

// proxyAnswers are each code before and after the statement was executed, and what else can
// happen to a statement that was executed.
func proxyAnswers() []answer {
	var all []answer
	for _, p := range passing {
		all = append(all,
			answer{name: fmt.Sprintf("%d before", p.code), fault: faultproxy.Fault{Code: p.code, Message: p.message}},
			answer{name: fmt.Sprintf("%d after", p.code), fault: faultproxy.Fault{At: faultproxy.After, Code: p.code, Message: p.message}})
	}
	return append(all,
		answer{name: "cut after", fault: faultproxy.Fault{At: faultproxy.After, Cut: true}},
		answer{name: "cut midway", fault: faultproxy.Fault{At: faultproxy.Midway, Cut: true}},
		answer{name: "silence after", fault: faultproxy.Fault{At: faultproxy.After, Hang: true}})
}

// Answers has ClickHouse answer errors that pass to a consumer, and reject rows. The server
// itself answers where that can be provoked; otherwise a proxy answers in its place.
func Answers() harness.Trial {
	given := map[string]int{} // by answer, in all rounds
	return harness.Trial{Name: "answers", Fault: "error answered by ClickHouse, or row refused", Times: 50, Faulted: true, ClickHouse: startLimited, New: func(r *harness.Round) harness.Scenario {
		s := &answers{Round: r, given: given, rejected: rejectedRows{Round: r}}
		s.deck = harness.NewDeck(r.Dice, s.leastGiven)
		return harness.Scenario{Run: s.run, Repair: s.rejected.redrive}
	}}
}

func startLimited(ctx context.Context, _ *harness.Round, dir string) (*clickhouse.Server, error) {
	return harness.StartClickHouse(ctx, dir, clickhouse.Config{Access: serverAccess(nil)})
}

type answers struct {
	*harness.Round
	given    map[string]int
	deck     *harness.Deck[answer]
	faults   *statementFaults
	rejected rejectedRows
	consumer *harness.Process
	n        int // faults
}

func (s *answers) run(ctx context.Context, b harness.Bounds) (int, error) {
	var stop func()
	s.faults, stop = newStatementFaults(s.Round)
	defer stop()
	err := s.cause(ctx, b)
	s.SetTruth(s.World.TruthWithRejected(s.rejected.places))
	return s.n, errors.Join(err, s.allGiven())
}

// leastGiven are the answers that have been given least often, so that each comes once
// before any comes twice, in all rounds of a trial.
func (s *answers) leastGiven() []answer {
	all := allAnswers()
	least := s.given[slices.MinFunc(all, s.compare).name]
	return slices.DeleteFunc(all, func(one answer) bool { return s.given[one.name] > least })
}

func (s *answers) compare(a, b answer) int { return s.given[a.name] - s.given[b.name] }

func (s *answers) cause(ctx context.Context, b harness.Bounds) error {
	const maxWork = 30 * time.Millisecond
	for step := 0; !b.Reached(s.n); step++ {
		// Every round begins with a rejected row. Others follow now and then.
		if step == 0 || s.Dice.IntN(10) == 0 {
			if err := s.rejectRow(ctx); errors.Is(err, errAllStored) {
				return nil
			} else if err != nil {
				return err
			}
			continue
		}
		before, err := s.Covered(ctx)
		if err != nil {
			return err
		}
		done, err := s.Advance(ctx, before, s.consumer)
		if err != nil || done {
			return err
		}
		if err := s.Pause(ctx, maxWork); err != nil {
			return err
		}
		if s.Dice.IntN(8) == 0 {
			err = s.strikeRecheck(ctx)
		} else {
			err = s.strike(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rejectRow drains the consumer, and starts another one that meets a rejected row. Two
// such rows in a small batch would be too many to be the rows' fault, so the one before
// must be in the ledger.
func (s *answers) rejectRow(ctx context.Context) error {
	if p := s.consumer; p != nil {
		if err := s.Until(ctx, "a rejected row in the ledger", []*harness.Process{p}, s.rejected.inLedger); err != nil {
			return err
		}
		if err := p.Drain(ctx); err != nil {
			return err
		}
	}
	if err := s.rejected.rejectOne(ctx); err != nil {
		return err
	}
	s.n++
	s.Count("469 of one row", 1)
	var err error
	s.consumer, err = s.Start("consumer")
	return err
}

// strike gives one answer to one to three statements of a kind. Events are in every
// flush, the others in most.
func (s *answers) strike(ctx context.Context) error {
	kinds := []statement{eventsInsert, eventsInsert, eventsInsert, lettersInsert, ledgerInsert, filteredInsert}
	return s.give(ctx, kinds[s.Dice.IntN(len(kinds))])
}

// strikeRecheck kills the consumer between dead letters and ledger, so that the next one
// has to look for them, and gives an answer to that.
func (s *answers) strikeRecheck(ctx context.Context) error {
	s.faults.strike(lettersInsert, faultproxy.Fault{At: faultproxy.After, Hang: true}, 1)
	if err := s.faults.met(ctx, s.Round, "a dead letter", s.consumer); err != nil {
		return err
	}
	if s.faults.end() == 0 {
		return nil
	}
	s.consumer.Kill()
	var err error
	if s.consumer, err = s.Start("consumer"); err != nil {
		return err
	}
	return s.give(ctx, recheck)
}

// give waits until the next answer has been given, to a kind of statement where the proxy
// answers.
func (s *answers) give(ctx context.Context, to statement) error {
	one := s.deck.Top()
	if one.provoked != nil {
		if met, err := s.provoke(ctx, one.provoked); err != nil || !met {
			return err
		}
		s.gave(one)
		return nil
	}
	fault := one.fault
	if fault.At == faultproxy.Before && s.Dice.IntN(2) == 0 {
		fault.At = faultproxy.Midway // not executed either, but the data has been sent
	}
	s.faults.strike(to, fault, 1+s.Dice.IntN(3))
	if err := s.faults.met(ctx, s.Round, one.name+" to "+to.name, s.consumer); err != nil {
		return err
	}
	if s.faults.end() == 0 {
		return nil // the world was over
	}
	s.gave(one)
	s.Count("to "+to.name, 1)
	return nil
}

func (s *answers) gave(one answer) {
	s.deck.Drop()
	s.n++
	s.given[one.name]++
	s.Count(one.name, 1)
}

// allGiven is an error where there were as many answers as there are kinds, and a kind is
// missing.
func (s *answers) allGiven() error {
	var missing []error
	given, all := 0, allAnswers()
	for _, one := range all {
		if n := s.given[one.name]; n == 0 {
			missing = append(missing, fmt.Errorf("%q was never answered", one.name))
		} else {
			given += n
		}
	}
	if given < len(all) {
		return nil
	}
	return errors.Join(missing...)
}

// AnswerOnce has ClickHouse answer one insert of events with an error that passes, for
// trials that cause many kinds of faults.
func AnswerOnce(ctx context.Context, r *harness.Round, p *harness.Process) error {
	all := proxyAnswers()
	one := all[r.Dice.IntN(len(all))]
	f, stop := newStatementFaults(r)
	defer stop()
	f.strike(eventsInsert, one.fault, 1)
	return f.met(ctx, r, fmt.Sprintf("an insert that %q is answered to", one.name), p)
}
