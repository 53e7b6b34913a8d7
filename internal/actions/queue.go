package actions

import (
	"context"
	"sync"
)

// queue lets one execution at a time act on a subject in this process. So the second of
// two clicks waits for the first, and sees its result.
type queue struct {
	mu   sync.Mutex // guards busy
	busy map[string]chan struct{}
}

func newQueue() *queue { return &queue{busy: map[string]chan struct{}{}} }

// enter waits for a subject; waited reports whether it had to. leave must be called when
// err is nil.
func (q *queue) enter(ctx context.Context, subject string) (leave func(), waited bool, err error) {
	for {
		q.mu.Lock()
		occupied, ok := q.busy[subject]
		if !ok {
			mine := make(chan struct{})
			q.busy[subject] = mine
			q.mu.Unlock()
			return func() {
				q.mu.Lock()
				delete(q.busy, subject)
				q.mu.Unlock()
				close(mine)
			}, waited, nil
		}
		q.mu.Unlock()
		waited = true
		select {
		case <-occupied:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}
