package piano

import (
	"context"
	"io"
	"time"
)

// maxFetches is how often an incomplete download is repeated: Piano may have taken an hour
// to make the file, and a connection can break at any time.
const maxFetches = 3

// download fetches the file of an export, with the client's pauses between the attempts.
// It calls begin before each. Only ctx limits its time.
func (c *Client) download(ctx context.Context, id string, begin func() (io.Writer, error)) error {
	return c.repeat(ctx, c.log, "export download incomplete, retrying", maxFetches, func() (time.Duration, bool, error) { return c.fetch(ctx, id, begin) })
}
