package piano

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/pianola/pianola/transform"
)

// errMore ends a reading that has found more than was asked for.
var errMore = errors.New("there are more")

// Find gives the subscriptions of one user, each once, as it was read last. At most
// so many; more says that there are others.
//
// Every status is asked for, as in a sweep, and read a second time where rows have
// moved. What goes from one status to another meanwhile is not looked for: it is a
// matter of seconds, and who acts asks again about each (Get).
//
// A row of somebody else's ends it with ErrUnfiltered: an API that does not know
// uid would list everybody.
func (c *Client) Find(ctx context.Context, uid string, most int) (all []Subscription, more bool, err error) {
	known, whose, rows := map[string]int{}, transform.Guard(uid), 0
	take := func(page []Subscription) error {
		for _, one := range page {
			if one.UserID != whose {
				return &Error{Endpoint: listEndpoint, Status: http.StatusOK, cause: ErrUnfiltered}
			}
			if i, again := known[one.ID]; again {
				all[i] = one
				continue
			}
			if len(all) == most {
				return errMore
			}
			known[one.ID] = len(all)
			all = append(all, one)
		}
		// Rows that keep moving are read again, but not for ever. What the page itself
		// says comes first: one page may have more rows than that.
		if rows += len(page); rows > 100*most {
			return &Error{Endpoint: listEndpoint, Status: http.StatusOK, cause: fmt.Errorf("%w: the same subscriptions over and over", ErrShape)}
		}
		return nil
	}
	for _, status := range Statuses() {
		var report SweepReport
		query := url.Values{"uid": {uid}, "status": {status}}
		_, err := c.sweepStatus(ctx, query, take, &report)
		if err == nil && report.Shifts > 0 {
			_, err = c.sweepStatus(ctx, query, take, &report)
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
