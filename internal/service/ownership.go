package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pianola/pianola/consumer"
)

// errLost ends what was done because a partition was this instance's.
var errLost = errors.New("another instance owns the partition now")

// ownership knows whether partition 0 of one topic is this instance's. Of all
// instances of a group one owns it, so that what the group is to do once is done
// once, without another agreement than Kafka's.
//
// A generation that ends is followed by another, mostly with the same partitions:
// ownership outlasts the time between for as long as a rebalance may take. Two
// instances may therefore both believe that they are the owner for that long.
type ownership struct {
	topic string
	grace time.Duration

	mu     sync.Mutex
	gained chan struct{}   // closed while it is ours
	life   context.Context // ends when it is lost; nil while it is not ours
	lose   context.CancelCauseFunc
	expiry *time.Timer // runs between two generations
}

func newOwnership(topic string, grace time.Duration) *ownership {
	return &ownership{topic: topic, grace: grace, gained: make(chan struct{})}
}

// watch has the consumer tell it, beside whom it tells already.
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
		o.between()
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

// between begins the wait for the next generation. Where none comes, Kafka cannot
// be reached, and the group may have another owner already.
func (o *ownership) between() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.life == nil || o.expiry != nil {
		return
	}
	var expiry *time.Timer
	expiry = time.AfterFunc(o.grace, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.expiry == expiry { // no generation has begun meanwhile
			o.expiry = nil
			o.end()
		}
	})
	o.expiry = expiry
}

// end needs the lock.
func (o *ownership) end() {
	if o.life != nil {
		o.lose(errLost)
		o.life, o.gained = nil, make(chan struct{})
	}
}

// hold waits until the partition is ours. The context that it returns is ctx until
// the partition is lost, by errLost; release frees it. An error is ctx's.
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
