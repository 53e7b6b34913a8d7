package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/bench/messages"
	"github.com/pianola/pianola/internal/bench/system"
)

// Contender is one line of the results: a system in a variation, on a bench.
type Contender struct {
	Name      string
	Bench     *Bench
	System    system.System
	Variation Variation
}

// Rounds runs every contender once in each round. Each round begins with another one, so
// that none always has the same predecessor's merges and caches. progress gets sentences.
func Rounds(ctx context.Context, contenders []Contender, rounds int, progress func(string)) (*Report, error) {
	r := &Report{}
	for _, c := range contenders {
		r.Lines = append(r.Lines, Line{Name: c.Name, System: c.System.Name(), Variation: c.Variation, Messages: c.Bench.Topic.Messages})
	}
	for round := range rounds {
		for i := range contenders {
			at := (i + round) % len(contenders)
			c := contenders[at]
			a, err := c.Bench.Run(ctx, c.System, c.Variation)
			if err != nil {
				return r, err
			}
			r.Lines[at].Rounds = append(r.Lines[at].Rounds, a)
			progress(fmt.Sprintf("round %d: %s: %.0f messages/s in %.1f s; other processes took %.0f %% of the machine",
				round+1, c.Name, a.Rate(), a.Wall, 100*a.Noise))
		}
	}
	return r, nil
}

// ErrDiffer says that not all systems have stored the same.
var ErrDiffer = errors.New("the systems have not stored the same rows")

// Check compares what was stored in all rounds. Contenders of one topic must have the same
// checksum, and each must have the events of its messages.
func (r *Report) Check() error {
	type contents struct {
		messages messages.Config
		events   uint64
		checksum string
	}
	var problems []string
	who := map[contents][]string{}
	sums := map[messages.Config]int{}
	for _, l := range r.Lines {
		for _, a := range l.Rounds {
			if a.Contents.Events != a.Wanted {
				problems = append(problems, fmt.Sprintf("%s: %d events, the messages have %d", l.Name, a.Contents.Events, a.Wanted))
			}
			if l.Variation.Rows > 0 {
				continue // the rows that were there before have random ids
			}
			c := contents{l.Messages, a.Contents.Events, a.Contents.Checksum}
			if who[c] == nil {
				sums[l.Messages]++
			}
			if !slices.Contains(who[c], l.Name) {
				who[c] = append(who[c], l.Name)
			}
		}
	}
	for c, names := range who {
		if sums[c.messages] > 1 {
			problems = append(problems, fmt.Sprintf("%d events with checksum %s: %s", c.events, c.checksum, strings.Join(names, ", ")))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	slices.Sort(problems)
	return fmt.Errorf("%w\n%s", ErrDiffer, strings.Join(slices.Compact(problems), "\n"))
}
