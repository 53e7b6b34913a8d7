package deadletters

import (
	"context"
	"errors"
	"fmt"

	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/schemas"
)

// ErrUnknown means that no dead letter has these coordinates.
var ErrUnknown = letters.ErrUnknown

// Known fails where one of the coordinates has no dead letter: a typing error would
// otherwise look like nothing to do. A resolved one passes, so that a command may be
// repeated.
func (r *Redriver) Known(ctx context.Context, all []schemas.Coordinates) error {
	if len(all) == 0 {
		return nil
	}
	found, err := r.letters.known(ctx, all)
	if err != nil {
		return err
	}
	var errs []error
	for _, at := range all {
		at.Source = ""
		if !found[at] {
			errs = append(errs, fmt.Errorf("%s: %w", at, ErrUnknown))
		}
	}
	return errors.Join(errs...)
}
