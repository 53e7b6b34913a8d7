package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/describegroups"
)

// The states of a group without members, by Kafka's names. Only they allow a commit from
// outside. Kafka calls a group Dead that it does not know.
const (
	stateEmpty = "Empty"
	stateDead  = "Dead"
)

// GroupState is the configured group at one time.
type GroupState struct {
	State       string // Kafka's name of it: Empty, Stable, PreparingRebalance, CompletingRebalance, Dead
	Strategy    string // that assigns the partitions; empty without members
	Coordinator string // host:port
	Members     []Member
}

// Member is one member of a group.
type Member struct {
	ID       string
	ClientID string
	Host     string
	// Foreign reports a member of another application: its client id is not
	// kafka.client_id.
	Foreign bool
	// Partitions are its assignment, as positions without offset. It is empty during a
	// rebalance.
	Partitions []Position
}

// Active reports whether the group may have members. Their commits would undo an offset
// that is set from outside. A state that this version does not know counts as active.
func (g GroupState) Active() bool {
	return len(g.Members) > 0 || g.State != stateEmpty && g.State != stateDead
}

// Describe returns the state of the configured group. It retries as Offsets does. A group
// whose members use Kafka's newer consumer protocol looks Dead; its broker refuses
// CommitOffsets while it has members.
func (c *Consumer) Describe(ctx context.Context) (GroupState, error) {
	within, cancel := context.WithTimeout(ctx, 3*c.cfg.RequestTimeout)
	defer cancel()
	var state GroupState
	err := c.retryLookup(within, "", 0, func() (err error) {
		state, err = c.describe(within)
		return err
	})
	if err != nil {
		return GroupState{}, c.explainGroup(classify(err), err)
	}
	_, state.Coordinator, err = c.coordinator(ctx)
	if err != nil {
		return GroupState{}, c.explainGroup(classify(err), err)
	}
	return state, nil
}

// describe asks the coordinator once.
func (c *Consumer) describe(ctx context.Context) (GroupState, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	var response *describegroups.Response
	err := c.roundTrip(ctx, &toCoordinator{group: c.cfg.Group, exchange: exchange{
		ctx: ctx, client: c.cfg.ClientID, body: &describegroups.Request{Groups: []string{c.cfg.Group}},
		read: readInto(protocol.DescribeGroups, &response),
	}})
	if err == nil && len(response.Groups) != 1 {
		err = errCorrelation
	}
	if err == nil && response.Groups[0].ErrorCode != 0 {
		err = kafka.Error(response.Groups[0].ErrorCode)
	}
	if errors.Is(err, kafka.GroupIdNotFound) {
		return GroupState{State: stateDead}, nil
	}
	if err != nil {
		return GroupState{}, fmt.Errorf("describe group %s: %w", c.cfg.Group, err)
	}
	group := response.Groups[0]
	state := GroupState{State: group.GroupState, Strategy: group.ProtocolData}
	for _, m := range group.Members {
		state.Members = append(state.Members, Member{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost,
			Foreign: m.ClientID != c.cfg.ClientID, Partitions: assignmentOf(m.MemberAssignment)})
	}
	slices.SortFunc(state.Members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.ID, b.ID))
	})
	return state, nil
}

// assignmentOf decodes the assignment of a member: Kafka's consumer protocol, version 0
// and its extensions. It returns nil for another protocol, such as Kafka Connect's.
func assignmentOf(encoded []byte) []Position {
	w := wire{rest: encoded}
	_ = w.int16() // the version; later ones only append
	var all []Position
	for n := w.int32(); n > 0 && !w.failed; n-- {
		topic := string(w.string16())
		for p := w.int32(); p > 0 && !w.failed; p-- {
			all = append(all, Position{Topic: topic, Partition: w.int32()})
		}
	}
	slices.SortFunc(all, func(a, b Position) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	if w.failed {
		return nil
	}
	return all
}
