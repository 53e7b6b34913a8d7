package trial

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// kafkaErrors has the brokers answer whatever Kafka's protocol allows, while a
// consumer is at work, one thing after the other in an order that the dice give.
// What passes has to be outlived. What does not has to end the process, with an
// error that says where and what to do; it is put right and another process goes
// on. Nothing is counted that no request has met.
//
// The world is dealt out, so that it lasts for as long as there are faults: some
// messages for a request to meet each fault, and some to show that it is over.
func kafkaErrors(ctx context.Context, r *round, b bounds) (int, error) {
	all := kafkaFaults()
	share := max(int64(r.world.Total()/(3*len(all))), leastShare)
	r.portion.more(share)
	defer r.portion.everything()
	r.dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	p, err := r.start("consumer")
	if err != nil {
		return 0, err
	}
	faults := 0
	tried := map[string]bool{}
	for !b.reached(faults) {
		before, err := r.covered(ctx)
		if err != nil {
			return faults, err
		}
		r.portion.more(share)
		done, err := r.advance(ctx, before, p)
		if err != nil || done {
			return faults, errors.Join(err, untried(b, all, tried))
		}
		f := all[faults%len(all)]
		met, err := f.strike(ctx, r, p, share)
		if err != nil {
			return faults, fmt.Errorf("%s: %w", f.name(), err)
		}
		if !met {
			continue // the world was over before
		}
		if f.fatal != "" {
			if p, err = r.start("consumer"); err != nil {
				return faults, err
			}
		}
		faults++
		tried[f.name()] = true
		r.tally[f.kind]++
	}
	p.terminate()
	if err := p.drained(ctx); err != nil {
		return faults, err
	}
	return faults, untried(b, all, tried)
}

// untried holds a round that was to make every fault to that.
func untried(b bounds, all []kafkaFault, tried map[string]bool) error {
	if b.faults < len(all) {
		return nil
	}
	var missing []string
	for _, f := range all {
		if !tried[f.name()] {
			missing = append(missing, f.name())
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the world was over before these were tried: %s; give it more subscribers", strings.Join(missing, ", "))
	}
	return nil
}

// kafkaFault is one thing that brokers do.
type kafkaFault struct {
	kind string // for the count: the request that meets it
	what string
	// put does it, and gives how often requests have met it so far, and what takes
	// it away.
	put func(ctx context.Context, r *round) (met func() int, undo func(), err error)
	// times is how often it is met before it is taken away.
	times int
	// fatal is what the process has to say as it ends; TOPIC stands for the round's
	// topic. Empty where it has to live.
	fatal string
}

func (f kafkaFault) name() string { return f.kind + " " + f.what }

// strike puts the fault in and takes it away once it has been met. met is false
// where there was nothing left to be read.
func (f kafkaFault) strike(ctx context.Context, r *round, p *process, share int64) (bool, error) {
	count, undo, err := f.put(ctx, r)
	if err != nil {
		return false, err
	}
	defer undo()
	if f.fatal != "" {
		return f.ends(ctx, r, p, share)
	}
	err = r.until(ctx, "a request that meets it", []*process{p}, r.dealing(share, func() bool { return count() >= f.times }))
	return count() >= f.times, err
}

// leastShare makes it likely that every partition gets some.
const leastShare = 60

// dealing waits for something, or for the end of the world, and deals out another
// share whenever that takes long: it may wait for a partition that has got none.
func (r *round) dealing(share int64, holds func() bool) func(context.Context) (bool, error) {
	const long = time.Second
	r.portion.more(share)
	dealt := time.Now()
	return func(ctx context.Context) (bool, error) {
		if holds() {
			return true, nil
		}
		if time.Since(dealt) > long {
			r.portion.more(share)
			dealt = time.Now()
		}
		covered, err := r.covered(ctx)
		return r.all(covered), err
	}
}

// ends waits for a process that has to stop by itself.
func (f kafkaFault) ends(ctx context.Context, r *round, p *process, share int64) (bool, error) {
	ended := func() bool { return p.alive() != nil }
	err := r.until(ctx, "the end of a process that cannot go on", nil, r.dealing(share, ended))
	if err != nil || !ended() {
		return false, err
	}
	want := strings.ReplaceAll(f.fatal, "TOPIC", r.topic)
	last := p.journal.tail()
	for _, part := range strings.Split(want, "…") {
		if !strings.Contains(last, part) {
			return false, fmt.Errorf("the process ended and did not say %q: its last lines:\n%s", part, last)
		}
	}
	if code := p.command.ProcessState.ExitCode(); code != 1 {
		return false, fmt.Errorf("the process ended with %d, want 1", code)
	}
	return true, nil
}
