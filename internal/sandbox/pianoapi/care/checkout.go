package care

import (
	"context"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/promo"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/schemas"
)

// Receipt is what the checkout tells the page after a purchase, as checkoutComplete does.
type Receipt struct {
	SubscriptionID   string
	TermConversionID string
	TermID           string
	PromotionID      string // empty without a code
	ChargeAmount     wire.Amount
	ChargeCurrency   string
}

// Checkout buys a term for a user, as the page of Piano's checkout does. A promo code may
// be empty. The API has no call for it. The error of a code wraps promo.ErrNotAccepted.
func (d *Desk) Checkout(ctx context.Context, uid, term, code string) (Receipt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.user(uid); !ok {
		return Receipt{}, &wire.Error{Code: wire.CodeNoUser, Message: "User not found"}
	}
	price, currency, ok := d.PriceOf(term)
	if !ok {
		return Receipt{}, &wire.Error{Code: wire.CodeNoTerm, Message: "Term not found"}
	}
	use := promo.Use{}
	charge := price
	if offered, ok := d.terms.byID[term].(Term); code != "" && ok && offered.PromoCodes { // else the checkout ignores the code
		var err error
		use, charge, err = d.catalogue.Redeem(promo.Purchase{Code: code, TermID: term, Price: price, Currency: currency, NewCustomer: !d.hasPaid(uid)})
		if err != nil {
			return Receipt{}, err
		}
	}
	id, err := d.Order(ctx, pianoapi.Order{UserID: uid, TermID: term, Use: use, Charge: schemas.Decimal4(charge)})
	if err != nil {
		return Receipt{}, err
	}
	h, _ := d.HoldingOf(id)
	return Receipt{
		SubscriptionID: id, TermConversionID: partID(subscriptionConversion, h.Number, 0), TermID: term, PromotionID: use.PromotionID,
		ChargeAmount: charge, ChargeCurrency: currency,
	}, nil
}

// hasPaid reports whether a user has ever paid.
func (d *Desk) hasPaid(uid string) bool {
	for _, h := range d.Holdings(uid) {
		if h.Subscription.ChargeCount > 0 {
			return true
		}
	}
	return false
}
