package care

import (
	"cmp"
	"slices"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/promo"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// The prefixes of the ids of conversions.
const (
	subscriptionConversion = "TC"
	grantConversion        = "TG"
)

// conversion is a start, a renewal or a grant.
type conversion struct {
	id      string
	kind    string // Piano's type
	at      schemas.Millis
	owner   user
	holding *pianoapi.Holding // nil for a grant
	payment *payment          // or nil
	access  *access
	index   int // among those of the subscription
}

// kindOf returns Piano's type of a conversion.
func kindOf(f *world.Fact, term string, first bool) string {
	renewal := f.Action == schemas.Renewed || f.Action == schemas.TrialEnded
	switch {
	case term == "dynamic" && renewal && !first:
		return "Dynamic subscription internal renewal"
	case term == "dynamic":
		return "Dynamic term purchase"
	case renewal && !first:
		return "Renewal"
	case term == "payment":
		return "Subscription"
	case term == "registration":
		return "Registration"
	case term == "external":
		return "External"
	case term == "gift":
		return "Gift received"
	case term == "adview":
		return "Adview"
	default:
		return "Custom"
	}
}

// conversionsOf returns the conversions of a subscription, the oldest first.
func (d *Desk) conversionsOf(u user, h pianoapi.Holding) []*conversion {
	payments := d.payments(&h)
	a := d.accessOf(u, h)
	var all []*conversion
	for _, f := range d.History(h.Number) {
		first := len(all) == 0
		if !isConversion(&f, first) {
			continue
		}
		c := &conversion{
			id: partID(subscriptionConversion, h.Number, len(all)), kind: kindOf(&f, h.Subscription.Term.Type, first), at: f.At, owner: u,
			holding: &h, access: a, index: len(all),
		}
		if len(payments) > 0 && payments[0].at == f.At && f.Value.Decimal4 > 0 {
			c.payment, payments = payments[0], payments[1:]
		}
		all = append(all, c)
	}
	return all
}

// grantConversions returns those of the granted access of a user.
func (d *Desk) grantConversions(u user) []*conversion {
	var all []*conversion
	for i, g := range d.grantsOf(u) {
		a := grantedAccess(u, i, g)
		all = append(all, &conversion{id: partID(grantConversion, u.number, i), kind: "Grant access", at: g.start, owner: u, access: a})
	}
	return all
}

// userConversions returns all conversions of a user, the newest first, as the list has
// them.
func (d *Desk) userConversions(u user) []*conversion {
	all := d.grantConversions(u)
	for _, h := range d.Holdings(u.UID) {
		all = append(all, d.conversionsOf(u, h)...)
	}
	slices.SortStableFunc(all, func(a, b *conversion) int { return cmp.Compare(b.at, a.at) })
	return all
}

// conversionByID returns a conversion, or nil.
func (d *Desk) conversionByID(id string) *conversion {
	if number, at, ok := parseID(subscriptionConversion, id); ok {
		h, ok := d.Holding(number)
		if !ok {
			return nil
		}
		u, _ := d.user(h.Subscription.User.UID)
		if all := d.conversionsOf(u, h); at < len(all) {
			return all[at]
		}
		return nil
	}
	f, at, ok := d.fileByID(grantConversion, id)
	if !ok || at >= len(f.grants) {
		return nil
	}
	return d.grantConversions(f.owner)[at]
}

// redemptionOf returns the state of the promo code with which a subscription began, and
// since when it has this state. ok is false without one. The code of a free trial that
// ended without a charge is free again.
func redemptionOf(h *pianoapi.Holding) (state promo.State, at int64, ok bool) {
	s := &h.Subscription
	if index, _ := promo.OfSubscription(s.ID); index < 0 || !h.HasEvents {
		return "", 0, false
	}
	switch {
	case s.InTrial && s.Cancelable && s.ChargeCount == 0:
		return promo.ReservedTrial, s.StartDate, true
	case s.ChargeCount == 0:
		return "", 0, false
	case s.Status == "wait_confirmed":
		return promo.ReservedPayment, s.StartDate, true
	case s.TrialEndDate != nil:
		return promo.Used, *s.TrialEndDate, true
	default:
		return promo.Used, s.StartDate, true
	}
}

// redemptions returns those of all subscriptions.
func (d *Desk) redemptions() []promo.Redemption {
	var all []promo.Redemption
	for number := range d.Numbers() {
		h, ok := d.Holding(number)
		if !ok {
			continue
		}
		state, at, ok := redemptionOf(&h)
		if !ok {
			continue
		}
		index, _ := promo.OfSubscription(h.Subscription.ID)
		sale := wire.Amount(h.Product.Price)
		original := promo.Discount(index, sale, h.Product.Currency)
		all = append(all, promo.Redemption{
			Number: h.Number, ID: h.Subscription.ID, State: state, At: at, Original: price(original, h.Product.Currency), Sale: sale,
			Currency: h.Product.Currency, User: h.Subscription.User,
		})
	}
	return all
}

// conversionIndex has the times of all conversions, so that a page of the whole list needs
// the histories of its own subscriptions only.
type conversionIndex struct {
	events []int // of each subscription, when its entries were made
	byNum  [][]schemas.Millis
}

// entry is the place of one conversion.
type entry struct {
	at            schemas.Millis
	number, index int
}

// entries returns the conversions of all subscriptions in [from, to), the newest first.
func (d *Desk) entries(from, to schemas.Millis) []entry {
	x := &d.index
	now := d.Numbers()
	for number, events := range now {
		if number < len(x.events) && x.events[number] == events {
			continue
		}
		var times []schemas.Millis
		for _, f := range d.History(number) {
			if isConversion(&f, len(times) == 0) {
				times = append(times, f.At)
			}
		}
		if number == len(x.events) {
			x.events, x.byNum = append(x.events, 0), append(x.byNum, nil)
		}
		x.events[number], x.byNum[number] = events, times
	}
	var all []entry
	for number, times := range x.byNum {
		for i, at := range times {
			if at >= from && at < to {
				all = append(all, entry{at, number, i})
			}
		}
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.number, b.number), cmp.Compare(a.index, b.index))
	})
	return all
}
