package reconcile

import (
	"context"
	"time"
)

// askBegan asks when the stream began: with its first messages, wherever in the log
// they stand. A producer that fills a topic from its history may do so subscription by
// subscription.
//
// A record's timestamp is what its producer says, and one of 1970 must not put the
// beginning before every life there is. So a message is never taken to be older than
// the event that it tells, and it is not the first of the times that counts but the
// third (of fewer than five messages the middle one). The ledger does not serve: of the
// times it has only that of the last message of a flush, which in a backlog is months
// after the first.
//
// Rows of files have no message time: they count only where there is nothing else.
// Without any event nothing is before the stream: that all of it is missing must not
// look like agreement.
func (c *comparing) askBegan(ctx context.Context) error {
	events := c.store.tables.Table("subscription_events")
	// A row may be there more than once until ClickHouse has merged, though not hundreds
	// of times: hence the ids, and so many rows.
	return c.store.readOne(ctx, "ask when the stream began", `SELECT if(notEmpty(first), first[least(3, intDiv(length(first) + 1, 2))], files.began)
FROM
(
	SELECT arraySort(groupArray(sent)) AS first FROM
	(
		SELECT DISTINCT sent, event_id FROM
		(
			SELECT greatest(toInt64(intDiv(version, 1048576)), toUnixTimestamp64Milli(event_timestamp)) AS sent, event_id
			FROM `+events+` WHERE version >= 1048576 ORDER BY sent LIMIT 1000
		)
	)
) AS messages
CROSS JOIN (SELECT toUnixTimestamp64Milli(min(event_timestamp)) AS began FROM `+events+`) AS files`, nil, &c.began)
}

// streamBegan is what askBegan was told; nil where there is no event.
func (c *comparing) streamBegan() *time.Time {
	if c.began == 0 {
		return nil
	}
	at := time.UnixMilli(c.began).UTC()
	return &at
}
