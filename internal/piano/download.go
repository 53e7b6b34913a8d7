package piano

import (
	"context"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
)

// fetches is how often a file is fetched that does not come whole: Piano has perhaps
// taken an hour to make it, and a connection breaks in a moment.
const fetches = 3

// download fetches the file of an export, with the client's pauses between the
// attempts, before each of which begin is called.
func (c *Client) download(ctx context.Context, id string, begin func() (io.Writer, error)) error {
	growing := backoff.NewExponentialBackOff()
	growing.InitialInterval, growing.MaxInterval = c.cfg.Retry.Initial, c.cfg.Retry.Max
	pause := &pauses{BackOff: growing}
	attempt := 0
	var again bool
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		attempt++
		pause.told, again, last = c.fetch(ctx, id, begin)
		if last != nil && !again {
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	},
		backoff.WithBackOff(pause), backoff.WithMaxTries(fetches), backoff.WithMaxElapsedTime(0), // ctx bounds it
		backoff.WithNotify(func(_ error, wait time.Duration) {
			c.log.Warn("the file of an export did not come whole and is fetched again",
				zap.Int("attempt", attempt), zap.Duration("wait", wait), zap.Error(last))
		}))
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil && again {
		return endedIn(ended, last)
	}
	return last
}
