package promotion

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// lookTimeout limits a read after a request: the caller's context may have ended.
const lookTimeout = 30 * time.Second

func lookContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
}

// terms are the ids of the listed terms of a promotion. A promotion has few, so
// one page is enough.
func (p Promotions) terms(ctx context.Context, promotion string) ([]string, error) {
	a, err := p.API.Read(ctx, piano.ListPromotionTerms, url.Values{"promotion_id": {promotion}, "offset": {"0"}, "limit": {"1000"}})
	if err != nil {
		return nil, err
	}
	var rows []struct {
		ID string `json:"term_id"`
	}
	if err := a.Decode(&rows); err != nil {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return ids, nil
}

// missingTerms are the wanted terms that are not listed.
func (n *New) missingTerms(listed []string) (all []Difference) {
	for _, id := range n.Terms {
		if !slices.Contains(listed, id) {
			all = append(all, Difference{"terms", id, "not listed"})
		}
	}
	return all
}
