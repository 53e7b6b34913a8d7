package offsets

import (
	"context"

	"github.com/pianola/pianola/consumer"
)

// Report is the group at one time, as --json shows it.
type Report struct {
	Status
	Partitions []Partition `json:"partitions"`
}

// Status is the state of the group.
type Status struct {
	Group       string   `json:"group"`
	State       string   `json:"state"` // Kafka's name of it
	Active      bool     `json:"active"`
	Strategy    string   `json:"strategy"` // that assigns partitions; empty without members
	Coordinator string   `json:"coordinator"`
	Members     []Member `json:"members"`
}

// Member is a member of the group.
type Member struct {
	ID         string `json:"id"`
	ClientID   string `json:"client_id"`
	Host       string `json:"host"`
	Foreign    bool   `json:"foreign"` // another application, by its client id
	Partitions int    `json:"partitions"`
}

// Partition is one partition of the group.
type Partition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Committed *int64 `json:"committed"` // null without one
	LogStart  int64  `json:"log_start"`
	LogEnd    int64  `json:"log_end"` // high watermark
	// LastStable is the end of what a read_committed consumer sees.
	LastStable int64 `json:"last_stable"`
	// Lag counts the offsets that the group may read and has not committed. Without a
	// committed offset it counts from the start of the log.
	Lag int64 `json:"lag"`
	// OpenTransaction counts the offsets that wait for an open transaction. They are not in
	// the lag of a read_committed consumer.
	OpenTransaction int64   `json:"open_transaction"`
	Ledger          *Ledger `json:"ledger"` // null without a row
	Member          string  `json:"member"` // the id of the one that has the partition; may be empty
	Next            Next    `json:"next_run"`
}

// Ledger is what the ledger has of one partition.
type Ledger struct {
	Epoch   uint32 `json:"epoch"`
	Reached int64  `json:"reached"`
}

// Show reports the group and its partitions. It reads no records.
func (g *Group) Show(ctx context.Context, s Selection) (*Report, error) {
	state, err := g.Kafka.Describe(ctx)
	if err != nil {
		return nil, err
	}
	all, err := g.survey(ctx, s)
	if err != nil {
		return nil, err
	}
	r := &Report{Status: g.statusOf(state), Partitions: []Partition{}}
	owners := map[consumer.Position]string{} // by topic and partition
	for _, m := range state.Members {
		for _, p := range m.Partitions {
			owners[p] = m.ID
		}
	}
	for _, one := range all {
		next, err := g.forecast(ctx, one, one.Committed, noRecords)
		if err != nil {
			return nil, err
		}
		p := g.partitionOf(one, next)
		p.Member = owners[consumer.Position{Topic: one.Topic, Partition: one.Partition}]
		r.Partitions = append(r.Partitions, p)
	}
	return r, nil
}

func (g *Group) statusOf(state consumer.GroupState) Status {
	s := Status{Group: g.Name, State: state.State, Active: state.Active(), Strategy: state.Strategy, Coordinator: state.Coordinator, Members: []Member{}}
	for _, m := range state.Members {
		s.Members = append(s.Members, Member{ID: m.ID, ClientID: m.ClientID, Host: m.Host, Foreign: m.Foreign, Partitions: len(m.Partitions)})
	}
	return s
}

func (g *Group) partitionOf(one surveyed, next Next) Partition {
	p := Partition{Topic: one.Topic, Partition: one.Partition, LogStart: one.LogStart, LogEnd: one.HighWatermark, LastStable: one.LastStable, Next: next}
	if one.Committed >= 0 {
		p.Committed = &one.Committed
	}
	end := one.HighWatermark
	if g.Isolation == consumer.ReadCommitted {
		end = one.LastStable
		p.OpenTransaction = max(0, one.HighWatermark-end)
	}
	p.Lag = max(0, end-max(one.Committed, one.LogStart))
	if one.known.InLedger {
		p.Ledger = &Ledger{Epoch: one.known.Epoch, Reached: one.known.Reached}
	}
	return p
}
