package consumer

import "time"

// LookedAway makes a reader one that has not asked for long.
func (r *Reader) LookedAway() { r.last.answered = time.Time{} }
