package block

import (
	"errors"
	"fmt"
)

// What a block may claim. The limits are far above what any client sends; they
// keep sums from overflowing and absurd input from keeping a walk busy.
const (
	maxColumns = 10_000
	maxRows    = 1 << 30 // of a block, and of the values inside its arrays
	maxName    = 64 << 10
	maxString  = 1 << 30
	maxDepth   = 32 // of nested types
)

var (
	// ErrLimit says that a block claims more than a block may have.
	ErrLimit = errors.New("the block is over a limit")
	// ErrCorrupt says that the bytes are not a block.
	ErrCorrupt = errors.New("the block is corrupt")
	// ErrType says that a column's type has a layout that is not known here.
	ErrType = errors.New("the column's type cannot be carried")
)

func atMost(what string, n, limit uint64) error {
	if n > limit {
		return fmt.Errorf("%w: %d %s, at most %d", ErrLimit, n, what, limit)
	}
	return nil
}
