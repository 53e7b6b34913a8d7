package pipeline

import (
	"fmt"
	"sync"
	"time"

	"github.com/pianola/pianola/sink"
)

// Pulse knows when each loop of the flow last made a step, for /livez: a
// heartbeat to Kafka proves nothing, since the client's own goroutine sends it
// while a worker hangs. It looks at nothing outside the process, so that an
// outage elsewhere never restarts this one. Safe for concurrent use.
type Pulse struct {
	limit time.Duration
	now   func() time.Time

	mu    sync.Mutex
	beats map[*beat]struct{}
}

type beat struct {
	pulse   *Pulse
	name    string
	last    time.Time
	waiting bool // for something bounded elsewhere: room at the gate, a record
}

// NewPulse makes a pulse that calls a loop dead when it has neither stepped nor
// waited for limit.
func NewPulse(limit time.Duration, now func() time.Time) *Pulse {
	return &Pulse{limit: limit, now: now, beats: map[*beat]struct{}{}}
}

// Check names the loops that have stopped, or returns nil.
func (p *Pulse) Check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for b := range p.beats {
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
func (p *Pulse) Watch(hooks sink.Hooks) sink.Hooks {
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
func (p *Pulse) touch(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for b := range p.beats {
		if b.name == name {
			b.last = p.now()
		}
	}
}

func (p *Pulse) start(name string) *beat {
	b := &beat{pulse: p, name: name, last: p.now()}
	p.mu.Lock()
	p.beats[b] = struct{}{}
	p.mu.Unlock()
	return b
}

// step says that the loop is working from now on.
func (b *beat) step() { b.set(false) }

// wait says that the loop waits for something that others bound or that may
// rightly never come.
func (b *beat) wait() { b.set(true) }

func (b *beat) set(waiting bool) {
	b.pulse.mu.Lock()
	b.last, b.waiting = b.pulse.now(), waiting
	b.pulse.mu.Unlock()
}

func (b *beat) stop() {
	b.pulse.mu.Lock()
	delete(b.pulse.beats, b)
	b.pulse.mu.Unlock()
}
