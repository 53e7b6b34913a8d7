package sink

import "context"

// InsertEvents sends a batch's events once, as one attempt of a flush does.
func (w *Writer) InsertEvents(ctx context.Context, b *Batch, token string) error {
	return w.events.transport.insert(ctx, wholeBatch(b, token))
}
