package reconcile

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano/subscriptionlog"
)

// fromCSV stores a subscription log as a snapshot, and its traits beside it, a
// block at a time. asOf is the moment that the file speaks of. After an error there
// is no snapshot that any view shows, as with fromAPI.
func (s *store) fromCSV(ctx context.Context, log *subscriptionlog.Reader, asOf time.Time) (summary, error) {
	w, err := s.begin(ctx, sourceCSV, asOf)
	if err != nil {
		return summary{}, err
	}
	of, err := w.end(ctx, w.readCSV(ctx, log))
	if c := log.Counts(); err == nil && c.UnknownStatuses+c.UnknownTermTypes > 0 {
		s.log.Warn("the subscription log has statuses or term types that are not known; they are kept as they are",
			zap.Uint64("unknown_statuses", c.UnknownStatuses), zap.Uint64("unknown_term_types", c.UnknownTermTypes))
	}
	return of, err
}

func (w *writing) readCSV(ctx context.Context, log *subscriptionlog.Reader) error {
	var traits []Traits
	read := w.store.progress.Count("read the subscription log", "subscriptions", 0)
	for {
		l, err := log.Next()
		if errors.Is(err, io.EOF) {
			return w.addTraits(ctx, traits)
		}
		if err != nil {
			return err
		}
		row, own := FromCSV(l)
		if err := w.add(ctx, row, l.Internal); err != nil {
			return err
		}
		if !l.Internal {
			traits = append(traits, own)
		}
		if len(traits) < blockRows {
			continue
		}
		if err := w.addTraits(ctx, traits); err != nil {
			return err
		}
		if err := w.beat(ctx); err != nil {
			return err
		}
		read.Add(uint64(len(traits)))
		traits = traits[:0]
	}
}

// addTraits inserts them; where a subscription comes again the last row stays, as
// in the snapshot.
func (w *writing) addTraits(ctx context.Context, traits []Traits) error {
	if len(traits) == 0 {
		return nil
	}
	columns := "snapshot_id, " + strings.Join(traitColumns, ", ") + ", synced_at"
	return w.store.insert(ctx, "subscription_snapshot_traits", columns, len(traits), func(i int) []any {
		return append(append([]any{w.of.ID}, traitValues(&traits[i])...), w.last)
	})
}
