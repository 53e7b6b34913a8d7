package customer

import "time"

// SetClock puts a test's clock into a client.
func SetClock(c *Client, now func() time.Time) { c.now = now }
