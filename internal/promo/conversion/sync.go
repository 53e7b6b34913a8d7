package conversion

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/promo/store"
)

// Reader reads and reports. API may be nil where only reports are made.
type Reader struct {
	store.Store
	API *piano.Client
	Now func() time.Time
}

const (
	// window is the time of one list of conversions.
	window = 14 * 24 * time.Hour
	// overlap is how far a read goes back before the last one: Piano may list a conversion
	// late.
	overlap = 7 * 24 * time.Hour
	// firstRead is how far the first read goes back, and longest is the limit of all: a code
	// that has been reserved for so long will not be used.
	firstRead = 730 * 24 * time.Hour
	longest   = 400 * 24 * time.Hour
)

// SyncReport is what a read found.
type SyncReport struct {
	Promotions  int       `json:"promotions"`
	Versions    int       `json:"new_versions"` // of rules, promotions that are new included
	From        time.Time `json:"conversions_from"`
	Conversions int       `json:"conversions"` // in that time, with and without a code
	WithCode    int       `json:"with_code"`
	Unreadable  int       `json:"unreadable"` // of those; they are left out
	ReadAt      time.Time `json:"read_at"`
}

// Sync reads promotions and conversions. since is the time of the first conversion; the zero
// time continues after the last read, and reads those with reserved codes again.
func (r Reader) Sync(ctx context.Context, since time.Time) (*SyncReport, error) {
	ctx, err := r.Bind(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the suppression list: %w", err)
	}
	s := &SyncReport{ReadAt: r.Now().UTC().Truncate(time.Millisecond)}
	promotions, err := promotion.Promotions{API: r.API, Log: r.Log}.List(ctx, "all", "")
	if err != nil {
		return nil, err
	}
	s.Promotions = len(promotions)
	if s.Versions, err = r.keepRules(ctx, promotions, s.ReadAt); err != nil {
		return nil, err
	}
	if s.From = since.UTC(); since.IsZero() {
		if s.From, err = r.continueFrom(ctx, s.ReadAt); err != nil {
			return nil, err
		}
	}
	for from := s.From; from.Before(s.ReadAt); from = from.Add(window) {
		if err := r.readWindow(ctx, from, from.Add(window), s); err != nil {
			return nil, err
		}
	}
	return s, r.ended(ctx, s)
}

// ended records that a read has ended. A read that was interrupted has rows and no such
// record, so it is repeated.
func (r Reader) ended(ctx context.Context, s *SyncReport) error {
	return r.Insert(ctx, "promo_conversions", "conversion_id, code_state, created_at, read_at", 1, func(int) []any {
		return []any{"", string(promotion.Active), s.From, s.ReadAt}
	})
}

// LastSync is when the last read of conversions that ended began; the zero time for never.
func (r Reader) LastSync(ctx context.Context) (time.Time, error) {
	read, _, err := r.sources(ctx)
	if err != nil || read == nil {
		return time.Time{}, err
	}
	return *read, nil
}

// continueFrom is the time of the first conversion to read: of the oldest reserved code, or
// shortly before the last conversion of the reads that ended. What an interrupted read has
// written does not count: conversions before it may be missing.
func (r Reader) continueFrom(ctx context.Context, now time.Time) (time.Time, error) {
	type known struct{ last, reserved time.Time }
	rows, err := store.Read(ctx, r.Store, "read promo_conversions", `WITH (SELECT max(read_at) FROM `+r.Tables.Table("promo_conversions")+` WHERE conversion_id = '') AS ended
SELECT maxIf(created_at, read_at <= ended), minIf(created_at, code_state LIKE 'reserved%')
FROM `+r.Tables.Table("promo_conversions")+` FINAL
WHERE conversion_id != ''`, nil, func(row driver.Rows, k *known) error { return row.Scan(&k.last, &k.reserved) })
	if err != nil || len(rows) == 0 || rows[0].last.Unix() <= 0 {
		return now.Add(-firstRead), err
	}
	from := rows[0].last.Add(-overlap)
	if oldest := rows[0].reserved; oldest.Unix() > 0 && oldest.Before(from) {
		from = oldest
	}
	if limit := now.Add(-longest); from.Before(limit) {
		from = limit
	}
	return from.UTC(), nil
}

