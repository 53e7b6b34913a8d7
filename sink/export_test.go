package sink

import (
	"context"

	"github.com/google/uuid"
)

// InsertEvents sends a batch's events once, as one attempt of a flush does.
func (w *Writer) InsertEvents(ctx context.Context, b *Batch, token string) error {
	return w.events.transport.insert(ctx, wholeBatch(b, token))
}

// ContentHash is the hash of a row's content, and ContentHashSQL the expression of it.
func (c *Chunk) ContentHash(row int) uuid.UUID {
	hash, _ := c.contentHash(row, nil)
	return hash
}

// ContentHashSQL is the expression of the same hash.
func ContentHashSQL() string { return hashSQL(contentColumns()) }
