package trial

import (
	"context"
	"fmt"
	"time"
)

// soakFault is one kind of thing that goes wrong in a soak, and is right again when
// strike returns. An error means that it could not be done, or not be outlived.
type soakFault struct {
	name     string
	possible func(*round) bool // nil is always
	strike   func(context.Context, *soaking) error
}

// soakFaults are all that the other trials put in one by one, so far as a process
// can outlive it. A new kind is a line here.
func soakFaults() []soakFault {
	const lineMost = 2500 * time.Millisecond // sessions and inserts are bounded by 1 s
	all := []soakFault{
		{"instance killed", nil, func(ctx context.Context, s *soaking) error { return s.comeOrGo(ctx, (*soaking).killGoing) }},
		{"instance drained", nil, func(ctx context.Context, s *soaking) error { return s.comeOrGo(ctx, (*soaking).drainGoing) }},
		{"lines", nil, func(ctx context.Context, s *soaking) error {
			_, err := s.strikeLines(ctx, lineMost)
			return err
		}},
		{"lines again", nil, func(ctx context.Context, s *soaking) error {
			_, err := s.strikeLines(ctx, lineMost)
			return err
		}},
		{"error answered", stagesClickHouse, func(ctx context.Context, s *soaking) error { return s.errorAnswered(ctx) }},
		{"ClickHouse killed", ownServer, func(ctx context.Context, s *soaking) error {
			s.server.kill()
			return s.serverBack(ctx, s.server.start)
		}},
		{"ClickHouse hung", ownServer, func(ctx context.Context, s *soaking) error {
			if err := s.server.hang(); err != nil {
				return err
			}
			return s.serverBack(ctx, func(context.Context) error { return s.server.goOn() })
		}},
	}
	for _, f := range brokerFaults {
		all = append(all, soakFault{"broker " + f.name, apacheKafka, func(ctx context.Context, s *soaking) error {
			return f.strike(ctx, s.round)
		}})
	}
	return all
}

func ownServer(r *round) bool        { return r.server != nil }
func stagesClickHouse(r *round) bool { return r.server == nil }
func apacheKafka(r *round) bool      { return r.stage.broker.apache != nil }

// comeOrGo starts the instance that goes, or ends it where it is there, and then
// starts it again: either way the group changes while the other one works.
func (s *soaking) comeOrGo(ctx context.Context, end func(*soaking, context.Context) error) error {
	const most = 500 * time.Millisecond
	if s.goes != nil {
		if err := s.goes.alive(); err != nil {
			return err
		}
		if err := end(s, ctx); err != nil {
			return err
		}
		s.goes = nil
		if s.dice.IntN(2) == 0 {
			return nil
		}
		if err := s.pause(ctx, most); err != nil {
			return err
		}
	}
	var err error
	s.goes, err = s.start("goes")
	return err
}

func (s *soaking) killGoing(context.Context) error {
	s.goes.kill()
	return nil
}

func (s *soaking) drainGoing(ctx context.Context) error {
	s.goes.terminate()
	return s.goes.drained(ctx)
}

// serverBack leaves ClickHouse as it is for a moment, and then brings it back.
func (s *soaking) serverBack(ctx context.Context, back func(context.Context) error) error {
	const most = 1500 * time.Millisecond
	err := s.pause(ctx, most)
	if again := back(ctx); err == nil {
		err = again
	}
	return err
}

// errorAnswered lets ClickHouse answer an insert by an error that passes.
func (s *soaking) errorAnswered(ctx context.Context) error {
	all := answers()
	one := all[s.dice.IntN(len(all))]
	m, stop := s.mischief()
	defer stop()
	m.strike(eventsInsert, one.fault, 1)
	return s.until(ctx, fmt.Sprintf("an insert that %q can be answered to", one.name), []*process{s.stays}, func(ctx context.Context) (bool, error) {
		if over, err := m.over(ctx); over || err != nil {
			return over, err
		}
		now, err := s.covered(ctx)
		return s.all(now), err
	})
}
