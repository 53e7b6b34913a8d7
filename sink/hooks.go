package sink

import "time"

// Hooks is what a Writer tells and asks its owner. Every field may be nil; the
// functions are called from the goroutine that called the Writer, must not
// block, and carry no values of rows.
type Hooks struct {
	// Now is the clock for synced_at, decided_at and written_at; nil is
	// time.Now. It is read once a flush, so that a retry sends the same blocks.
	Now func() time.Time
	// OnInsert follows every INSERT that ClickHouse has acknowledged. Bytes are
	// uncompressed, and 0 for the small tables.
	OnInsert func(table string, rows, bytes int, elapsed time.Duration)
	// OnRetry follows every attempt that failed and will be made again, whole
	// or in halves. Code is ClickHouse's, 0 where the network failed.
	OnRetry func(class Class, code int32)
}

func (h Hooks) withDefaults() Hooks {
	if h.Now == nil {
		h.Now = time.Now
	}
	if h.OnInsert == nil {
		h.OnInsert = func(string, int, int, time.Duration) {}
	}
	if h.OnRetry == nil {
		h.OnRetry = func(Class, int32) {}
	}
	return h
}
