package consumer

import "time"

// LookedAway makes a reader one that has not asked for long.
func (r *Reader) LookedAway() { r.last.answered = time.Time{} }

// CloseIdleConnections makes the next request open a connection.
func (c *Consumer) CloseIdleConnections() { c.transport.CloseIdleConnections() }

// FetchMemoryFull reports whether no response of this size would find room.
func (c *Consumer) FetchMemoryFull(size int64) bool {
	if !c.responses.room.TryAcquire(size) {
		return true
	}
	c.responses.room.Release(size)
	return false
}

// FetchMemory bounds all responses together.
const FetchMemory = fetchMemory
