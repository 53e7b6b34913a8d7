package promotion

import (
	"context"
	"encoding/json"
	"fmt"
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

// terms are the ids of the listed terms of a promotion.
func (p Promotions) terms(ctx context.Context, promotion string) ([]string, error) {
	rows, err := p.API.Rows(ctx, piano.ListPromotionTerms, url.Values{"promotion_id": {promotion}}, "term_id")
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		var term struct {
			ID string `json:"term_id"`
		}
		if json.Unmarshal(row, &term) != nil {
			return nil, fmt.Errorf("piano %s: %w: terms[%d].term_id: want text", piano.ListPromotionTerms.Path(), piano.ErrShape, i)
		}
		ids[i] = term.ID
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
