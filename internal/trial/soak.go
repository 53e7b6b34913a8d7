package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/trial/usage"
)

// A soak goes on at a steady rate: so many messages a second, and one thing that
// goes wrong every so often. A round of it lasts as long as its world, so that one
// process is watched for all that time.
const (
	soakPace   = 250 // messages a second
	soakEvery  = 2 * time.Second
	soakLeast  = 90 * time.Second // of a round's world
	soakMost   = time.Hour
	soakSample = 250 * time.Millisecond
	soakWarmUp = 0.2 // of a watch's samples
)

func soakTrial() Trial {
	return Trial{
		Name: "soak", Fault: "one fault of every kind after the other, at a steady rate", Times: 30, line: true,
		server: ownClickHouse, serverInTurn: true, size: soakSize, tell: orTwice(tellSteadily), run: soak,
	}
}

// soakSize is how many subscribers fill a round; one has about five messages.
func soakSize(p Plan) int {
	return int(min(max(p.Duration, soakLeast), soakMost).Seconds()) * soakPace / 5
}

// soaking is a round with two instances of the group: one that stays from the
// beginning to the end and must not grow, and one that comes and goes.
type soaking struct {
	*round
	stays *process
	goes  *process // nil while it is away
	watch *usage.Watch
	deck  []soakFault
}

func soak(ctx context.Context, r *round, b bounds) (int, error) {
	defer r.hurryUp.Store(true) // what has not been told need not be waited for
	s := &soaking{round: r}
	var err error
	if s.stays, err = r.start("stays"); err != nil {
		return 0, err
	}
	s.watch = usage.Start(ctx, s.stays.watched(), soakSample)
	defer s.watch.Stop(ctx)
	faults, err := s.run(ctx, b)
	if err != nil {
		return faults, err
	}
	if err := s.judgeGrowth(ctx); err != nil {
		return faults, err
	}
	all := []*process{s.stays}
	if s.goes != nil {
		all = append(all, s.goes)
	}
	return faults, r.drain(ctx, all)
}

// run puts faults in at the steady rate, each after the last one was outlived.
func (s *soaking) run(ctx context.Context, b bounds) (int, error) {
	rate := time.NewTicker(soakEvery)
	defer rate.Stop()
	faults := 0
	for !b.reached(faults) {
		before, err := s.covered(ctx)
		if err != nil {
			return faults, err
		}
		done, err := s.advance(ctx, before, s.stays)
		if err != nil || done {
			return faults, err
		}
		f := s.draw()
		if err := f.strike(ctx, s); err != nil {
			return faults, fmt.Errorf("%s: %w", f.name, err)
		}
		faults++
		s.tally[f.name]++
		select {
		case <-rate.C:
		case <-ctx.Done():
			return faults, ctx.Err()
		}
	}
	return faults, nil
}

// draw deals the faults that are possible here from a shuffled deck, so that each
// kind comes as often as the others.
func (s *soaking) draw() soakFault {
	if len(s.deck) == 0 {
		for _, f := range soakFaults() {
			if f.possible == nil || f.possible(s.round) {
				s.deck = append(s.deck, f)
			}
		}
		s.dice.Shuffle(len(s.deck), func(i, j int) { s.deck[i], s.deck[j] = s.deck[j], s.deck[i] })
	}
	f := s.deck[0]
	s.deck = s.deck[1:]
	return f
}

// judgeGrowth holds the end of the staying process's life against its beginning.
func (s *soaking) judgeGrowth(ctx context.Context) error {
	// A short soak may have too little to go by: the process goes on being watched.
	const enough = 3 * usage.LeastSamples
	seen := func(context.Context) (bool, error) { return s.watch.Count() >= enough, nil }
	if err := s.until(ctx, "enough samples of a process", []*process{s.stays}, seen); err != nil {
		return err
	}
	u := s.watch.Stop(ctx)
	g, err := u.Trend(soakWarmUp)
	if err != nil {
		return err
	}
	s.peak, s.growth = max(s.peak, u.Peak), g.String()
	return g.Judge()
}
