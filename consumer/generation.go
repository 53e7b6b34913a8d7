package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// Assignment is a partition that is assigned to this member, with its log range
// at that time. The log range shows lost messages.
type Assignment struct {
	Topic     string
	Partition int32

	Committed     int64 // the group's committed offset, or -1
	LogStart      int64 // the first offset that the broker has
	HighWatermark int64
	LastStable    int64
}

// Position is the next offset to read of a partition.
type Position struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Generation is one membership of the group. A member has no assignment when
// there are more members than partitions. Safe for concurrent use.
type Generation struct {
	ID          int32
	MemberID    string
	Assignments []Assignment // by topic as configured, then partition

	draining <-chan struct{}
	group    *kafka.Generation
	hooks    Hooks
	broken   chan struct{} // closed when a commit fails

	mu  sync.Mutex
	end error // why the generation accepts no more commits
}

// Draining is closed when Run must end. The generation stays alive: the handler
// stops fetching, finishes and commits what it has, and returns nil. Then the
// member leaves the group.
func (g *Generation) Draining() <-chan struct{} { return g.draining }

// Commit commits positions in this generation, with empty metadata. A broker
// refuses the commit after other members own the partitions. After the
// generation's context has ended one try is useful, because brokers accept it
// until the rebalance completes. Any error ends the generation, because the
// connection cannot be trusted after it (kafka-go issue 1079). The error is
// ErrGenerationEnded, and it is unknown whether the broker committed.
//
// The call waits at most kafka.request_timeout and one heartbeat interval. It
// checks ctx only at the start.
func (g *Generation) Commit(ctx context.Context, positions []Position) error {
	if len(positions) == 0 {
		return nil
	}
	offsets := make(map[string]map[int]int64)
	for _, p := range positions {
		if offsets[p.Topic] == nil {
			offsets[p.Topic] = make(map[int]int64)
		}
		offsets[p.Topic][int(p.Partition)] = p.Offset
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	if g.end != nil {
		return fmt.Errorf("commit in generation %d: %w: %w", g.ID, ErrGenerationEnded, g.end)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit in generation %d: %w", g.ID, err)
	}
	start := time.Now()
	err := g.group.CommitOffsets(offsets)
	g.hooks.commit(len(positions), time.Since(start), err)
	if err != nil {
		g.end = err
		close(g.broken)
		return fmt.Errorf("commit in generation %d: %w: %w", g.ID, ErrGenerationEnded, err)
	}
	return nil
}

var errReturned = errors.New("handler has returned")

// retire makes later commits fail: the group may be in its next generation.
func (g *Generation) retire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.end == nil {
		g.end = errReturned
	}
}
