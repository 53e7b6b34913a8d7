package sink

import (
	"context"
	"crypto/rand"

	"github.com/pianola/pianola/schemas"
)

// showHidden inserts those rows of a chunk again that a delete marker with a higher version
// hides. The marker says that another delivery no longer gives the event. These rows do, so
// they take over at the version of the marker, as a successor does.
func (w *Writer) showHidden(ctx context.Context, token string, c *Chunk, refused []refusal, now schemas.Millis) error {
	if c == nil || c.rows == 0 {
		return nil
	}
	best := make(map[schemas.EventID]int, c.rows) // the row with the highest version
	for row := range c.rows {
		id := schemas.EventID(c.eventID.values[row])
		if before, known := best[id]; !known || c.version.values[row] >= c.version.values[before] {
			best[id] = row
		}
	}
	for _, r := range refused {
		if id := schemas.EventID(c.eventID.values[r.row]); best[id] == r.row {
			delete(best, id)
		}
	}
	keys := make(map[schemas.EventID]eventKey, len(best))
	for id, row := range best {
		keys[id] = eventKey{id, string(c.subscriptionID.values.RowBytes(row)), schemas.Millis(c.eventTimestamp.values[row])}
	}
	events, err := w.storedEvents(ctx, keys, offsetRange{})
	if err != nil {
		return err
	}
	again := NewChunk()
	again.syncedAt.value = now
	for id, e := range events {
		top, row := e.levels[len(e.levels)-1], best[id]
		if !top.deleted {
			continue
		}
		event := c.event(row)
		again.Append(&event, c.coordinates(row), top.version)
		again.syncedAt.value = max(again.syncedAt.value, top.syncedAt+1)
	}
	if again.rows == 0 {
		return nil
	}
	all := wholeBatch(&Batch{Parts: []*Part{{Chunk: again}}}, token+"/"+rand.Text())
	_, err = w.events.insert(ctx, all, all.rows)
	return err
}
