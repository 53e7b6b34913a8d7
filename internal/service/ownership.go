package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pianola/pianola/consumer"
)

// errLost cancels work that only the owner of a partition may do.
var errLost = errors.New("another instance owns the partition now")

// ownership tracks whether this instance owns partition 0 of one topic. Exactly one
// instance of a group owns it, so Kafka elects the instance that does the group's
// single tasks.
//
// After the end of a generation the next usually assigns the same partitions.
// Ownership therefore continues for up to the rebalance timeout. During that time two
// instances may both believe that they are the owner.
type ownership struct {
	topic string
	grace time.Duration

	mu     sync.Mutex
	gained chan struct{}   // closed while this instance is the owner
	life   context.Context // ends when ownership is lost; nil without ownership
	lose   context.CancelCauseFunc
	expiry *time.Timer // runs between two generations
}

func newOwnership(topic string, grace time.Duration) *ownership {
	return &ownership{topic: topic, grace: grace, gained: make(chan struct{})}
}

// watch adds itself to the hooks of the consumer.
func (o *ownership) watch(hooks consumer.Hooks) consumer.Hooks {
	started, ended := hooks.OnGenerationStart, hooks.OnGenerationEnd
	hooks.OnGenerationStart = func(generation int32, assignments []consumer.Assignment) {
		if started != nil {
			started(generation, assignments)
		}
		o.assigned(assignments)
	}
	hooks.OnGenerationEnd = func(generation int32, lasted time.Duration) {
		if ended != nil {
			ended(generation, lasted)
		}
		o.startGrace()
	}
	return hooks
}

func (o *ownership) assigned(assignments []consumer.Assignment) {
	ours := false
	for _, a := range assignments {
		ours = ours || a.Topic == o.topic && a.Partition == 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.expiry != nil {
		o.expiry.Stop()
		o.expiry = nil
	}
	if !ours {
		o.end()
	} else if o.life == nil {
		o.life, o.lose = context.WithCancelCause(context.Background())
		close(o.gained)
	}
}

// startGrace starts the wait for the next generation. Without one, Kafka is
// unreachable, and the group may already have another owner.
func (o *ownership) startGrace() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.life == nil || o.expiry != nil {
		return
	}
	var expiry *time.Timer
	expiry = time.AfterFunc(o.grace, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.expiry == expiry { // no generation started in the meantime
			o.expiry = nil
			o.end()
		}
	})
	o.expiry = expiry
}

// end requires the lock.
func (o *ownership) end() {
	if o.life != nil {
		o.lose(errLost)
		o.life, o.gained = nil, make(chan struct{})
	}
}

// hold waits for ownership. The returned context ends with ctx, or with errLost when
// ownership is lost. The caller must call release. The error is that of ctx.
func (o *ownership) hold(ctx context.Context) (held context.Context, release context.CancelFunc, err error) {
	for ctx.Err() == nil {
		o.mu.Lock()
		gained, life := o.gained, o.life
		o.mu.Unlock()
		if life != nil {
			held, cancel := context.WithCancelCause(ctx)
			stop := context.AfterFunc(life, func() { cancel(errLost) })
			return held, func() { stop(); cancel(nil) }, nil
		}
		select {
		case <-gained:
		case <-ctx.Done():
		}
	}
	return nil, nil, ctx.Err()
}

// poll calls read now and after each interval while this process is the owner. clear
// follows when it is not any more. It blocks until ctx ends.
func (o *ownership) poll(ctx context.Context, interval time.Duration, clear func(), read func(context.Context)) {
	for {
		held, release, err := o.hold(ctx)
		if err != nil {
			return
		}
		ticker := time.NewTicker(interval)
		for held.Err() == nil {
			read(held)
			select {
			case <-ticker.C:
			case <-held.Done():
			}
		}
		ticker.Stop()
		release()
		clear()
	}
}