func (r Reader) readWindow(ctx context.Context, from, to time.Time, s *SyncReport) error {
	rows, err := r.API.Rows(ctx, piano.ListConversions, url.Values{
		"date_from": {strconv.FormatInt(from.Unix(), 10)}, "date_to": {strconv.FormatInt(to.Unix(), 10)},
	}, "term_conversion_id")
	if err != nil {
		return fmt.Errorf("conversions from %s: %w", from.Format(time.DateOnly), err)
	}
	s.Conversions += len(rows)
	var kept []conversion
	var problem error
	broken := 0
	for i, raw := range rows {
		c, coded, err := parse(raw)
		switch {
		case err != nil:
			broken++
			problem = fmt.Errorf("piano %s: conversions[%d]: %w", piano.ListConversions.Path(), i, err)
		case coded && !r.Erased(c.subscription, ""):
			kept = append(kept, c)
		}
	}
	if broken > 0 {
		r.Log.Warn("conversions unreadable, left out", zap.Int("unreadable", broken), zap.Error(problem))
	}
	// One broken row must not hide the others; many mean that the form has changed.
	if broken > 10 && broken*100 > len(rows) {
		return fmt.Errorf("%d conversions of %d are unreadable: %w", broken, len(rows), problem)
	}
	s.WithCode += len(kept)
	s.Unreadable += broken
	return r.Insert(ctx, "promo_conversions", "conversion_id, conversion_type, promotion_id, promo_code_id, promo_code, code_state, subscription_id, is_renewal, original_price, amount, currency, created_at, read_at",
		len(kept), func(i int) []any {
			c := kept[i]
			return []any{c.id, c.kind, c.promotion, c.code, c.text, string(c.state), c.subscription, c.renewal, c.original, c.amount, c.currency, c.created, s.ReadAt}
		})
}

// parse decodes a conversion. coded is false without a promo code. Of the person it reads
// nothing.
func parse(raw json.RawMessage) (c conversion, coded bool, err error) {
	var a struct {
		ID           *string         `json:"term_conversion_id"`
		Type         *string         `json:"type"`
		CreateDate   piano.Date      `json:"create_date"`
		Code         json.RawMessage `json:"promo_code"`
		Subscription *struct {
			ID *string `json:"subscription_id"`
		} `json:"subscription"`
		Payment *struct {
			Renewal  *bool           `json:"renewal"`
			Amount   json.RawMessage `json:"amount"`
			Original json.RawMessage `json:"original_price"`
			Currency *string         `json:"currency"`
		} `json:"user_payment"`
	}
	if json.Unmarshal(raw, &a) != nil {
		return c, false, fmt.Errorf("%w: a field has another type than expected", piano.ErrShape)
	}
	if len(a.Code) == 0 || string(a.Code) == "null" {
		return c, false, nil
	}
	code, err := promotion.Parsed(a.Code)
	if err != nil {
		return c, true, fmt.Errorf("promo_code: %w", err)
	}
	created, err := a.CreateDate.Instant()
	if err != nil || created == nil {
		return c, true, fmt.Errorf("%w: create_date: want a date", piano.ErrShape)
	}
	c = conversion{
		id: guarded(a.ID), kind: guarded(a.Type), promotion: code.PromotionID, code: code.ID, state: code.State, created: *created,
	}
	if code.State == promotion.Used {
		c.text = redeemedText(code)
	}
	if a.Subscription != nil {
		c.subscription = guarded(a.Subscription.ID)
	}
	if p := a.Payment; p != nil {
		c.renewal = p.Renewal != nil && *p.Renewal
		c.amount, c.original, c.currency = money(p.Amount), money(p.Original), guarded(p.Currency)
	}
	return c, true, nil
}
