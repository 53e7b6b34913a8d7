package consumer

import "time"

// LookedAway makes a reader one that has not asked for long.
func (r *Reader) LookedAway() { r.last.answered = time.Time{} }

// CloseIdleConnections makes the next request open a connection.
func (c *Consumer) CloseIdleConnections() { c.transport.CloseIdleConnections() }
