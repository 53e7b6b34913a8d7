package pipeline

import (
	"fmt"
	"sync"
	"time"

	"github.com/pianola/pianola/sink"
)

// Watchdog knows when each loop of the flow last made a step, for /livez: a
// heartbeat to Kafka proves nothing, since the client's own goroutine sends it
// while a worker hangs. It looks at nothing outside the process, so that an
// outage elsewhere never restarts this one. Safe for concurrent use.
type Watchdog struct {
	limit time.Duration
	now   func() time.Time

	mu         sync.Mutex
	heartbeats map[*heartbeat]struct{}
}

type heartbeat struct {
	watchdog *Watchdog
	name     string
	last     time.Time
	waiting  bool // for something bounded elsewhere: room at the gate, a record
}

// NewWatchdog makes a watchdog that calls a loop dead when it has neither stepped nor
// waited for limit.
func NewWatchdog(limit time.Duration, now func() time.Time) *Watchdog {
	return &Watchdog{limit: limit, now: now, heartbeats: map[*heartbeat]struct{}{}}
}

// Check names the loops that have stopped, or returns nil.
func (p *Watchdog) Check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for b := range p.heartbeats {
		if silent := p.now().Sub(b.last); !b.waiting && silent > p.limit {
			return fmt.Errorf("%s has made no step for %v (limit %v): restart this process",
				b.name, silent.Round(time.Second), p.limit)
		}
	}
	return nil
}

// flusherLoop is the flusher's name here.
const flusherLoop = "flusher"

// Watch lets the flusher's steps inside of the sink count: a flush lasts for as
// long as ClickHouse is away, and each attempt in it is bounded. Hooks are the
// writer's, and go on doing what they did.
func (p *Watchdog) SinkHooks(hooks sink.Hooks) sink.Hooks {
	insert, retry := hooks.OnInsert, hooks.OnRetry
	hooks.OnInsert = func(table string, rows, bytes int, elapsed time.Duration) {
		p.touch(flusherLoop)
		if insert != nil {
			insert(table, rows, bytes, elapsed)
		}
	}
	hooks.OnRetry = func(class sink.Class, code int32) {
		p.touch(flusherLoop)
		if retry != nil {
			retry(class, code)
		}
	}
	return hooks
}

// touch is a step of a loop that is told from elsewhere.
func (p *Watchdog) touch(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for b := range p.heartbeats {
		if b.name == name {
			b.last = p.now()
		}
	}
}

func (p *Watchdog) watch(name string) *heartbeat {
	b := &heartbeat{watchdog: p, name: name, last: p.now()}
	p.mu.Lock()
	p.heartbeats[b] = struct{}{}
	p.mu.Unlock()
	return b
}

// step says that the loop is working from now on.
func (b *heartbeat) step() { b.set(false) }

// wait says that the loop waits for something that others bound or that may
// rightly never come.
func (b *heartbeat) wait() { b.set(true) }

func (b *heartbeat) set(waiting bool) {
	b.watchdog.mu.Lock()
	b.last, b.waiting = b.watchdog.now(), waiting
	b.watchdog.mu.Unlock()
}

func (b *heartbeat) stop() {
	b.watchdog.mu.Lock()
	delete(b.watchdog.heartbeats, b)
	b.watchdog.mu.Unlock()
}
