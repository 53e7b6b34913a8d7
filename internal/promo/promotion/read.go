package promotion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
)

// Promotions reads and creates. It is safe for concurrent use.
type Promotions struct {
	API *piano.Client
	Log *zap.Logger
}

// Filters are the values of List: which promotions by their time.
func Filters() []string { return []string{"all", "active", "not_started", "expired"} }

// List reads promotions by their time and, where query is not empty, by a text in name or
// code.
func (p Promotions) List(ctx context.Context, filter, query string) ([]Promotion, error) {
	params := url.Values{"expired": {filter}}
	if query != "" {
		params.Set("q", query)
	}
	rows, err := p.API.Rows(ctx, piano.ListPromotions, params, "promotion_id")
	if err != nil {
		return nil, err
	}
	all := make([]Promotion, len(rows))
	for i, row := range rows {
		if all[i], err = decode(row); err != nil {
			return nil, fmt.Errorf("piano %s: promotions[%d]: %w", piano.ListPromotions.Path(), i, err)
		}
	}
	return all, nil
}

func decode(raw json.RawMessage) (Promotion, error) {
	var a answer
	if json.Unmarshal(raw, &a) != nil {
		return Promotion{}, fmt.Errorf("%w: a field has another type than expected", piano.ErrShape)
	}
	return a.promotion()
}

// Get reads one promotion. Without one the error wraps piano.ErrNotFound.
func (p Promotions) Get(ctx context.Context, id string) (*Promotion, error) {
	a, err := p.API.Read(ctx, piano.GetPromotion, url.Values{"promotion_id": {id}})
	if err != nil {
		return nil, err
	}
	if a.Empty() {
		return nil, a.Error(fmt.Errorf("%w: promotion: is missing", piano.ErrShape))
	}
	one, err := decode(a.Payload)
	if err == nil && one.ID != id {
		err = fmt.Errorf("%w: promotion_id: is not the requested one", piano.ErrShape)
	}
	if err != nil {
		return nil, a.Error(err)
	}
	return &one, nil
}

// Codes reads the codes of a promotion: of some states, none for all, and with a text.
func (p Promotions) Codes(ctx context.Context, promotion string, states []State, query string) ([]Code, error) {
	params := url.Values{"promotion_id": {promotion}}
	for _, s := range states {
		params.Add("state", string(s))
	}
	if query != "" {
		params.Set("q", query)
	}
	rows, err := p.API.Rows(ctx, piano.ListPromotionCodes, params, "promo_code_id")
	if err != nil {
		return nil, err
	}
	return parsedAll(rows)
}

// CodePage are codes from an offset, at most limit of one state, and how many there are of it. An
// empty state is all.
func (p Promotions) CodePage(ctx context.Context, promotion string, state State, offset, limit int) ([]Code, int, error) {
	params := url.Values{"promotion_id": {promotion}, "offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(limit)}}
	if state != "" {
		params.Set("state", string(state))
	}
	a, err := p.API.Read(ctx, piano.ListPromotionCodes, params)
	if err != nil {
		return nil, 0, err
	}
	var rows []json.RawMessage
	if err := a.Decode(&rows); err != nil {
		return nil, 0, err
	}
	if a.Total == nil {
		return nil, 0, a.Error(fmt.Errorf("%w: total is missing", piano.ErrShape))
	}
	all, err := parsedAll(rows)
	return all, *a.Total, err
}

// Counts is how many codes of a promotion have each state, without reading them all.
func (p Promotions) Counts(ctx context.Context, promotion string) (map[State]int, error) {
	counts := map[State]int{}
	for _, s := range States() {
		_, total, err := p.CodePage(ctx, promotion, s, 0, 1)
		if err != nil {
			return nil, err
		}
		counts[s] = total
	}
	return counts, nil
}

func parsedAll(rows []json.RawMessage) ([]Code, error) {
	all := make([]Code, len(rows))
	var err error
	for i, row := range rows {
		if all[i], err = Parsed(row); err != nil {
			return nil, fmt.Errorf("piano %s: promo_codes[%d]: %w", piano.ListPromotionCodes.Path(), i, err)
		}
	}
	return all, nil
}

// Count is how many codes of a promotion have each state. Reserved ones are not redeemed.
func Count(codes []Code) map[State]int {
	counts := map[State]int{}
	for _, s := range States() {
		counts[s] = 0
	}
	for _, c := range codes {
		if !c.Removed {
			counts[c.State]++
		}
	}
	return counts
}

// find returns the code with a text; nil without one. Piano finds codes that contain it.
func (p Promotions) find(ctx context.Context, promotion, code string) (*Code, error) {
	all, err := p.Codes(ctx, promotion, nil, code)
	for _, c := range all {
		if Normal(c.Text) == Normal(code) && !c.Removed {
			return &c, err
		}
	}
	return nil, err
}

// refused reports whether Piano understood a request and did nothing.
func refused(err error) bool {
	var answered *piano.Error
	return !errors.Is(err, piano.ErrOutcomeUnknown) && !errors.Is(err, piano.ErrAccess) && errors.As(err, &answered) && (answered.Code != 0 || errors.Is(err, piano.ErrRefused))
}
