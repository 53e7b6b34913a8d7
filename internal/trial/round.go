package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/line"
)

const partitions = 6 // of a topic, unless a trial says otherwise

// partitionsOf is how many partitions the topic of a round has; the seed chooses,
// so that rounds in a row try them all.
func (t Trial) partitionsOf(seed uint64) int {
	if len(t.partitions) == 0 {
		return partitions
	}
	return t.partitions[seed%uint64(len(t.partitions))]
}

// patience bounds every wait for something that has to come.
const patience = 2 * time.Minute

// round is one world on its way through the processes that a trial starts.
type round struct {
	stage *Stage
	seed  uint64
	dice  *rand.Rand
	world *world.World
	truth *world.Truth
	cfg   config.Config // what the processes get, and the audit
	conn  driver.Conn   // of who asks; no fault is on its way

	topic       string
	generations generations
	tell        func(context.Context, *round) error
	running     []*process         // all that have been started
	server      *clickHouseProcess // the round's own ClickHouse; nil where it is the stage's
	line        *line.Line         // to ClickHouse; nil without
	protocol    string             // to ClickHouse: native or http
	settings    map[string]string  // the trial's own, by key path
	tally       map[string]int
	before      map[string]int // the tally of the trial's rounds before this one
	told        map[string]int // by the publisher, which runs beside the trial
	plain       bool           // the processes have their defaults
	peak        int64          // resident bytes of the processes that were watched
	growth      string         // of the process that was watched for it
	hurryUp     atomic.Bool    // the trial is over: the publisher need not keep its pace
	refused     refused        // rows, by ClickHouse
	ready       chan struct{}  // closed by a publisher that wants no consumer before
	held        atomic.Bool    // the ledger stands before a transaction that is open
	// ends are the offsets at which each partition ends; nil until the publisher
	// knows, where it is the broker that decides.
	ends atomic.Pointer[[]int64]

	portion portion // of the world, where a trial deals it out
}

// newRound makes the world, topic and database. The caller closes the round.
func (s *Stage) newRound(ctx context.Context, t Trial, seed uint64, subscribers int) (*round, error) {
	s.rounds++
	name := fmt.Sprintf("%s_%d", strings.ReplaceAll(t.Name, "-", "_"), s.rounds) // of a database too
	c := world.Defaults()
	c.Seed, c.Subscribers, c.Topic, c.Partitions = seed, subscribers, name, t.partitionsOf(seed)
	w, err := world.New(c)
	if err != nil {
		return nil, err
	}
	r := &round{
		stage: s, seed: seed, dice: rand.New(rand.NewPCG(seed, 9)), world: w, truth: w.Truth(), topic: name,
		protocol: protocol(seed), settings: t.settings, tally: map[string]int{}, told: map[string]int{}, ready: make(chan struct{}), tell: tellPlainly,
		plain: t.plain,
	}
	if r.ends.Store(&r.truth.Ends); t.tell != nil {
		r.tell = t.tell
		r.ends.Store(nil)
	}
	if err := r.makeTopic(ctx); err != nil {
		return nil, err
	}
	r.cfg = s.settings(w, name)
	if isolation, set := t.settings["kafka.isolation"]; set {
		r.cfg.Kafka.Isolation = isolation
	}
	if t.server != nil && (!t.serverInTurn || seed/2%2 == 0) {
		if r.server, err = t.server(ctx, s, filepath.Join(s.dir, name)); err != nil {
			return nil, err
		}
		r.cfg.ClickHouse.Addr = []string{r.server.native}
	}
	if err := r.openDatabase(ctx); err != nil {
		r.close()
		return nil, err
	}
	if t.line {
		if r.line, err = line.New(name, "127.0.0.1:0", r.clickHouseAddr()); err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

func (r *round) makeTopic(ctx context.Context) error {
	topicConfig := map[string]*string{"retention.ms": text("-1"), "max.message.bytes": text(strconv.Itoa(8 << 20))}
	made, err := r.stage.admin.CreateTopic(ctx, int32(r.world.Config().Partitions), 1, topicConfig, r.topic)
	if err := errors.Join(err, made.Err); err != nil {
		return fmt.Errorf("create topic %s: %w", r.topic, err)
	}
	return nil
}

// openDatabase makes the round's tables, and the connection of who asks.
func (r *round) openDatabase(ctx context.Context) error {
	if err := sandbox.Migrate(ctx, r.cfg, zap.NewNop()); err != nil {
		return err
	}
	options := r.cfg.ClickHouseOptions()
	options.Auth.Database = r.cfg.ClickHouse.Database // for who asks; the service names it in every statement
	options.ReadTimeout = patience                    // a large table is told while all else is busy
	conn, err := clickhouse.Open(options)
	if err != nil {
		return fmt.Errorf("connect to ClickHouse: %w", err)
	}
	r.conn = conn
	return nil
}

func text(s string) *string { return &s }

// close kills what is still running.
func (r *round) close() {
	for _, p := range r.running {
		p.kill()
	}
	if r.line != nil {
		r.line.Close()
	}
	if r.conn != nil {
		_ = r.conn.Close() // nothing was written
	}
	if r.server != nil {
		r.server.close()
	}
}

func (r *round) start(name string) (*process, error) {
	j := &journal{generations: &r.generations}
	if r.stage.secured != nil {
		j.secrets = r.stage.secured.secrets
	}
	p, err := startProcess(r.stage.binary, name, r.environment(name), j)
	if err == nil {
		r.running = append(r.running, p)
	}
	return p, err
}

// play tells the world while the trial is at work, and then brings both to an
// end: whatever the trial has left running is stopped in order, and one process
// more reads what is left. The number is that of the faults.
func (r *round) play(ctx context.Context, trial func(context.Context, *round, bounds) (int, error), b bounds) (int, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.tell(ctx, r) })
	faults := 0
	group.Go(func() error {
		var err error
		if faults, err = trial(ctx, r, b); err != nil {
			return err
		}
		for _, p := range r.running {
			if p.alive() != nil {
				continue // the trial's own doing, or it would have said so
			}
			p.terminate()
			if err := p.drained(ctx); err != nil {
				return err
			}
		}
		last, err := r.start("last")
		if err != nil {
			return err
		}
		if err := r.until(ctx, "every message committed", []*process{last}, r.committed); err != nil {
			return err
		}
		last.terminate()
		return last.drained(ctx)
	})
	return faults, group.Wait()
}

