package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/trial/line"
)

// lockoutsARound is how many a round takes at most, so that many rounds, and with
// them all ways to log in, have their share.
const lockoutsARound = 5

// login is about TLS and logins. A round first lets a world in by one good way and
// kills the process that reads it; then it locks others out, one after the other,
// each at a start or while a process works. What has to come of one is in its
// table. Once it is put right the work goes on, and no output may hold a secret.
func login(ctx context.Context, r *round, b bounds) (int, error) {
	x := r.stage.secured
	x.letIn(r, x.password)
	if err := r.auditWithLogin(); err != nil {
		return 0, err
	}
	mechanism, mutual := r.combination()
	way := mechanism + " and " + r.protocol
	if mutual {
		way += " with certificates"
	}
	r.tally[way]++
	p, _, err := r.begin(ctx)
	if err != nil {
		return 0, err
	}
	if err := r.searchPages(ctx, p); err != nil {
		return 0, err
	}
	p.kill()
	if err := r.commands(ctx); err != nil {
		return 0, err
	}
	faults := 0
	for faults < lockoutsARound && !b.reached(faults) {
		m := x.draw(r)
		put := r.atStart
		if m.underway {
			put = r.underway
		}
		done, err := put(ctx, m)
		if err == nil {
			err = x.secrets.found()
		}
		if err != nil {
			return faults, fmt.Errorf("%s: %s: %s: %w", way, m.world, m.name, err)
		}
		if !done {
			x.deck = append(x.deck, m) // the world is over; for the next round
			break
		}
		when := " at the start"
		if m.underway {
			when = " underway"
		}
		r.tally[m.world+": "+m.name+when]++
		faults++
	}
	return faults, nil
}

// draw takes the next lockout that fits the round: all are tried before one is
// again, but for those that fit few rounds.
func (x *secured) draw(r *round) lockout {
	for {
		for i, m := range x.deck {
			if m.fits == nil || m.fits(r) {
				x.deck = slices.Delete(x.deck, i, i+1)
				return m
			}
		}
		// What is left fits another round, and goes first then.
		all := lockouts()
		r.dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		x.deck = append(x.deck, all...)
	}
}

// begin starts a process and waits until it has flushed something. done says that
// there is no more.
func (r *round) begin(ctx context.Context) (p *process, done bool, err error) {
	before, err := r.covered(ctx)
	if err != nil {
		return nil, false, err
	}
	if p, err = r.start("consumer"); err != nil {
		return nil, false, err
	}
	done, err = r.advance(ctx, before, p)
	return p, done, err
}

// atStart starts a process that cannot come in, and one that can.
func (r *round) atStart(ctx context.Context, m lockout) (done bool, err error) {
	x := r.stage.secured
	before, err := r.state(ctx)
	if err != nil {
		return false, err
	}
	if m.settings != nil {
		r.settings = m.settings(x, r)
	}
	if m.wrong != nil {
		if err := m.wrong(ctx, x, r); err != nil {
			return false, err
		}
	}
	p, err := r.start("locked-out")
	r.settings = nil
	if err != nil {
		return false, err
	}
	err = r.comesOf(ctx, p, m, 0)
	if m.right != nil {
		err = errors.Join(err, m.right(ctx, x, r))
	}
	if err != nil {
		return false, err
	}
	after, err := r.state(ctx)
	if err != nil {
		return false, err
	}
	if after != before {
		return false, fmt.Errorf("it was kept out and yet the ledger and the offsets went from %+v to %+v", before, after)
	}
	return true, nil
}

// underway keeps out a process that works, by cutting its connections once the
// lockout is in.
func (r *round) underway(ctx context.Context, m lockout) (done bool, err error) {
	x := r.stage.secured
	p, over, err := r.begin(ctx)
	if err != nil || over {
		return false, err
	}
	after := p.journal.complained()
	if err := m.wrong(ctx, x, r); err != nil {
		return false, err
	}
	l := r.line
	if m.world == "kafka" {
		l = x.kafka.line
	}
	cut := line.Cut
	if err := errors.Join(l.Strike(cut, 0), l.Heal(context.WithoutCancel(ctx), cut)); err != nil {
		return false, err
	}
	err = r.comesOf(ctx, p, m, after)
	before, asked := r.covered(ctx)
	if err := errors.Join(err, asked, m.right(ctx, x, r)); err != nil {
		return false, err
	}
	if m.outcome == waits { // the same process goes on; another begins otherwise
		if _, err := r.advance(ctx, before, p); err != nil {
			return false, fmt.Errorf("put right, it does not go on: %w", err)
		}
	}
	p.kill()
	return true, nil
}

// comesOf waits for what has to come of a lockout: a line of the log that names
// where to look, and the end of the process where it has to end. One that waits at
// a start is then told to end. after is how many complaints there were before.
func (r *round) comesOf(ctx context.Context, p *process, m lockout, after int) error {
	named := func(context.Context) (bool, error) {
		gone := p.alive()
		if p.journal.complains(after, m.says) {
			return true, nil
		}
		return false, gone
	}
	if err := r.until(ctx, "a word of "+strings.Join(m.says, " and "), nil, named); err != nil {
		return fmt.Errorf("%w\n%s", err, p.journal.tail())
	}
	ended := func(context.Context) (bool, error) { return p.alive() != nil, nil }
	switch m.outcome {
	case stops:
		if err := r.until(ctx, "the end of a process that cannot come in", nil, ended); err != nil {
			return fmt.Errorf("%w\n%s", err, p.journal.tail())
		}
	case either:
		// A process that ends says why before it does.
		bounded, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		select {
		case <-p.ended:
		case <-bounded.Done():
		}
	}
	if p.alive() != nil {
		if m.outcome == waits || p.err == nil {
			return fmt.Errorf("%w; what is right is that it %s, or ends with a status that is not 0", p.alive(), m.outcome)
		}
		return nil
	}
	if m.underway {
		return nil
	}
	p.terminate()
	return p.drained(ctx)
}

// position is how far a round has come, to see that it stays where it is.
type position struct{ covered, committed int64 }

func (r *round) state(ctx context.Context) (position, error) {
	covered, err := r.covered(ctx)
	if err != nil {
		return position{}, err
	}
	offsets, err := r.stage.admin.FetchOffsets(ctx, r.cfg.Kafka.Group)
	if err != nil {
		return position{}, fmt.Errorf("ask for the offsets: %w", err)
	}
	at := position{covered: covered}
	for p := range int32(r.world.Config().Partitions) {
		if one, found := offsets.Lookup(r.topic, p); found {
			at.committed += one.At
		}
	}
	return at, nil
}

// auditWithLogin gives the audit the processes' way to Kafka.
func (r *round) auditWithLogin() error {
	loaded, err := config.Load(config.Source{Environment: r.environment("audit")}).Check("kafka")
	if err != nil {
		return err
	}
	r.cfg.Kafka = loaded.Kafka
	return nil
}
