package trial

import (
	"context"
	"fmt"
	"maps"

	"github.com/pianola/pianola/internal/sandbox/kafka"
)

// lossTrial has messages go before anybody has read them. Small batches and fetches
// keep what a stalled process holds in memory far below what it is told meanwhile.
func lossTrial() Trial {
	return Trial{
		Name: "loss", Fault: "offsets out of the log's range, messages gone unread", Times: 30, line: true, subscribers: 3000,
		settings: map[string]string{"batch.max_rows": "50", "kafka.fetch_max_bytes": "2048"},
		tell:     func(context.Context, *round) error { return nil }, // the trial does, between its faults
		run:      loss,
	}
}

// misfortune is one way for offsets to come to lie outside of the log, or for
// messages to go unread.
type misfortune struct {
	name string
	do   func(context.Context, *losses) error
}

func misfortunes() []misfortune {
	return []misfortune{
		{"retention, nobody reads", retentionAlone},
		{"retention, reader stalled", retentionStalled},
		{"made anew and shorter, nobody reads", anewAlone(false)},
		{"made anew and longer, nobody reads", anewAlone(true)},
		{"made anew and shorter, reader at work", anewUnderway(false, false)},
		{"made anew and longer, reader at work", anewUnderway(true, false)},
		{"made anew and longer, reader stalled", anewUnderway(true, true)},
		{"offset moved ahead", movedAhead},
		{"group's offsets deleted", forgotten},
		{"commit left behind, retention passes it", leftBehind},
	}
}

// slice is how much is told at a time, and leastLeft what must be left of the world
// for another misfortune, whose new topic has to come to hold something everywhere.
const (
	slice     = 120
	leastLeft = 9 * slice
)

// loss visits one misfortune after the other on a topic, each of them once before
// one comes again. A process with consumer.on_data_loss=fail has to say exactly
// what is gone and to commit nothing; one with continue has to write just that into
// its ledger and go on. What nobody could read is taken out of the truth, message by
// message, and nothing else is.
func loss(ctx context.Context, r *round, b bounds) (int, error) {
	l := &losses{round: r, lengths: make([]int64, partitions), starts: make([]int64, partitions)}
	r.settings = maps.Clone(r.settings)
	l.pull()
	defer l.close()
	faults := 0
	var deck []misfortune
	for !b.reached(faults) && r.world.Total()-l.sent >= leastLeft {
		if len(deck) == 0 {
			deck = misfortunes()
			r.dice.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		next := deck[0]
		deck = deck[1:]
		if err := l.calm(ctx); err != nil {
			return faults, fmt.Errorf("before %q: %w", next.name, err)
		}
		if err := next.do(ctx, l); err != nil {
			return faults, fmt.Errorf("%s: %w", next.name, err)
		}
		if err := l.auditClean(ctx); err != nil {
			return faults, fmt.Errorf("after %q: %w", next.name, err)
		}
		faults++
		r.tally[next.name]++
	}
	return faults, l.finish(ctx)
}

// calm has every partition hold something of the present topic, all of it read: a
// topic of which nothing was read leaves no witness.
func (l *losses) calm(ctx context.Context) error {
	err := l.tellUntil(ctx, func() bool {
		for _, length := range l.lengths {
			if length == 0 {
				return false
			}
		}
		return true
	})
	if err == nil {
		err = l.tellNext(ctx, slice)
	}
	if err == nil && l.consumer == nil {
		err = l.begin(failing)
	}
	if err != nil {
		return err
	}
	return l.await(ctx)
}

// finish tells what is left and sets the truth. A process more, which accepts no
// loss, reads to the end.
func (l *losses) finish(ctx context.Context) error {
	if err := l.tellUntil(ctx, func() bool { return false }); err != nil {
		return err
	}
	truth, err := l.world.TruthOfHistory(l.course)
	if err != nil {
		return err
	}
	l.truth = truth
	l.ends.Store(&truth.Ends)
	l.settings[onDataLoss] = failing
	delete(l.settings, "batch.max_rows") // nothing more is held up
	return nil
}

// newProducer is another one for every topic: a producer knows the topic that it
// has begun with.
func (l *losses) newProducer() error {
	if l.producer != nil {
		l.producer.Close()
	}
	var err error
	if l.producer, err = kafka.NewProducer(l.stage.broker.addr); err != nil {
		return fmt.Errorf("connect the publisher: %w", err)
	}
	return nil
}