// until waits for something that has to come while the processes live.
func (r *round) until(ctx context.Context, what string, processes []*process, holds func(context.Context) (bool, error)) error {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := holds(bounded); ok || err != nil && bounded.Err() == nil {
			return err
		}
		for _, p := range processes {
			if err := p.alive(); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		select {
		case <-ticker.C:
		case <-bounded.Done():
			err := fmt.Errorf("wait for %s: %w", what, bounded.Err())
			for _, p := range processes {
				err = fmt.Errorf("%w\n%s:\n%s", err, p.name, p.journal.tail())
			}
			return err
		}
	}
}

// covered is how many offsets the ledger accounts for, each once.
func (r *round) covered(ctx context.Context) (int64, error) {
	var n int64
	err := r.asked(ctx, func() error {
		return r.conn.QueryRow(ctx, `SELECT sum(next) FROM
  (SELECT max(next_offset) AS next FROM ingest_ledger WHERE source_name = $1 GROUP BY source_partition)`, r.topic).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("read the ledger: %w", err)
	}
	return n, nil
}

// all says whether so many offsets are all that there will ever be.
func (r *round) all(covered int64) bool {
	ends := r.ends.Load()
	if ends == nil {
		return false
	}
	total := int64(0)
	for _, end := range *ends {
		total += end
	}
	return covered >= total
}

// advance waits until the ledger covers more than before, or everything. done says
// that it is everything.
func (r *round) advance(ctx context.Context, before int64, processes ...*process) (done bool, err error) {
	err = r.until(ctx, "the next flush", processes, func(ctx context.Context) (bool, error) {
		now, err := r.covered(ctx)
		done = r.all(now)
		return now > before || done, err
	})
	return done, err
}

// committed says whether the group has committed the end of every partition.
func (r *round) committed(ctx context.Context) (bool, error) {
	ends := r.ends.Load()
	if ends == nil {
		return false, nil
	}
	offsets, err := r.stage.admin.FetchOffsets(ctx, r.cfg.Kafka.Group)
	if err != nil {
		return false, nil //nolint:nilerr // the group is not there yet, or the line is down: asked again
	}
	for p, end := range *ends {
		at, found := offsets.Lookup(r.topic, int32(p))
		if end > 0 && (!found || at.At < end) {
			return false, nil
		}
	}
	return true, nil
}

// pause is a random time below most.
func (r *round) pause(ctx context.Context, most time.Duration) error {
	if !wait(ctx, time.Duration(r.dice.Int64N(int64(most)))) {
		return ctx.Err()
	}
	return nil
}

// wait waits, and says whether ctx lived through it.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
