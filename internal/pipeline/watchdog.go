package pipeline

import (
	"fmt"
	"sync"
	"time"

	"github.com/pianola/pianola/sink"
)

// Watchdog records when each loop of the flow last made a step, for /livez. A
// heartbeat to Kafka proves nothing: the client's own goroutine sends it while a
// worker hangs. The watchdog looks at nothing outside the process, so an outage
// elsewhere never restarts this process. Safe for concurrent use.
type Watchdog struct {
	limit time.Duration
	now   func() time.Time

	mu         sync.Mutex
	heartbeats map[*heartbeat]struct{}
}

// heartbeat is the last sign of life of one loop.
type heartbeat struct {
	watchdog *Watchdog
	name     string
	last     time.Time
	waiting  bool // for something that is bounded elsewhere: room in the limiter, a record
}

// NewWatchdog returns a watchdog that reports a loop which neither stepped nor
// waited for longer than limit.
func NewWatchdog(limit time.Duration, now func() time.Time) *Watchdog {
	return &Watchdog{limit: limit, now: now, heartbeats: map[*heartbeat]struct{}{}}
}

// Check returns an error that names a stuck loop, or nil.
func (p *Watchdog) Check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for b := range p.heartbeats {
		if silent := p.now().Sub(b.last); !b.waiting && silent > p.limit {
			return fmt.Errorf("%s has made no progress for %v (limit %v): restart this process",
				b.name, silent.Round(time.Second), p.limit)
		}
	}
	return nil
}

// flusherLoop is the name of the flusher.
const flusherLoop = "flusher"

// SinkHooks adds the flusher's heartbeat to the writer's hooks. A flush lasts as
// long as ClickHouse is unavailable, but each attempt in it is bounded.
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

// touch is a step of the loops of this name.
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

// step records that the loop works from now on.
func (b *heartbeat) step() { b.set(false) }

// wait records that the loop waits for something that is bounded elsewhere or may
// never come.
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
