package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// TestFlow_NeverCommitsWhatIsNotDurable plays generations of up to three members
// against a broker and a ClickHouse that fail in every way, one after another, and
// then a quiet one of one member. A member may miss the end of its
// generation and continue beside the next owners of its partitions. At every commit all
// that lies below it must be durable, and in the end everything is (contract §4).
func TestFlow_NeverCommitsWhatIsNotDurable(t *testing.T) {
	// rapid draws a hundred schedules by default.
	const hundreds = 20
	for i := range hundreds {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				m := drawModel(r)
				synctest.Test(t, func(*testing.T) { m.play() })
				if m.broken != "" {
					r.Fatal(m.broken)
				}
			})
		})
	}
}

// outcome is the outcome of a flush or a commit.
type outcome int

const (
	succeeds    outcome = iota
	hangs               // until its context ends; nothing has happened
	hangsDone           // until its context ends; all has happened
	failsFinal          // nothing has happened, and the flow is to stop
	failsDone           // all has happened, and the caller does not hear of it
	kindsOfThem         // how many there are
)

// ending is how a generation ends.
type ending int

const (
	lost ending = iota
	drained
	laneFails
	unheard // the member learns of it by a refused commit, or when its session is over
	endings
)

// life is one member's fate in one generation.
type life struct {
	partitions []int32
	flushes    []outcome // one after another, then they succeed
	commits    []outcome // the same; those that hang fail
	ending     ending
}

// epoch is one generation: its members begin together, and end together after a
// time as far as they hear of it.
type epoch struct {
	members []life
	after   time.Duration
}

// model is what broker and tables hold, and the plan that the test plays.
type model struct {
	logs    [][]bool // by partition, then offset: whether there is a record
	fetch   int      // offsets that one fetch covers
	maxRows int
	epochs  []epoch

	mu         sync.Mutex
	generation int // the group's; only its members may commit
	durable    []map[int64]bool
	committed  []int64
	broken     string
}

func drawModel(r *rapid.T) *model {
	m := &model{
		fetch:   rapid.IntRange(1, 9).Draw(r, "fetch"),
		maxRows: rapid.IntRange(1, 20).Draw(r, "max rows"),
	}
	for range rapid.IntRange(0, 4).Draw(r, "partitions") {
		m.logs = append(m.logs, rapid.SliceOfN(rapid.Bool(), 0, 60).Draw(r, "log"))
		m.durable = append(m.durable, map[int64]bool{})
		m.committed = append(m.committed, 0)
	}
	fate := rapid.Map(rapid.IntRange(0, 2*int(kindsOfThem)), func(n int) outcome {
		if n >= int(kindsOfThem) {
			return succeeds
		}
		return outcome(n)
	})
	for range rapid.IntRange(1, 5).Draw(r, "generations") {
		e := epoch{
			members: make([]life, rapid.IntRange(1, 3).Draw(r, "members")),
			after:   time.Duration(rapid.IntRange(0, 5000).Draw(r, "after ms")) * time.Millisecond,
		}
		for p := range m.logs {
			owner := rapid.IntRange(0, len(e.members)-1).Draw(r, "owner")
			e.members[owner].partitions = append(e.members[owner].partitions, int32(p))
		}
		for i := range e.members {
			e.members[i].flushes = rapid.SliceOfN(fate, 0, 6).Draw(r, "flushes")
			e.members[i].commits = rapid.SliceOfN(fate, 0, 6).Draw(r, "commits")
			e.members[i].ending = ending(rapid.IntRange(0, int(endings)-1).Draw(r, "ending"))
		}
		m.epochs = append(m.epochs, e)
	}
	return m
}

func (m *model) fail(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken == "" {
		m.broken = fmt.Sprintf(format, args...)
	}
}

func (m *model) play() {
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		m.fail("%v", err)
		return
	}
	quiet := epoch{members: []life{{ending: drained}}, after: time.Minute}
	for p := range m.logs {
		quiet.members[0].partitions = append(quiet.members[0].partitions, int32(p))
	}
	var unheardOf sync.WaitGroup
	for _, e := range append(m.epochs, quiet) {
		m.mu.Lock()
		m.generation++
		m.mu.Unlock()
		var members sync.WaitGroup
		for _, l := range e.members {
			group := &members
			if l.ending == unheard {
				group = &unheardOf
			}
			next := map[int32]int64{} // where the next part of a partition must begin
			m.mu.Lock()
			for _, p := range l.partitions {
				next[p] = m.committed[p]
			}
			generation := m.generation
			m.mu.Unlock()
			group.Go(func() { m.member(rules, generation, e.after, l, next) })
		}
		members.Wait()
		end := time.NewTimer(e.after) // a generation of members that hear nothing lasts as long
		<-end.C
	}
	unheardOf.Wait()
	for p, log := range m.logs {
		if m.committed[p] != int64(len(log)) {
			m.fail("partition %d: committed %d of %d in the end", p, m.committed[p], len(log))
		}
	}
}

var errLane = errors.New("the partition cannot be read")

