package clickhouseerrors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/faultproxy"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/wait"
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
	{code: 279}, {code: 285}, {code: 286}, {code: 425}, {code: 439}, {code: 499}, {code: 745}, {code: 1001},
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
	var deck *harness.Deck[answer] // of all rounds: each answer is given once before any is given twice
	return harness.Trial{Name: "answers", Fault: "error answered by ClickHouse, or row refused", Times: 50, Faulted: true,
		ClickHouse: harness.OwnClickHouse(serverAccess(nil)),
		New: func(r *harness.Round) harness.Scenario {
			if deck == nil {
				deck = harness.Shuffled(r.Dice, allAnswers()...)
			}
			s := &answers{Round: r, deck: deck, rejected: rejectedRows{Round: r}}
			return harness.Scenario{Run: s.run, Repair: s.rejected.redrive}
		}}
}

type answers struct {
	*harness.Round
	deck     *harness.Deck[answer]
	rejected rejectedRows
}

func (s *answers) run(ctx context.Context, b harness.Bounds) (int, error) {
	n, err := 0, s.rejectRow(ctx) // every round begins with a rejected row; others follow now and then
	if err == nil {
		n, err = s.CauseFaults(harness.FaultLoop{MaxWork: 30 * time.Millisecond, Strike: s.strike})(ctx, harness.Bounds{Faults: b.Faults - 1, Until: b.Until})
		n++
	}
	s.SetTruth(s.World.TruthWithRejected(s.rejected.places))
	return n, err
}

// rejectRow drains the consumer, and starts another one that meets a rejected row. The
// one before must be in the ledger: many together would be the table's fault.
func (s *answers) rejectRow(ctx context.Context) error {
	if p := s.Consumer; p != nil {
		err := s.Until(ctx, "a rejected row in the ledger", []*harness.Process{p}, s.rejected.inLedger)
		if err == nil {
			err = p.Drain(ctx)
		}
		if err != nil {
			return err
		}
	}
	if err := s.rejected.rejectOne(ctx); err != nil {
		return err
	}
	s.Count("469 of one row", 1)
	return s.StartConsumer(ctx)
}

func (s *answers) strike(ctx context.Context) (int, error) {
	if s.Dice.IntN(10) == 0 {
		return 1, s.rejectRow(ctx)
	}
	if s.Dice.IntN(8) == 0 {
		return s.strikeLettersQuery(ctx)
	}
	// Events are in every flush, the others in most.
	kinds := []statement{eventsInsert, eventsInsert, eventsInsert, lettersInsert, ledgerInsert, filteredInsert}
	return s.give(ctx, kinds[s.Dice.IntN(len(kinds))])
}

// strikeLettersQuery kills the consumer between dead letters and ledger, so that the next one
// has to look for them, and gives an answer to that.
func (s *answers) strikeLettersQuery(ctx context.Context) (int, error) {
	if met, err := meet(ctx, s.Round, lettersInsert, faultproxy.Fault{At: faultproxy.After, Hang: true}, 1); err != nil || !met {
		return 0, err
	}
	s.Consumer.Kill()
	if err := s.StartConsumer(ctx); err != nil {
		return 0, err
	}
	return s.give(ctx, lettersQuery)
}

// give waits until the next answer has been given: to one to three statements of a kind,
// where the proxy answers. It returns 0 where the world was over before.
func (s *answers) give(ctx context.Context, to statement) (int, error) {
	one := s.deck.Top()
	met, err := false, error(nil)
	if one.provoked != nil {
		met, err = s.provoke(ctx, one.provoked)
	} else {
		fault := one.fault
		if fault.At == faultproxy.Before && s.Dice.IntN(2) == 0 {
			fault.At = faultproxy.Midway // not executed either, but the data has been sent
		}
		met, err = meet(ctx, s.Round, to, fault, 1+s.Dice.Int64N(3))
	}
	if err != nil {
		return 0, fmt.Errorf("%s to %s: %w", one.name, to.name, err)
	}
	if !met {
		return 0, nil
	}
	if one.provoked == nil {
		s.Count("to "+to.name, 1)
	}
	s.deck.Drop()
	s.Count(one.name, 1)
	return 1, nil
}

// AnswerOnce has ClickHouse answer one insert of the consumer's events with an error that
// passes, for trials that cause many kinds of faults.
func AnswerOnce(ctx context.Context, r *harness.Round) error {
	all := proxyAnswers()
	one := all[r.Dice.IntN(len(all))]
	if _, err := meet(ctx, r, eventsInsert, one.fault, 1); err != nil {
		return fmt.Errorf("%s: %w", one.name, err)
	}
	return nil
}

// provocation makes the server itself answer a code, until undo is called.
type provocation struct {
	code int
	how  string
	do   func(context.Context, *answers) (undo func(context.Context) error, err error)
}

