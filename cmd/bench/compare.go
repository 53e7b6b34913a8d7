package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pianola/pianola/internal/bench/compare"
)

// compare runs all chosen systems in turns.
func (p *program) compare(ctx context.Context) (err error) {
	l, systems, err := p.open(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	p.say(fmt.Sprintf("publishing %d messages", p.messages.Count))
	b, err := compare.Prepare(ctx, l, p.messages)
	if err != nil {
		return err
	}
	p.say(fmt.Sprintf("%d bytes a message", b.Topic.Bytes/int64(p.messages.Count)))
	var contenders []compare.Contender
	for _, s := range systems {
		contenders = append(contenders, compare.Contender{Name: s.Name(), Bench: b, System: s})
	}
	return p.report(ctx, "compare", contenders)
}

// report runs the rounds, writes the results, and then says whether all stored the same.
func (p *program) report(ctx context.Context, command string, contenders []compare.Contender) error {
	r, err := compare.Rounds(ctx, contenders, p.rounds, p.say)
	if err != nil {
		return err
	}
	if err := p.writeJSON(ctx, command, r); err != nil {
		return err
	}
	if err := r.Write(p.stdout); err != nil {
		return err
	}
	return r.Check()
}
