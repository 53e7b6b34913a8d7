package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/pianola/pianola/internal/trial/line"
)

// clockTrial sets the clock that a service goes by.
func clockTrial() Trial {
	return Trial{Name: "clock", Fault: "jump of the clock", Times: 40, line: true, run: clockJumps}
}

// clockJumps sets the clock forth and back by hours, lets it stand still and shows an
// instant again, while a service is at work and between one and the next. At one of
// three jumps answers of ClickHouse are lost besides, so that the service has to send
// again what may be there. Between services the group is sent back, so that messages
// are decided again at what may be an earlier time than before; and dead letters are
// redriven by a process whose clock is right. Whatever the clock shows, the last
// decision about a message is the one that counts.
func clockJumps(ctx context.Context, r *round, b bounds) (int, error) {
	const jumpsOfOne = 8
	c := newSetClock()
	faults := 0
	for done := false; !done && !b.reached(faults); {
		p, end, err := r.host(ctx, c.now)
		if err != nil {
			return faults, err
		}
		for n := 0; err == nil && !done && n < jumpsOfOne && !b.reached(faults); n++ {
			if done, err = r.jump(ctx, c, p); err == nil && !done {
				faults++
			}
		}
		if ended := end(); err == nil {
			err = ended
		}
		if err == nil {
			err = r.decideAgain(ctx)
		}
		if err != nil {
			return faults, err
		}
		r.tally[c.jump(r.dice)+", between two services"]++
	}
	return faults, nil
}

// jump sets the clock once the service has flushed something since the last time.
func (r *round) jump(ctx context.Context, c *setClock, p *process) (done bool, err error) {
	const silenceMost = 1500 * time.Millisecond // an insert is bounded by 1 s
	before, err := r.covered(ctx)
	if err != nil {
		return false, err
	}
	if done, err = r.advance(ctx, before, p); err != nil || done {
		return done, err
	}
	if r.dice.IntN(3) > 0 {
		r.tally[c.jump(r.dice)]++
		return false, nil
	}
	silence := line.AnswersVanish
	if err := r.line.Strike(silence, 0); err != nil {
		return false, err
	}
	r.tally[c.jump(r.dice)]++
	r.tally["and answers vanished"]++
	err = r.pause(ctx, silenceMost)
	if healed := r.line.Heal(context.WithoutCancel(ctx), silence); err == nil {
		err = healed
	}
	return false, err
}

// decideAgain sends the group back, so that the next service reads again what this
// one has read, and has the dead letters redriven.
func (r *round) decideAgain(ctx context.Context) error {
	const most = 200
	offsets, err := r.stage.admin.FetchOffsets(ctx, r.cfg.Kafka.Group)
	if err != nil {
		return fmt.Errorf("ask for the group's offsets: %w", err)
	}
	var back kadm.Offsets
	offsets.Each(func(o kadm.OffsetResponse) {
		back.Add(kadm.Offset{Topic: o.Topic, Partition: o.Partition, At: max(0, o.At-r.dice.Int64N(most)), LeaderEpoch: -1})
	})
	err = r.until(ctx, "the group sent back", nil, func(ctx context.Context) (bool, error) {
		return r.stage.admin.CommitAllOffsets(ctx, r.cfg.Kafka.Group, back) == nil, nil
	})
	if err != nil {
		return err
	}
	return r.redriven(ctx)
}

// redriven has every dead letter tried once more by `pianola dlq redrive`, whose
// clock is the system's. All of them fail again, so every one counts one attempt
// more: a decision that bore the time of this clock alone would lose against one
// that a clock ahead of it has dated.
func (r *round) redriven(ctx context.Context) error {
	letters, before, err := r.attempts(ctx)
	if err != nil {
		return err
	}
	if letters == 0 {
		return nil
	}
	if _, err := r.pianolaExits(ctx, statusFound, "dlq", "redrive", "--execute"); err != nil {
		return err
	}
	_, after, err := r.attempts(ctx)
	if err == nil && after != before+letters {
		err = fmt.Errorf("%d dead letters had %d attempts, and after one more %d", letters, before, after)
	}
	r.tally["and dead letters redriven"]++
	return err
}

// attempts counts the dead letters and how often they have been tried, as readers
// see them.
func (r *round) attempts(ctx context.Context) (letters, attempts uint64, err error) {
	err = r.conn.QueryRow(ctx, "SELECT count(), sum(attempts) FROM dead_letters FINAL").Scan(&letters, &attempts)
	return letters, attempts, err
}
