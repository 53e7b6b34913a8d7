package promo

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// Promotion is a promotion as the API writes it.
type Promotion struct {
	ID              string          `json:"promotion_id"`
	AID             string          `json:"aid"`
	Name            string          `json:"name"`
	Status          string          `json:"status"` // active, expired, new
	FixedCode       *string         `json:"fixed_promotion_code"`
	Unlimited       bool            `json:"unlimited_uses,omitempty"`
	Prefix          *string         `json:"promotion_code_prefix"`
	NewCustomers    bool            `json:"new_customers_only,omitempty"`
	Amount          *wire.Amount    `json:"discount_amount"`
	Currency        *string         `json:"discount_currency"`
	Discount        string          `json:"discount"`
	Percentage      *float64        `json:"percentage_discount"`
	Type            string          `json:"discount_type"` // fixed, percentage
	UsesAllowed     *int            `json:"uses_allowed"`
	Uses            int             `json:"uses"`
	NeverZero       bool            `json:"never_allow_zero,omitempty"`
	TermDependency  string          `json:"term_dependency_type"` // all, include, unlocked
	StartDate       *int64          `json:"start_date"`
	EndDate         *int64          `json:"end_date"`
	CreateDate      int64           `json:"create_date"`
	CreateBy        string          `json:"create_by"`
	UpdateDate      *int64          `json:"update_date"`
	UpdateBy        *string         `json:"update_by"`
	Deleted         bool            `json:"deleted,omitempty"`
	FixedDiscounts  []FixedDiscount `json:"fixed_discount_list"`
	AllPeriods      bool            `json:"apply_to_all_billing_periods,omitempty"`
	OnRenewal       bool            `json:"can_be_applied_on_renewal,omitempty"`
	PeriodLimit     *int            `json:"billing_period_limit"`
	terms           []string        // for include and unlocked
	codes           []*code         // that nobody has claimed
	serial          int             // codes so far
	redeemedByIndex int             // the redemptions of the world: its place in the seed, or -1
}

// FixedDiscount is a discount in one currency.
type FixedDiscount struct {
	ID       string      `json:"fixed_discount_id"`
	Currency string      `json:"currency"`
	Amount   string      `json:"amount"`
	Value    wire.Amount `json:"amount_value"`
}

// staff is the id of the team member who has created everything.
const staff = "TMSTAFF01"

// Redemption is a use of a code, or the reservation of one.
type Redemption struct {
	Number   int    // of the subscription
	ID       string // of the subscription
	State    State
	At       int64  // seconds
	Original string // the price before the discount
	Sale     wire.Amount
	Currency string
	User     any // as the API writes it
}

// Config configures a Catalogue.
type Config struct {
	AID      string
	Now      func() time.Time
	MaxLimit int
	// Terms returns all terms of the application, by id.
	Terms func() (ids []string, byID map[string]any)
	// Redemptions returns those of all subscriptions of the world.
	Redemptions func() []Redemption
}

// Catalogue has all promotions. It is safe for concurrent use.
type Catalogue struct {
	cfg Config

	mu         sync.Mutex
	promotions []*Promotion
	discounts  int // fixed discounts so far
}

// New returns a catalogue with the promotions of the world.
func New(cfg Config) *Catalogue {
	c := &Catalogue{cfg: cfg}
	c.seed()
	return c
}

// find returns a promotion that is not deleted, or nil.
func (c *Catalogue) find(id string) *Promotion {
	for _, p := range c.promotions {
		if p.ID == id && !p.Deleted {
			return p
		}
	}
	return nil
}

// shown returns a promotion as the API has it now. redeemed are all redemptions.
func (c *Catalogue) shown(p *Promotion, redeemed []Redemption) Promotion {
	s := *p
	now := c.cfg.Now().Unix()
	switch {
	case s.EndDate != nil && *s.EndDate <= now:
		s.Status = "expired"
	case s.StartDate != nil && *s.StartDate > now:
		s.Status = "new"
	default:
		s.Status = "active"
	}
	s.Uses = 0
	for _, one := range p.claims(redeemed) {
		if one.State == Used {
			s.Uses++
		}
	}
	s.FixedDiscounts = slices.Clone(p.FixedDiscounts)
	if s.FixedDiscounts == nil {
		s.FixedDiscounts = []FixedDiscount{}
	}
	switch {
	case s.Type == percentage && s.Percentage != nil:
		s.Discount = strconv.FormatFloat(*s.Percentage, 'f', -1, 64) + "%"
	case len(s.FixedDiscounts) > 0:
		first := &s.FixedDiscounts[0]
		s.Amount, s.Currency = &first.Value, &first.Currency
		s.Discount = first.Amount + " " + first.Currency
	}
	return s
}

// The types of discounts.
const (
	fixed      = "fixed"
	percentage = "percentage"
)

func (c *Catalogue) nextPromotion() string { return promotionID(len(c.promotions) + 1) }

func promotionID(n int) string { return fmt.Sprintf("PR%06d", n) }

func (c *Catalogue) nextDiscount() string {
	c.discounts++
	return fmt.Sprintf("FD%06d", c.discounts)
}
