package sink

import (
	"context"
	"crypto/rand"

	"github.com/pianola/pianola/schemas"
)

// Dismiss closes the open dead letters of a partition at offsets, in ascending order: their
// messages are gone, and somebody has decided that this is known. partition names it. A
// repetition changes nothing more.
func (w *Writer) Dismiss(ctx context.Context, partition *schemas.LedgerRow, offsets []int64, d schemas.Dismissal) error {
	w.flushing.Lock()
	defer w.flushing.Unlock()
	return w.closeDeadLetters(ctx, "dismiss:"+rand.Text(), partition, offsets, w.now(), d)
}
