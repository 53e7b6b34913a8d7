package replaying

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/wait"
	"github.com/pianola/pianola/schemas"
)

// errHidden means that a reader has missed an event.
var errHidden = errors.New("an event is visible under neither of its identities")

// identities are the two of a message, equal when it does not move.
type identities struct{ before, after schemas.EventID }

// pollPause leaves most of the machine to what is tried.
const pollPause = 50 * time.Millisecond

// reader polls the view.
type reader struct {
	conn  driver.Conn
	moves map[identities]world.Position // one message each
	polls int
}

// newReader takes the moves of the messages before until, by partition.
func newReader(conn driver.Conn, moves iter.Seq[world.Move], until []int64) (r *reader, moved int) {
	r = &reader{conn: conn, moves: map[identities]world.Position{}}
	for m := range moves {
		if m.Offset >= until[m.Partition] {
			continue
		}
		if m.Before != m.After {
			moved++
		}
		r.moves[identities{m.Before, m.After}] = m.Position
	}
	return r, moved
}

// run polls until ctx ends, which is no error. What is hidden is.
func (r *reader) run(ctx context.Context) error {
	for {
		err := r.poll(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		r.polls++
		if wait.For(ctx, pollPause) != nil {
			return nil
		}
	}
}

// poll reads the identities that the view shows, and compares.
func (r *reader) poll(ctx context.Context) error {
	visible := make(map[schemas.EventID]bool, len(r.moves))
	rows, err := r.conn.Query(ctx, `SELECT reinterpretAsUUID(murmurHash3_128(concat(
	subscription_id, '\x1f', toString(toUnixTimestamp64Milli(event_timestamp)), '\x1f', subscription_action)))
FROM piano_subscriber_event_stream`)
	if err != nil {
		return fmt.Errorf("poll the view: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err reports the error
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("poll the view: %w", err)
		}
		visible[schemas.EventID(id)] = true
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("poll the view: %w", err)
	}
	for ids, at := range r.moves {
		if !visible[ids.before] && !visible[ids.after] {
			return fmt.Errorf("%w: message %d/%d, %s before and %s after, in poll %d of %d events",
				errHidden, at.Partition, at.Offset, uuid.UUID(ids.before), uuid.UUID(ids.after), r.polls+1, len(visible))
		}
	}
	return nil
}
