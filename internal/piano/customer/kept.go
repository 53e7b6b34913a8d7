package customer

import (
	"sync"
	"time"
)

const (
	// keepTime is how long what an application has is used before it is read again.
	keepTime = 5 * time.Minute
	// fresh is how old it may be where something is not found in it.
	fresh = 10 * time.Second
)

// kept is what an application has, as last read. One caller at a time reads it.
type kept[T any] struct {
	mu    sync.Mutex // guards the others
	value T
	at    time.Time // zero before the first read
}

// get returns the value, which is not older than maxAge. An error is not kept.
func (k *kept[T]) get(now func() time.Time, maxAge time.Duration, read func() (T, error)) (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.at.IsZero() && now().Sub(k.at) < maxAge {
		return k.value, nil
	}
	at := now()
	value, err := read()
	if err == nil {
		k.value, k.at = value, at
	}
	return value, err
}

// named finds one of the kept things by its id. Where it is not there, they are read again,
// since it may be new.
func named[T any](k *kept[[]T], now func() time.Time, id func(T) string, want string, read func() ([]T, error)) (found T, ok bool, err error) {
	for _, maxAge := range []time.Duration{keepTime, fresh} {
		all, err := k.get(now, maxAge, read)
		if err != nil {
			return found, false, err
		}
		for _, one := range all {
			if id(one) == want {
				return one, true, nil
			}
		}
	}
	return found, false, nil
}
