package consumer

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
)

// The memory of the fetch responses that all readers hold together. Kafka returns
// at least one whole batch, also above the limit of the request. So a limit for
// each partition bounds nothing when there are hundreds of them.
const (
	fetchMemory  = 32 << 20
	lookupMemory = 4 << 20 // of readers that look at one record
)

// responseMemory is the room for fetch responses. A response takes its room when
// its size is known and before its bytes are read: until then it waits in the
// socket and in the broker. Safe for concurrent use.
type responseMemory struct {
	total int64
	room  *semaphore.Weighted

	mu         sync.Mutex
	spare      [][]byte // buffers for the next responses
	spareBytes int64
}

func newResponseMemory(total int64) *responseMemory {
	return &responseMemory{total: total, room: semaphore.NewWeighted(total)}
}

// share is what a response of this size takes. One that is larger than the total
// takes everything: it can be read only while no other one is held.
func (m *responseMemory) share(size int) int64 { return min(int64(size), m.total) }

// take waits for the room of a response and returns an empty buffer for it. The
// error is ctx's.
func (m *responseMemory) take(ctx context.Context, size int) ([]byte, error) {
	if err := m.room.Acquire(ctx, m.share(size)); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, b := range m.spare {
		if cap(b) >= size {
			m.spare = slices.Delete(m.spare, i, i+1)
			m.spareBytes -= int64(cap(b))
			return b[:0], nil
		}
	}
	if int64(size) > m.total {
		return nil, nil // grows with its bytes: the announced length is not trusted
	}
	const step = 64 << 10 // so that a buffer fits the next response too
	return make([]byte, 0, (size+step-1)/step*step), nil
}

// give returns the room of a response, and its buffer for another one. At most a
// quarter of the total is kept.
func (m *responseMemory) give(buffer []byte, size int) {
	m.mu.Lock()
	if bytes := int64(cap(buffer)); bytes > 0 && bytes <= m.total/4 {
		for len(m.spare) > 0 && m.spareBytes+bytes > m.total/4 {
			m.spareBytes -= int64(cap(m.spare[0]))
			m.spare = slices.Delete(m.spare, 0, 1)
		}
		m.spare, m.spareBytes = append(m.spare, buffer[:0]), m.spareBytes+bytes
	}
	m.mu.Unlock()
	m.room.Release(m.share(size))
}
