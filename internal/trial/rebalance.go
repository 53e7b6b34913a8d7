package trial

import (
	"context"
	"fmt"
	"time"
)

// patientSettings keep the embedded broker out of a livelock that Kafka does not
// have. It begins a rebalance's timeout anew with every join, and gives a member
// that was killed before its first heartbeat no session: two instances whose joins
// time out, and come again as others, within one rebalance timeout of each other
// then hold each other up for ever. A join is waited for as long as both timeouts
// together, so with these no three instances can come often enough.
func patientSettings() map[string]string {
	return map[string]string{"kafka.rebalance_timeout": "3s", "kafka.request_timeout": "7s"}
}

// rebalance lets three instances of one group come and go at random: each step
// starts one that is not there, or ends one that is, in order or without a word.
// One that drains does so while others come and go. What counts are the group's
// generations, beyond the first, as the instances have told of them.
func rebalance(ctx context.Context, r *round, b bounds) (int, error) {
	const instances = 3
	// What is told is dealt out step by step: a world that is small would be stored
	// before the group has come to its second generation.
	share := int64(max(1, r.world.Total()/30))
	defer r.portion.everything()
	var there, leaving [instances]*process
	faults := func() int { return max(0, r.generations.count()-1) }
	for !b.reached(faults()) {
		before, err := r.covered(ctx)
		if err != nil {
			return faults(), err
		}
		if r.all(before) {
			break
		}
		r.portion.more(share)
		i := r.dice.IntN(instances)
		if p := leaving[i]; p != nil {
			if err := p.drained(ctx); err != nil {
				return faults(), err
			}
			leaving[i] = nil
		}
		switch p := there[i]; {
		case p == nil:
			if there[i], err = r.start(fmt.Sprintf("instance-%d", i+1)); err != nil {
				return faults(), err
			}
			r.tally["joined"]++
		case r.dice.IntN(2) == 0:
			p.kill()
			there[i] = nil
			r.tally["killed"]++
		default:
			p.terminate()
			there[i], leaving[i] = nil, p
			r.tally["drained"]++
		}
		if err := r.settle(ctx, before, there[:]); err != nil {
			return faults(), err
		}
	}
	for _, p := range append(there[:], leaving[:]...) {
		if p == nil {
			continue
		}
		p.terminate()
		if err := p.drained(ctx); err != nil {
			return faults(), err
		}
	}
	return faults(), nil
}

// settle waits before the next step: every other time until there was progress,
// so that the group gets on at all, and else for a moment that may well be in the
// middle of the rebalance.
func (r *round) settle(ctx context.Context, before int64, there []*process) error {
	const most = 500 * time.Millisecond
	var present []*process
	for _, p := range there {
		if p != nil {
			present = append(present, p)
		}
	}
	for _, p := range present {
		if err := p.alive(); err != nil {
			return err
		}
	}
	if len(present) > 0 && r.dice.IntN(2) == 0 {
		if _, err := r.advance(ctx, before, present...); err != nil {
			return err
		}
	}
	return r.pause(ctx, most)
}
