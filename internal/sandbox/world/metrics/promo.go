package metrics

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// PromoCode is the subscriptions of one promo code and currency, of terms that count.
// The traits name one code a subscription.
type PromoCode struct {
	Code     string // trimmed, in capitals
	Currency string

	Subscriptions int
	Redeemed      int // the code was used: there was no trial, or it was charged after it
	Reserved      int // in a trial that may still be charged
	Released      int // the trial ended without a charge
	// Of the redeemed:
	NewCustomers int // without an earlier subscription
	Live         int
	NotYetDue    int // live, and not charged after the first charge
	FullPrice    int // charged the list price or more after the first charge
	Discounted   int // live at a price below the list price

	// FirstDiscount is the sum of list price − first charge, where it is above zero.
	FirstDiscount schemas.Decimal4
	Charges       schemas.Decimal4
	Refunds       schemas.Decimal4 // negative or zero
	MRR           schemas.Decimal4
}

func (b *book) promoCodes() []PromoCode {
	type key struct{ code, currency string }
	rows := map[key]*PromoCode{}
	for _, l := range b.lives {
		code := strings.ToUpper(strings.TrimSpace(l.sub.Snapshot.PromoCode))
		if code == "" || !l.final.counts() {
			continue
		}
		k := key{code, l.currency}
		if rows[k] == nil {
			rows[k] = &PromoCode{Code: code, Currency: l.currency}
		}
		b.addPromo(rows[k], l)
	}
	keys := slices.SortedFunc(maps.Keys(rows), func(x, y key) int {
		return cmp.Or(cmp.Compare(x.code, y.code), cmp.Compare(x.currency, y.currency))
	})
	out := make([]PromoCode, len(keys))
	for i, k := range keys {
		out[i] = *rows[k]
	}
	return out
}

func (b *book) addPromo(r *PromoCode, l *life) {
	r.Subscriptions++
	if l.final.hadTrial && !l.final.paidAfterTrial {
		if l.final.live() {
			r.Reserved++
		} else {
			r.Released++
		}
		return
	}
	r.Redeemed++
	if !slices.ContainsFunc(b.byOwner[l.customer], func(o *life) bool { return o.events[0].At < l.events[0].At }) {
		r.NewCustomers++
	}
	list, prices := l.list.price, l.prices()
	full := func(price schemas.Decimal4) bool { return list.Valid && price >= list.Decimal4 }
	if len(prices) > 1 && slices.ContainsFunc(prices[1:], full) {
		r.FullPrice++
	}
	if len(prices) > 0 && list.Valid && prices[0] < list.Decimal4 {
		r.FirstDiscount += list.Decimal4 - prices[0]
	}
	if l.final.live() {
		r.Live++
		if len(prices) < 2 {
			r.NotYetDue++
		}
		if len(prices) > 0 && list.Valid && prices[len(prices)-1] < list.Decimal4 {
			r.Discounted++
		}
	}
	for _, p := range l.payments() {
		if p.value > 0 {
			r.Charges += p.value
		} else {
			r.Refunds += p.value
		}
	}
	r.MRR += l.mrrAt(b.asOf)
}

// prices returns the prices that were charged, in order. One charge that stands twice is
// one price.
func (l *life) prices() []schemas.Decimal4 {
	var out []schemas.Decimal4
	for _, s := range l.steps {
		if s.event != nil && s.charged && !l.standsTwice(s.event) {
			out = append(out, s.event.Value.Decimal4)
		}
	}
	return out
}
