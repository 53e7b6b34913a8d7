package care

import (
	"strconv"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/promo"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// paymentPrefix begins the ids of payments.
const paymentPrefix = "UP"

// payment is a charge with its refunds.
type payment struct {
	id       string
	holding  *pianoapi.Holding
	at       schemas.Millis
	renewal  bool
	amount   wire.Amount
	original wire.Amount // before the discount of a promo code
	refunds  []refund
}

// refund is money that was paid back.
type refund struct {
	at     schemas.Millis
	amount wire.Amount
}

func (p *payment) refunded() (sum wire.Amount) {
	for _, one := range p.refunds {
		sum += one.amount
	}
	return sum
}

// remaining is the amount that can still be refunded.
func (p *payment) remaining() wire.Amount { return p.amount - p.refunded() }

// isConversion reports whether an event counts as a conversion. first is true for the
// first one of a subscription.
func isConversion(f *world.Fact, first bool) bool {
	switch f.Action {
	case schemas.Created, schemas.Renewed:
		return true
	case schemas.TrialStarted:
		return first || f.Value.Decimal4 > 0
	case schemas.TrialEnded, schemas.Resumed:
		return f.Value.Decimal4 > 0
	default:
		return false
	}
}

// payments returns the payments of a subscription, the oldest first.
func (d *Desk) payments(h *pianoapi.Holding) []*payment {
	index, _ := promo.OfSubscription(h.Subscription.ID)
	if _, _, redeemed := redemptionOf(h); !redeemed {
		index = -1
	}
	var all []*payment
	for _, f := range d.History(h.Number) {
		value := wire.Amount(f.Value.Decimal4)
		switch {
		case value > 0 && isConversion(&f, len(all) == 0):
			p := &payment{
				id: partID(paymentPrefix, h.Number, len(all)), holding: h, at: f.At, renewal: len(all) > 0, amount: value, original: value,
			}
			if len(all) < promo.Periods(index) {
				p.original = promo.Discount(index, value, h.Product.Currency)
			}
			// Some were refunded in part, in the time of the world.
			if at := p.at + day; d.oneIn(23, "partly refunded", p.id) && at < d.opened-day {
				p.refunds = append(p.refunds, refund{at: at, amount: p.amount / 4 / 100 * 100})
			}
			p.refunds = append(p.refunds, d.refunds[p.id]...)
			all = append(all, p)
		case value < 0 && len(all) > 0: // a refund with the cancellation
			last := all[len(all)-1]
			if amount := min(-value, last.remaining()); amount > 0 {
				last.refunds = append(last.refunds, refund{at: f.At, amount: amount})
			}
		}
	}
	return all
}

// paymentByID returns a payment, or nil.
func (d *Desk) paymentByID(id string) *payment {
	number, at, ok := parseID(paymentPrefix, id)
	if !ok {
		return nil
	}
	h, ok := d.Holding(number)
	if !ok {
		return nil
	}
	if all := d.payments(&h); at < len(all) {
		return all[at]
	}
	return nil
}

// lastPayment returns the newest payment of a subscription, or nil.
func (d *Desk) lastPayment(h *pianoapi.Holding) *payment {
	if h.Subscription.ID == "" {
		return nil
	}
	all := d.payments(h)
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// A payment can be refunded once it is settled, and for a limited time.
const (
	settlesAfter   = 5 * 60 * 1000 // milliseconds
	refundableDays = 400
)

func (p *payment) settled(now schemas.Millis) bool { return now-p.at >= settlesAfter }

// refundable reports whether something can be refunded now.
func (d *Desk) refundable(p *payment) bool {
	now := d.millis()
	return p.settled(now) && now-p.at < refundableDays*day && p.remaining() > 0
}

// partial reports whether the payment provider can refund a part.
func (d *Desk) partial(p *payment) bool {
	return d.refundable(p) && !d.oneIn(8, "whole refunds only", p.id)
}

// status is the status of a payment as the API writes it, with Piano's number.
func (d *Desk) status(p *payment) (text string, number int) {
	switch {
	case p.remaining() <= 0:
		return "refunded", 2
	case !p.settled(d.millis()):
		return "pending", 5
	default:
		return "completed", 0
	}
}

// price is an amount as the console displays it.
func price(amount wire.Amount, currency string) string {
	if currency == "USD" {
		return "$" + amount.String()
	}
	return amount.String() + " " + currency
}

// ShortPayment is a payment as conversions have it.
type ShortPayment struct {
	ID            string       `json:"user_payment_id"`
	CreateDate    *string      `json:"create_date"` // a text
	State         string       `json:"user_payment_state"`
	Renewal       bool         `json:"renewal,omitempty"`
	Amount        wire.Amount  `json:"amount"`
	Price         string       `json:"price"`
	OriginalPrice string       `json:"original_price"`
	Currency      string       `json:"currency"`
	Refundable    bool         `json:"refundable,omitempty"`
	Tax           *wire.Amount `json:"tax"`
	TaxPlan       *string      `json:"tax_billing_plan"`
	Method        string       `json:"payment_method"`
	Customer      string       `json:"upi_ext_customer_id"`
	CustomerLabel string       `json:"upi_ext_customer_id_label"`
	Transaction   string       `json:"external_transaction_id"`
	TrackingID    *string      `json:"tracking_id"`
}

// Payment is a whole payment. The fields of the embedded one are those that both have.
type Payment struct {
	ShortPayment
	RefundAmount    *wire.Amount          `json:"refund_amount"`   // before tax
	RefundedAmount  *wire.Amount          `json:"refunded_amount"` // after tax
	RefundCurrency  *string               `json:"refund_currency"`
	RemainingAmount wire.Amount           `json:"remaining_amount"`
	Recalculated    bool                  `json:"refund_amount_recalculated,omitempty"`
	Subscription    pianoapi.Subscription `json:"subscription"`
	Term            pianoapi.Term         `json:"term"`
	User            pianoapi.User         `json:"user"`
	BillingPlan     string                `json:"billing_plan"`
	MethodID        string                `json:"user_payment_info_id"`
	ZipCode         string                `json:"zip_code"`
	IssuerCountry   string                `json:"issuer_country_code"`
	SourceID        int                   `json:"source_id"`
	SourceName      string                `json:"source_name"`
	Status          string                `json:"status"`
	StatusValue     int                   `json:"status_value"`
	Invoice         string                `json:"invoice_number"`
}

func (d *Desk) shortPayment(p *payment) *ShortPayment {
	status, _ := d.status(p)
	currency := p.holding.Product.Currency
	return &ShortPayment{
		ID: p.id, CreateDate: wire.ISO(wire.At(p.at)), State: status, Renewal: p.renewal, Amount: p.amount, Price: price(p.amount, currency),
		OriginalPrice: price(p.original, currency), Currency: currency, Refundable: d.refundable(p), Method: pianoapi.CanaryCard + " *4242",
		Customer: "cus_" + pianoapi.CanaryCard + strconv.Itoa(p.holding.Number), CustomerLabel: "Customer id", Transaction: "tx" + p.id,
	}
}

func (d *Desk) shownPayment(p *payment) Payment {
	status, number := d.status(p)
	s := Payment{
		ShortPayment: *d.shortPayment(p), RemainingAmount: p.remaining(), Subscription: p.holding.Subscription, Term: p.holding.Subscription.Term,
		User: p.holding.Subscription.User, BillingPlan: p.holding.Subscription.BillingPlan, MethodID: d.methodOf(p.holding),
		ZipCode: pianoapi.CanaryPlace + " 2100", IssuerCountry: p.holding.Country, SourceID: sourceBraintree, SourceName: "BT",
		Status: status, StatusValue: number, Invoice: "IN" + p.id,
	}
	if sum := p.refunded(); sum > 0 {
		s.RefundAmount, s.RefundedAmount, s.RefundCurrency = &sum, &sum, &s.Currency
	}
	return s
}