// member is one member's part in one generation.
func (m *model) member(rules *transform.Rules, generation int, after time.Duration, l life, next map[int32]int64) {
	config := Defaults()
	config.MaxRows = m.maxRows
	flow := New(config, Deps{Rules: rules, Metrics: NewMetrics(prometheus.NewRegistry(), time.Now),
		Watchdog: NewWatchdog(time.Hour, time.Now), Now: time.Now, Log: zap.NewNop()})
	var lanes []*lane
	for _, p := range l.partitions {
		lanes = append(lanes, newLane(consumer.Assignment{Topic: "t", Partition: p}, startPosition{offset: next[p]}))
	}
	take := func(plan *[]outcome) outcome {
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(*plan) == 0 {
			return succeeds
		}
		one := (*plan)[0]
		*plan = (*plan)[1:]
		return one
	}
	flow.sink = &fakeSink{flush: func(ctx context.Context, b *sink.Batch) error {
		return m.flush(ctx, b, take(&l.flushes), next)
	}}

	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	draining, failing := make(chan struct{}), make(chan struct{})
	result := make(chan error, 1)
	began := time.Now()
	go func() {
		result <- flow.work(ctx, draining, commits(func(_ context.Context, positions []consumer.Position) error {
			return m.commit(generation, positions, take(&l.commits))
		}), lanes, func(ctx context.Context, l *lane, g *limiter) error { return m.read(ctx, flow, l, g, failing) })
	}()

	const shutdown, session = 30 * time.Second, 30 * time.Second
	end := time.NewTimer(after)
	select {
	case <-result:
		return
	case <-end.C:
	}
	bound := config.InsertGrace
	switch l.ending {
	case lost:
		cancel(errors.New("rebalance"))
	case drained:
		close(draining)
		bound = shutdown
		defer time.AfterFunc(shutdown, func() { cancel(consumer.ErrDrainTimeout) }).Stop()
	case laneFails:
		// Lanes that wait for room meet no failure: then the generation is lost.
		close(failing)
		fallthrough
	default:
		bound += session
		defer time.AfterFunc(session, func() { cancel(errors.New("rebalance")) }).Stop()
	}
	ended := time.Now()
	<-result
	if took := time.Since(ended); took > bound {
		m.fail("a generation that began %v ago ran for %v after its end, its bound is %v", time.Since(began), took, bound)
	}
}

// commits is a Generation made of a function.
type commits func(context.Context, []consumer.Position) error

func (c commits) Commit(ctx context.Context, positions []consumer.Position) error {
	return c(ctx, positions)
}

// read is a lane that fetches from the log until its context ends.
func (m *model) read(ctx context.Context, flow *Flow, l *lane, g *limiter, failing <-chan struct{}) error {
	worker, beat := flow.rules.NewWorker(), flow.watchdog.watch("lane")
	defer beat.stop()
	log := m.logs[l.partition]
	for at := l.start; ; {
		set := &consumer.RecordSet{StartOffset: at, NextOffset: min(at+int64(m.fetch), int64(len(log)))}
		for offset := at; offset < set.NextOffset; offset++ {
			if log[offset] {
				set.Records = append(set.Records, consumer.Record{Offset: offset, Timestamp: offset, Value: told(offset)})
			}
		}
		at = set.NextOffset
		wait := 10 * time.Millisecond // a fetch
		if len(set.Records) == 0 {
			wait = time.Second
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-failing:
			return errLane
		case <-ctx.Done():
			return nil
		}
		if err := l.fill(ctx, flow, g, worker, set, beat); err != nil {
			return nil
		}
	}
}

// told is a message that is stored, refused or a tombstone.
func told(offset int64) []byte {
	switch offset % 5 {
	case 3:
		return []byte(`{}`)
	case 4:
		return nil
	default:
		return fmt.Appendf(nil, `{"subscription_id":"s%d","event_timestamp":1750000000,"subscription_action":"Renewed"}`, offset)
	}
}

func (m *model) flush(ctx context.Context, b *sink.Batch, fate outcome, next map[int32]int64) error {
	switch fate {
	case hangs:
		<-ctx.Done()
		return ctx.Err()
	case failsFinal:
		return errors.New("the table is gone")
	}
	rows := 0
	for _, p := range b.Parts {
		l := &p.Ledger
		if l.StartOffset != next[l.Partition] {
			m.fail("partition %d: a part begins at %d, the last ended at %d", l.Partition, l.StartOffset, next[l.Partition])
		}
		next[l.Partition] = l.NextOffset
		m.account(p)
		rows += int(l.Messages)
	}
	if rows > m.maxRows {
		m.fail("a batch of %d messages, the limit is %d", rows, m.maxRows)
	}
	switch fate {
	case hangsDone:
		<-ctx.Done()
		return ctx.Err()
	case failsDone:
		return errors.New("the answer makes no sense")
	}
	return nil
}

// account holds a part's ledger against the log, and keeps what it says.
func (m *model) account(p *sink.Part) {
	l := &p.Ledger
	records := uint64(0)
	m.mu.Lock()
	for offset := l.StartOffset; offset < l.NextOffset; offset++ {
		m.durable[l.Partition][offset] = true
		if m.logs[l.Partition][offset] {
			records++
		}
	}
	m.mu.Unlock()
	if l.Messages != records || l.Stored+l.Filtered+l.DeadLettered+l.Skipped != records ||
		uint64(p.Chunk.Rows()) != l.Stored || uint64(len(p.DeadLetters)) != l.DeadLettered {
		m.fail("partition %d, [%d, %d) with %d records does not balance: %+v", l.Partition, l.StartOffset, l.NextOffset, records, *l)
	}
}

func (m *model) commit(generation int, positions []consumer.Position, fate outcome) error {
	if fate == hangs || fate == failsFinal {
		return consumer.ErrGenerationEnded
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if generation != m.generation {
		return consumer.ErrGenerationEnded
	}
	for _, p := range positions {
		for offset := range p.Offset {
			if !m.durable[p.Partition][offset] && m.broken == "" {
				m.broken = fmt.Sprintf("partition %d: %d was committed, and %d is nowhere", p.Partition, p.Offset, offset)
			}
		}
		m.committed[p.Partition] = p.Offset
	}
	if fate != succeeds {
		return consumer.ErrGenerationEnded
	}
	return nil
}
