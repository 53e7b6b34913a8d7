package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/faultproxy"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/tcpproxy"
)

// Partitions is how many partitions a topic has, unless the trial says otherwise.
const Partitions = 6

// Patience bounds every wait for something that has to happen.
const Patience = 2 * time.Minute

// Round is one world that passes through the processes of a scenario.
type Round struct {
	Env   *Env
	Seed  uint64
	Dice  *rand.Rand // of the scenario; the publisher has dice of its own
	World *world.World
	Topic string
	// Partitions is how many the topic has.
	Partitions int
	Protocol   string        // to ClickHouse: native or http
	Config     config.Config // of the processes and of the audit
	Conn       driver.Conn   // of the harness; no fault affects it
	// Settings are the trial's, by key path. A scenario may change them between two
	// starts.
	Settings   map[string]string
	ClickHouse *clickhouse.Server // of the round's own; nil where it is the environment's
	Statements *faultproxy.Proxy  // puts faults into statements; nil without
	Proxy      *tcpproxy.Proxy    // puts faults into connections to ClickHouse; nil without

	// Of the processes that a scenario has watched.
	Peak   int64 // resident bytes
	Growth string

	// Consumer is the one of a scenario with one consumer at a time; nil: none.
	Consumer *Process

	trial   Trial
	truth   *world.Truth
	running []*Process // all that have been started
	closers []func()
	// ends are the offsets at which each partition ends; nil until they are known.
	ends atomic.Pointer[[]int64]

	mu          sync.Mutex
	counted     map[string]int
	generations map[int32]bool // of the consumer group, which processes have logged
}

// newRound makes the world, topic and database. The caller closes the round.
func (e *Env) newRound(ctx context.Context, t Trial, seed uint64, subscribers int) (*Round, error) {
	name := fmt.Sprintf("%s_%d", strings.ReplaceAll(t.Name, "-", "_"), e.rounds.Add(1)) // of a database too
	c := world.Defaults()
	c.Seed, c.Subscribers, c.Topic, c.Partitions = seed, subscribers, name, t.partitions(seed)
	w, err := world.New(c)
	if err != nil {
		return nil, err
	}
	r := &Round{
		Env: e, Seed: seed, Dice: rand.New(rand.NewPCG(seed, 9)), World: w, Topic: name, Partitions: c.Partitions, Protocol: protocol(seed),
		Settings: map[string]string{}, trial: t, truth: w.Truth(), counted: map[string]int{}, generations: map[int32]bool{},
	}
	maps.Copy(r.Settings, t.Settings)
	r.Config = e.config(w, name)
	if isolation, set := t.Settings["kafka.isolation"]; set {
		r.Config.Kafka.Isolation = isolation
	}
	if err := r.prepare(ctx); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *Round) prepare(ctx context.Context) (err error) {
	if err := InOrder(ctx, r.CreateTopic, r.startClickHouse, r.openDatabase); err != nil {
		return err
	}
	if r.trial.Proxied {
		if r.Proxy, err = tcpproxy.New(r.Topic, "127.0.0.1:0", r.clickHouseAddr()); err != nil {
			return err
		}
		r.OnClose(r.Proxy.Close)
	}
	return nil
}

// OnClose adds a function that is called at the end of the round, before those that are
// there.
func (r *Round) OnClose(f func()) { r.closers = append(r.closers, f) }

// Beside is a round with a topic, group and database of its own, and otherwise with
// all that r has. partitions is how many its topic has; 0: as r. The caller ends it.
func (r *Round) Beside(ctx context.Context, name string, partitions int) (beside *Round, end func(), err error) {
	beside = &Round{
		Env: r.Env, Seed: r.Seed, Dice: r.Dice, World: r.World, Topic: r.Topic + "_" + name, Protocol: r.Protocol,
		Settings: r.Settings, Proxy: r.Proxy, Statements: r.Statements, ClickHouse: r.ClickHouse, trial: r.trial, counted: map[string]int{}, generations: map[int32]bool{},
		Partitions: cmp.Or(partitions, r.Partitions),
	}
	beside.Config = r.Env.config(r.World, beside.Topic)
	if err := InOrder(ctx, beside.CreateTopic, beside.openDatabase); err != nil {
		return nil, nil, err
	}
	return beside, func() {
		beside.killAll()
		beside.closeDatabase()
	}, nil
}

// CreateTopic creates the round's topic.
func (r *Round) CreateTopic(ctx context.Context) error {
	keep, size := "-1", strconv.Itoa(8<<20)
	created, err := r.Env.Admin.CreateTopic(ctx, int32(r.Partitions), 1,
		map[string]*string{"retention.ms": &keep, "max.message.bytes": &size}, r.Topic)
	if err := errors.Join(err, created.Err); err != nil {
		return fmt.Errorf("create topic %s: %w", r.Topic, err)
	}
	return nil
}

// openDatabase creates the round's tables and the harness's connection.
func (r *Round) openDatabase(ctx context.Context) error {
	if err := sandbox.Migrate(ctx, r.Config, zap.NewNop()); err != nil {
		return err
	}
	options := r.Config.ClickHouseOptions()
	options.Auth.Database = r.Config.ClickHouse.Database // the service names it in every statement
	options.ReadTimeout = Patience                       // a large table is read while the machine is busy
	conn, err := ch.Open(options)
	if err != nil {
		return fmt.Errorf("connect to ClickHouse: %w", err)
	}
	r.Conn = conn
	return nil
}

// close kills what still runs.
func (r *Round) close() {
	r.killAll()
	r.closeDatabase()
	for _, f := range slices.Backward(r.closers) {
		f()
	}
}

// closeDatabase drops the database: its views would be refreshed during all later rounds.
// The server may be gone already, and the round has its result.
func (r *Round) closeDatabase() {
	if r.Conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = r.Conn.Exec(ctx, "DROP DATABASE IF EXISTS "+r.Config.ClickHouse.Database)
	_ = r.Conn.Close()
}

func (r *Round) killAll() {
	for _, p := range r.running {
		p.Kill()
	}
}

// Truth is what the tables must hold. While a publisher runs that sets it, only the
// publisher may ask.
func (r *Round) Truth() *world.Truth { return r.truth }

// SetTruth replaces the truth, and with it the ends of the partitions.
func (r *Round) SetTruth(truth *world.Truth) {
	r.truth = truth
	r.ends.Store(&truth.Ends)
}

// SetEnds makes known where the partitions end.
func (r *Round) SetEnds(ends []int64) { r.ends.Store(&ends) }

// Published says whether the ends of the partitions are known.
func (r *Round) Published() bool { return r.ends.Load() != nil }

// Count adds to the result how often something was done. It is safe for concurrent use.
func (r *Round) Count(kind string, n int) {
	if n == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counted[kind] += n
}

func (r *Round) counts() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counted)
}

func (r *Round) addGeneration(id int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.generations[id] = true
}

// Generations is how many generations of the consumer group the processes have logged.
func (r *Round) Generations() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.generations)
}

// Exec executes statements past all faults, as a user who may change the schema.
func (r *Round) Exec(ctx context.Context, statements ...string) error {
	for _, one := range statements {
		if err := r.Conn.Exec(ctx, one); err != nil {
			return fmt.Errorf("%s: %w", one, err)
		}
	}
	return nil
}
