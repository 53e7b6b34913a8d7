package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	clickhouse "github.com/pianola/pianola/internal/sandbox/front"
)

// unknownStatusOfInsert is UNKNOWN_STATUS_OF_INSERT: what it says is true of every
// code that is answered after the insert.
const unknownStatusOfInsert = 319

// passing are the codes after which the same again, or half of it, is tried: those
// of the architecture's table, and the cause that 252 takes one for "too many
// parts".
var passing = []struct {
	code    int
	message string
}{
	{code: 159}, {code: 202}, {code: 209}, {code: 210}, {code: 236}, {code: 242}, {code: unknownStatusOfInsert}, {code: 999},
	{code: 252, message: "Too many parts (3000). Merges are processing significantly slower than inserts"},
	{code: 241, message: "Memory limit (total) exceeded"},
}

// answer is one thing that ClickHouse answers, or does not.
type answer struct {
	name  string
	fault clickhouse.Fault
}

// answers are each code before and after the statement was done, and what else can
// come of a statement that was done.
func answers() []answer {
	var all []answer
	for _, p := range passing {
		all = append(all,
			answer{fmt.Sprintf("%d before", p.code), clickhouse.Fault{Code: p.code, Message: p.message}},
			answer{fmt.Sprintf("%d after", p.code), clickhouse.Fault{At: clickhouse.After, Code: p.code, Message: p.message}})
	}
	return append(all,
		answer{"cut after", clickhouse.Fault{At: clickhouse.After, Cut: true}},
		answer{"cut midway", clickhouse.Fault{At: clickhouse.Midway, Cut: true}},
		answer{"silence after", clickhouse.Fault{At: clickhouse.After, Hang: true}})
}

// answering lets the server answer errors to a consumer at work, and refuse rows.
// What is answered is dealt from a shuffled deck, so that each comes once before any
// comes twice, over all rounds of a trial.
type answering struct {
	*round
	mischief *mischief
	deck     []answer
	consumer *process
	faults   int
}

func answersTrial(ctx context.Context, r *round, b bounds) (int, error) {
	a := &answering{round: r}
	var stop func()
	a.mischief, stop = r.mischief()
	defer stop()
	err := a.run(ctx, b)
	r.truth = r.world.TruthWithRejected(r.refused.places)
	return a.faults, errors.Join(err, a.everything())
}

func (a *answering) run(ctx context.Context, b bounds) error {
	const workMost = 30 * time.Millisecond
	for step := 0; !b.reached(a.faults); step++ {
		// Every round begins with a refused row; others follow now and then.
		if step == 0 || a.dice.IntN(10) == 0 {
			if err := a.refuse(ctx); errors.Is(err, errAllStored) {
				return nil
			} else if err != nil {
				return err
			}
			continue
		}
		before, err := a.covered(ctx)
		if err != nil {
			return err
		}
		done, err := a.advance(ctx, before, a.consumer)
		if err != nil || done {
			return err
		}
		if err := a.pause(ctx, workMost); err != nil {
			return err
		}
		if a.dice.IntN(8) == 0 {
			err = a.strikeRecheck(ctx)
		} else {
			err = a.strike(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refuse lets the consumer end in order, and the next one meet a row that is
// refused. Two of them in a small batch would be more than the rows' fault, so that
// the one before has to be accounted for.
func (a *answering) refuse(ctx context.Context) error {
	if p := a.consumer; p != nil {
		if err := a.until(ctx, "a refused row in the ledger", []*process{p}, a.accounted); err != nil {
			return err
		}
		p.terminate()
		if err := p.drained(ctx); err != nil {
			return err
		}
	}
	if err := a.refuseOne(ctx); err != nil {
		return err
	}
	a.faults++
	a.tally["469 of one row"]++
	var err error
	a.consumer, err = a.start("consumer")
	return err
}

// strike answers one to three statements of a kind. Events come in every flush,
// the others in most.
func (a *answering) strike(ctx context.Context) error {
	kinds := []statement{eventsInsert, eventsInsert, eventsInsert, lettersInsert, ledgerInsert, filteredInsert}
	return a.give(ctx, kinds[a.dice.IntN(len(kinds))])
}

// strikeRecheck kills the consumer between dead letters and ledger, so that the
// next one has to look for them, and answers that.
func (a *answering) strikeRecheck(ctx context.Context) error {
	a.mischief.strike(lettersInsert, clickhouse.Fault{At: clickhouse.After, Hang: true}, 1)
	if err := a.met(ctx, "a dead letter"); err != nil {
		return err
	}
	if a.mischief.end() == 0 {
		return nil
	}
	a.consumer.kill()
	var err error
	if a.consumer, err = a.start("consumer"); err != nil {
		return err
	}
	return a.give(ctx, recheck)
}

// give deals an answer, and waits until it has been given.
func (a *answering) give(ctx context.Context, to statement) error {
	if len(a.deck) == 0 {
		a.deck = answers()
		a.dice.Shuffle(len(a.deck), func(i, j int) { a.deck[i], a.deck[j] = a.deck[j], a.deck[i] })
		slices.SortStableFunc(a.deck, func(x, y answer) int { return a.times(x) - a.times(y) })
	}
	one := a.deck[0]
	if one.fault.At == clickhouse.Before && a.dice.IntN(2) == 0 {
		one.fault.At = clickhouse.Midway // not done either, and the data has been sent
	}
	a.mischief.strike(to, one.fault, 1+a.dice.IntN(3))
	if err := a.met(ctx, one.name+" to "+to.name); err != nil {
		return err
	}
	if a.mischief.end() == 0 {
		return nil // the world was over
	}
	a.deck = a.deck[1:]
	a.faults++
	a.tally[one.name]++
	a.tally["to "+to.name]++
	return nil
}

// times is how often an answer has been given.
func (a *answering) times(one answer) int { return a.before[one.name] + a.tally[one.name] }

// everything asks that no answer was left out, once there were as many as there are.
func (a *answering) everything() error {
	var missing []error
	given, all := 0, answers()
	for _, one := range all {
		if n := a.times(one); n == 0 {
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

// met waits until the mischief is done, or the world is over.
func (a *answering) met(ctx context.Context, what string) error {
	return a.until(ctx, what, []*process{a.consumer}, func(ctx context.Context) (bool, error) {
		if over, err := a.mischief.over(ctx); over || err != nil {
			return over, err
		}
		now, err := a.covered(ctx)
		return a.all(now), err
	})
}
