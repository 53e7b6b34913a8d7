package figures

import (
	"context"
	"sync"
	"time"
)

// Validity is until when everything that was read with a context may be shown again. It is
// safe for concurrent use.
type Validity struct {
	mu     sync.Mutex
	until  time.Time
	read   bool
	failed bool
}

type validityKey struct{}

// WithValidity returns a context whose reads are noted.
func WithValidity(ctx context.Context) (context.Context, *Validity) {
	v := &Validity{}
	return context.WithValue(ctx, validityKey{}, v), v
}

// Until is when the first of the answers ends. It is false when a read failed, or when
// nothing was read.
func (v *Validity) Until() (time.Time, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.until, v.read && !v.failed
}

// note adds an answer to the validity of the context; t is nil when the read failed.
func note(ctx context.Context, t *Table, keep time.Duration) {
	v, _ := ctx.Value(validityKey{}).(*Validity)
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if t == nil {
		v.failed = true
		return
	}
	if end := t.AsOf.Add(keep); !v.read || end.Before(v.until) {
		v.until = end
	}
	v.read = true
}
