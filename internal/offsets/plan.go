package offsets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/safetext"
)

// Plan is a reset, as --json shows it.
type Plan struct {
	Status
	Executed bool     `json:"executed"`
	Changes  []Change `json:"partitions"`
}

// Change is the reset of one partition.
type Change struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      *int64 `json:"from"` // null without a committed offset
	To        int64  `json:"to"`
	Note      Note   `json:"note"` // empty when the target lies in the log
	LogStart  int64  `json:"log_start"`
	LogEnd    int64  `json:"log_end"`
	// Ledger is null without a row.
	Ledger *Ledger `json:"ledger"`
	// Next is the next run with the offset To.
	Next Next `json:"next_run"`
}

// Moves reports whether the reset changes the committed offset.
func (c Change) Moves() bool { return c.From == nil || *c.From != c.To }

// Moved counts the partitions whose offset the plan changes.
func (p *Plan) Moved() (n int) {
	for _, c := range p.Changes {
		if c.Moves() {
			n++
		}
	}
	return n
}

// Plan finds the offsets of a target and what the next run does with them. It changes
// nothing, and works for an active group too.
func (g *Group) Plan(ctx context.Context, s Selection, t Target) (*Plan, error) {
	state, err := g.Kafka.Describe(ctx)
	if err != nil {
		return nil, err
	}
	all, err := g.survey(ctx, s)
	if err != nil {
		return nil, err
	}
	records, err := g.lastRecords(ctx, all)
	if err != nil {
		return nil, err
	}
	found, err := g.resolve(ctx, t, all, records)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Status: g.statusOf(state), Changes: []Change{}}
	for i, one := range all {
		next, err := g.forecast(ctx, one, found[i].offset, records[i])
		if err != nil {
			return nil, err
		}
		p := g.partitionOf(one, next)
		plan.Changes = append(plan.Changes, Change{Topic: one.Topic, Partition: one.Partition, From: p.Committed, To: found[i].offset,
			Note: found[i].note, LogStart: one.LogStart, LogEnd: one.HighWatermark, Ledger: p.Ledger, Next: next})
	}
	return plan, nil
}

// Reset sets the offsets of a plan in one request and reads them back. It refuses an
// active group: the broker does so too, and a member that joined since the plan ends in
// the same error.
func (g *Group) Reset(ctx context.Context, plan *Plan) error {
	if plan.Active {
		return plan.refusal(consumer.ErrGroupActive)
	}
	var positions []consumer.Position
	for _, c := range plan.Changes {
		if c.Moves() {
			positions = append(positions, consumer.Position{Topic: c.Topic, Partition: c.Partition, Offset: c.To})
		}
	}
	g.Progress.Report(progress.Step{Name: "set the offsets"})
	switch err := g.Kafka.CommitOffsets(ctx, positions); {
	case errors.Is(err, consumer.ErrGroupActive):
		return plan.refusal(err)
	case err != nil:
		return fmt.Errorf("some offsets may be set, check with pianola offsets show: %w", err)
	}
	g.Progress.Report(progress.Step{Name: "read the offsets back"})
	now, err := g.Kafka.Offsets(ctx)
	if err != nil {
		return fmt.Errorf("the offsets may be set, but reading them back failed, check with pianola offsets show: %w", err)
	}
	committed := make(map[consumer.Position]int64, len(now)) // by topic and partition
	for _, a := range now {
		committed[consumer.Position{Topic: a.Topic, Partition: a.Partition}] = a.Committed
	}
	for _, c := range plan.Changes {
		if at := committed[consumer.Position{Topic: c.Topic, Partition: c.Partition}]; at != c.To {
			return fmt.Errorf("%s/%d was set to %d, and the group now has %d: another process commits for group %s; check with pianola offsets show",
				c.Topic, c.Partition, c.To, at, plan.Group)
		}
	}
	plan.Executed = true
	return nil
}

// refusal adds what to do about an active group. Errors reach logs, so it names members by
// their client ids: only the result of offsets show has their hosts.
func (p *Plan) refusal(err error) error {
	who := "it may have a member with Kafka's newer consumer protocol, or one that has just joined"
	if len(p.Members) > 0 {
		names := map[string]bool{}
		for _, m := range p.Members {
			names[safetext.Cell(m.ClientID)] = true
		}
		listed := slices.Sorted(maps.Keys(names))
		who = fmt.Sprintf("%s with %d members (client ids %s; pianola offsets show has their hosts)",
			p.State, len(p.Members), strings.Join(listed[:min(len(listed), maxNamed)], ", "))
	}
	return fmt.Errorf("reset group %s: %w: %s; stop every pianola run of the group, wait for kafka.session_timeout after a kill, and repeat", p.Group, err, who)
}
