package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// Assignment is a partition that was given to this member, and the facts about
// it at that time, by which lost messages are recognised.
type Assignment struct {
	Topic     string
	Partition int32

	Committed     int64 // the group's position; -1 where it has none
	LogStart      int64 // the first offset that the broker still holds
	HighWatermark int64
	LastStable    int64
}

// Position is the offset to read next of a partition.
type Position struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Generation is one membership of the group. A member may be assigned nothing:
// there are more members than partitions. Its methods may be called from several
// goroutines.
type Generation struct {
	ID          int32
	MemberID    string
	Assignments []Assignment // by topic as configured, then partition

	draining <-chan struct{}
	group    *kafka.Generation
	hooks    Hooks
	broken   chan struct{} // closed when a commit fails

	mu  sync.Mutex
	end error // why the generation takes no more commits
}

// Draining is closed when Run is to end. The generation goes on living: the
// handler stops fetching, finishes and commits what it has, and returns nil;
// then the member leaves the group.
func (g *Generation) Draining() <-chan struct{} { return g.draining }

// Commit makes positions the group's, with empty metadata, in this generation:
// a broker refuses it once others own the partitions. After the generation's
// context has ended it is worth one try, since brokers take it until the
// rebalance completes. Any error ends the generation, whatever it was, because
// the connection is not to be trusted after it (kafka-go issue 1079); the error
// is ErrGenerationEnded, and whether the commit took place is unknown.
//
// The call waits for the broker no longer than kafka.request_timeout and one
// heartbeat interval; ctx is looked at before.
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

var errReturned = errors.New("its handler has returned")

// retire makes later commits fail: the group may be in its next generation.
func (g *Generation) retire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.end == nil {
		g.end = errReturned
	}
}
