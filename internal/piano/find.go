package piano

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/pianola/pianola/transform"
)

// errMore ends a read that has found more than the limit.
var errMore = errors.New("more subscriptions than the limit")

// Find returns at most limit subscriptions of one user, each once, as last read; more
// means that there are others.
//
// It reads every status, as a sweep does, and a second time where rows have shifted. It
// misses a subscription that changes its status meanwhile: that takes seconds, and the
// caller reads each subscription again (Get) before it acts.
//
// A row of another user ends it with ErrUnfiltered: an API that ignores uid would list
// everybody.
func (c *Client) Find(ctx context.Context, uid string, limit int) (all []Subscription, more bool, err error) {
	known, whose, rows := map[string]int{}, transform.Guard(uid), 0
	take := func(page []Subscription) error {
		for _, one := range page {
			if one.Unreadable {
				continue // reported by sweepStatus
			}
			if one.UserID != whose {
				return listError(ErrUnfiltered)
			}
			if i, again := known[one.ID]; again {
				all[i] = one
				continue
			}
			if len(all) == limit {
				return errMore
			}
			known[one.ID] = len(all)
			all = append(all, one)
		}
		// Shifting rows are read again, but not without limit. The page is processed first:
		// one page may have more rows than the limit.
		if rows += len(page); rows > 100*limit {
			return listError(fmt.Errorf("%w: the same subscriptions again and again", ErrShape))
		}
		return nil
	}
	for _, status := range Statuses() {
		var report SweepReport
		query := url.Values{"uid": {uid}, statusParameter: {status}}
		_, err := c.sweepStatus(ctx, query, take, &report)
		if err == nil && report.Shifts > 0 {
			_, err = c.sweepStatus(ctx, query, take, &report)
		}
		if err == nil {
			err = report.Problem // support must see every subscription, or that one is missing
		}
		switch {
		case errors.Is(err, errMore):
			return all, true, nil
		case err != nil:
			return nil, false, err
		}
	}
	return all, false, nil
}
