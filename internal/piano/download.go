package piano

import (
	"context"
	"io"
	"time"
)

// fetches is how often a file is fetched that does not come whole: Piano has perhaps
// taken an hour to make it, and a connection breaks in a moment.
const fetches = 3

// download fetches the file of an export, with the client's pauses between the
// attempts, before each of which begin is called. ctx alone bounds it in time.
func (c *Client) download(ctx context.Context, id string, begin func() (io.Writer, error)) error {
	const again = "the file of an export did not come whole and is fetched again"
	return c.repeat(ctx, c.log, again, fetches, 0, func() (time.Duration, bool, error) { return c.fetch(ctx, id, begin) })
}