var provocations = []provocation{
	{241, "by the profile's max_memory_usage", lowMemory},
	{252, "by the table's parts_to_throw_insert", manyParts},
	{159, "by the profile's max_execution_time", shortTime},
	{202, "by other queries of the user", manyQueries},
	{394, "by KILL QUERY", killInserts},
}

// maxQueries is how many statements of the service's user the server runs at a time.
const maxQueries = 4

// serverAccess limits the service's user by a profile.
func serverAccess(settings map[string]string) clickhouse.Access {
	a := harness.Access(harness.Grants("*"))
	limits := map[string]string{"max_concurrent_queries_for_user": fmt.Sprint(maxQueries)}
	maps.Copy(limits, settings)
	a.Profiles = []clickhouse.Profile{{Name: "service", Settings: limits}}
	a.Users[1].Profile = "service"
	return a
}

func lowMemory(ctx context.Context, s *answers) (func(context.Context) error, error) {
	err := s.ClickHouse.RestartWith(ctx, serverAccess(map[string]string{"max_memory_usage": "300000"}), clickhouse.Settings{})
	return func(ctx context.Context) error {
		return s.ClickHouse.RestartWith(ctx, serverAccess(nil), clickhouse.Settings{})
	}, err
}

// A constraint that makes inserts last long enough to be interrupted.
const (
	addSlow  = "ALTER TABLE subscription_events ADD CONSTRAINT slow CHECK sleepEachRow(0.002) = 0"
	dropSlow = "ALTER TABLE subscription_events DROP CONSTRAINT IF EXISTS slow"
)

// shortTime limits the time of the service's statements.
func shortTime(ctx context.Context, s *answers) (func(context.Context) error, error) {
	err := s.Exec(ctx, addSlow)
	if err == nil {
		err = s.ClickHouse.RestartWith(ctx, serverAccess(map[string]string{"max_execution_time": "0.1"}), clickhouse.Settings{})
	}
	return func(ctx context.Context) error {
		return errors.Join(s.Exec(ctx, dropSlow), s.ClickHouse.RestartWith(ctx, serverAccess(nil), clickhouse.Settings{}))
	}, err
}

func manyParts(ctx context.Context, s *answers) (func(context.Context) error, error) {
	undo := func(ctx context.Context) error {
		return s.Exec(ctx, "ALTER TABLE subscription_events RESET SETTING parts_to_throw_insert", "SYSTEM START MERGES subscription_events")
	}
	return undo, s.Exec(ctx, "SYSTEM STOP MERGES subscription_events", "ALTER TABLE subscription_events MODIFY SETTING parts_to_throw_insert = 1")
}

// manyQueries runs as many queries of the service's user as the server allows.
func manyQueries(ctx context.Context, s *answers) (func(context.Context) error, error) {
	conn, err := ch.Open(&ch.Options{Addr: []string{s.ClickHouse.NativeAddr()}, Auth: ch.Auth{Username: harness.Service}, MaxOpenConns: maxQueries})
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	var group errgroup.Group
	for range maxQueries {
		group.Go(func() error {
			for running.Err() == nil {
				_ = conn.Exec(running, "SELECT sleepEachRow(0.1) FROM numbers(30) FORMAT Null") // refused where the process is first
			}
			return nil
		})
	}
	return func(context.Context) error {
		stop()
		return errors.Join(group.Wait(), conn.Close())
	}, nil
}

// killInserts kills the service's inserts.
func killInserts(ctx context.Context, s *answers) (func(context.Context) error, error) {
	const every = 5 * time.Millisecond
	running, stop := context.WithCancel(ctx)
	var group errgroup.Group
	undo := func(ctx context.Context) error {
		stop()
		return errors.Join(group.Wait(), s.Exec(ctx, dropSlow))
	}
	if err := s.Exec(ctx, addSlow); err != nil {
		return undo, err
	}
	group.Go(func() error {
		for {
			err := s.Exec(running, "KILL QUERY WHERE user = '"+harness.Service+"' AND query_kind = 'Insert' ASYNC")
			if err == nil {
				err = wait.For(running, every)
			}
			if running.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	return undo, nil
}

// provoke has the server answer the code, until the consumer has logged it. met is false
// where the world was over before.
func (s *answers) provoke(ctx context.Context, p *provocation) (met bool, err error) {
	before := s.Consumer.LoggedCode(p.code)
	undo, err := p.do(ctx, s)
	if err == nil {
		err = s.Until(ctx, fmt.Sprintf("an answer %d %s", p.code, p.how), []*harness.Process{s.Consumer}, func(ctx context.Context) (bool, error) {
			if met = s.Consumer.LoggedCode(p.code) > before; met {
				return true, nil
			}
			return s.AllCovered(ctx)
		})
	}
	if undo != nil {
		err = errors.Join(err, undo(context.WithoutCancel(ctx)))
	}
	return met, err
}
