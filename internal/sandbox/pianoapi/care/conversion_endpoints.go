package care

import (
	"math"
	"net/http"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/promo"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/schemas"
)

// Conversion is a conversion as the API writes it. A list has the short payment, get has
// the whole one and the prices after the discount.
type Conversion struct {
	ID            string          `json:"term_conversion_id"`
	Term          *pianoapi.Term  `json:"term"`
	Type          string          `json:"type"`
	AID           string          `json:"aid"`
	Access        Access          `json:"user_access"`
	Payment       any             `json:"user_payment"`
	CreateDate    int64           `json:"create_date"`
	BrowserID     string          `json:"browser_id"`
	Subscription  any             `json:"subscription"`
	PromoCode     *ConversionCode `json:"promo_code"`
	Method        *PaymentMethod  `json:"user_payment_info"`
	BillingPlan   *string         `json:"billing_plan,omitempty"`
	AfterDiscount *string         `json:"price_after_discount,omitempty"`
	WithoutBase   *string         `json:"price_after_discount_without_base,omitempty"`
	Schedule      any             `json:"schedule"`
	Period        any             `json:"period"`
}

// ConversionCode is the promo code of a conversion.
type ConversionCode struct {
	ID          string      `json:"promo_code_id"`
	PromotionID string      `json:"promotion_id"`
	Code        string      `json:"code"`
	State       string      `json:"state"`
	StateValue  promo.State `json:"state_value"`
	LastPrice   *string     `json:"last_original_price"`
}

// code returns the promo code of a conversion: the first one of a subscription has it, and
// those whose charge was reduced.
func (d *Desk) code(c *conversion) *ConversionCode {
	if c.holding == nil {
		return nil
	}
	state, _, ok := redemptionOf(c.holding)
	if !ok || c.index > 0 && (c.payment == nil || c.payment.original == c.payment.amount) {
		return nil
	}
	shown := promo.CodeOfSubscription(c.holding.Subscription.ID, c.holding.Number, state)
	one := &ConversionCode{ID: shown.ID, PromotionID: shown.PromotionID, Code: shown.Code, State: shown.State, StateValue: state}
	if c.payment != nil {
		text := price(c.payment.original, c.holding.Product.Currency)
		one.LastPrice = &text
	}
	return one
}

func (d *Desk) shownConversion(c *conversion) Conversion {
	s := Conversion{
		ID: c.id, Type: c.kind, AID: d.cfg.AID, Access: d.shownAccess(c.access), CreateDate: int64(c.at) / 1000,
		BrowserID: pianoapi.CanaryPlace + "-browser-" + c.id, PromoCode: d.code(c),
	}
	if h := c.holding; h != nil {
		s.Term = &h.Subscription.Term
		if h.HasEvents {
			s.Subscription = map[string]any{
				"subscription_id": h.Subscription.ID, "auto_renew": h.Subscription.AutoRenew, "next_bill_date": h.Subscription.NextBillDate,
				"status": h.Subscription.Status, "start_date": h.Subscription.StartDate,
			}
			if m := d.findMethod(c.owner.UID, d.methodOf(h)); m != nil {
				s.Method = shownMethod(m)
			}
		}
	}
	if c.payment != nil {
		s.Payment = d.shortPayment(c.payment)
	}
	return s
}

// wholeConversion is a conversion as get has it.
func (d *Desk) wholeConversion(c *conversion) wire.Answer {
	s := d.shownConversion(c)
	if c.holding != nil {
		s.Subscription, s.BillingPlan = c.holding.Subscription, &c.holding.Subscription.BillingPlan
	}
	if c.payment != nil {
		s.Payment = d.shownPayment(c.payment)
		after := price(c.payment.amount, c.holding.Product.Currency)
		s.AfterDiscount, s.WithoutBase = &after, &after
	}
	return wire.Succeeded("conversion", s)
}

// conversionList returns the conversions of one user, or of all. It has at most 100 on a
// page, and those of all users are without grants.
func (d *Desk) conversionList(r *http.Request) wire.Answer {
	const maxConversions = 100
	page, a, ok := wire.Paging(r, maxConversions)
	if !ok {
		return a
	}
	from, to := schemas.Millis(0), schemas.Millis(math.MaxInt64)
	if r.Form.Get("date_from") != "" {
		at, ok := wire.Instant(r, "date_from")
		if !ok {
			return wire.Invalid("date_from", "must be seconds since 1970")
		}
		from = schemas.Millis(at.UnixMilli())
	}
	if r.Form.Get("date_to") != "" {
		at, ok := wire.Instant(r, "date_to")
		if !ok {
			return wire.Invalid("date_to", "must be seconds since 1970")
		}
		to = schemas.Millis(at.UnixMilli())
	}
	if uid := r.Form.Get("uid"); uid != "" {
		u, ok := d.user(uid)
		if !ok {
			return wire.Failed(wire.CodeNoUser, "User not found")
		}
		var all []*conversion
		for _, c := range d.userConversions(u) {
			if c.at >= from && c.at < to {
				all = append(all, c)
			}
		}
		return wire.List("conversions", all, page, d.shownConversion)
	}
	return wire.List("conversions", d.entries(from, to), page, func(e entry) Conversion {
		c := d.conversionByID(partID(subscriptionConversion, e.number, e.index))
		return d.shownConversion(c)
	})
}

// conversionGet finds a conversion by its id, or the last or first one of an access.
func (d *Desk) conversionGet(r *http.Request) wire.Answer {
	c := d.conversionByID(r.Form.Get("term_conversion_id"))
	if id := r.Form.Get("access_id"); c == nil && id != "" {
		if a := d.accessByID(id); a != nil {
			c = d.conversionOfAccess(a, r.Form.Get("is_last_term_conversion") != "false")
		}
	}
	if c == nil {
		return wire.Failed(wire.CodeNotFound, "Conversion not found")
	}
	return d.wholeConversion(c)
}

// conversionOfAccess returns the last or the first conversion of an access.
func (d *Desk) conversionOfAccess(a *access, last bool) *conversion {
	var all []*conversion
	if a.holding != nil {
		all = d.conversionsOf(a.owner, *a.holding)
	} else {
		for _, c := range d.grantConversions(a.owner) {
			if c.access.id == a.id {
				all = append(all, c)
			}
		}
	}
	switch {
	case len(all) == 0:
		return nil
	case last:
		return all[len(all)-1]
	default:
		return all[0]
	}
}

// conversionLastAccess returns the last conversion of a subscription, or of a user and a
// resource.
func (d *Desk) conversionLastAccess(r *http.Request) wire.Answer {
	id, uid, rid := r.Form.Get("subscription_id"), r.Form.Get("uid"), r.Form.Get("rid")
	if id != "" {
		h, ok := d.HoldingOf(id)
		if ok {
			u, _ := d.user(h.Subscription.User.UID)
			if c := d.conversionOfAccess(d.accessOf(u, h), true); c != nil {
				return d.wholeConversion(c)
			}
		}
		return wire.Failed(wire.CodeNotFound, "Conversion not found")
	}
	if u, ok := d.user(uid); ok {
		for _, c := range d.userConversions(u) {
			if rid == "" || c.access.resource.ID == rid {
				return d.wholeConversion(c)
			}
		}
	}
	return wire.Failed(wire.CodeNotFound, "Conversion not found")
}
