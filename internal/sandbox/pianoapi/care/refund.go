package care

import (
	"net/http"
	"strconv"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// withPayment passes the payment of a request to a call.
func (d *Desk) withPayment(do func(*http.Request, *payment) wire.Answer) func(*http.Request) wire.Answer {
	return func(r *http.Request) wire.Answer {
		p := d.paymentByID(r.Form.Get("user_payment_id"))
		if p == nil {
			return wire.Invalid("user_payment_id", "is unknown")
		}
		return do(r, p)
	}
}

func (d *Desk) paymentGet(_ *http.Request, p *payment) wire.Answer {
	return wire.Succeeded("user_payment", d.shownPayment(p))
}

func (d *Desk) paymentIsPartialRefund(_ *http.Request, p *payment) wire.Answer {
	return wire.Succeeded("data", d.partial(p))
}

func (d *Desk) partiallyRefundable(r *http.Request) wire.Answer {
	h, ok := d.HoldingOf(r.Form.Get("subscription_id"))
	if !ok {
		return wire.Failed(wire.CodeNoSubscription, "Subscription not found")
	}
	last := d.lastPayment(&h)
	return wire.Succeeded("data", last != nil && d.partial(last))
}

// paymentRefund refunds a payment, or a part of it. The same request again refunds again,
// as long as an amount remains.
func (d *Desk) paymentRefund(r *http.Request, p *payment) wire.Answer {
	revoke, ok := wire.FlagOr(r, "revoke_access", false)
	if !ok {
		return wire.Invalid("revoke_access", "must be true or false")
	}
	amount := p.remaining()
	if text := r.Form.Get("amount"); text != "" {
		n, err := strconv.ParseFloat(text, 64)
		amount = wire.Amount(n*10_000 + 0.5)
		if err != nil || n <= 0 || amount > p.remaining() && d.refundable(p) {
			return wire.Failed(wire.CodeRefundAmount, "Wrong refund amount")
		}
	}
	if !d.refundable(p) {
		return wire.Failed(wire.CodePaymentRefund, "Refund failed: Cannot refund transaction unless it is settled. (91506)")
	}
	if amount < p.remaining() && !d.partial(p) {
		return wire.Failed(wire.CodeRefundAmount, "Wrong refund amount: the provider refunds the whole payment only")
	}
	d.refund(p, amount, revoke)
	return wire.Succeeded("user_payment_refund", map[string]any{
		"status": "refunded", "refund_external_tx_id": "rtx" + p.id + strconv.Itoa(len(d.refunds[p.id])), "refund_downstream_external_tx_id": nil,
	})
}

// refund pays an amount back. It has no event in the stream. With revoke the user also
// loses the access, but the subscription continues.
func (d *Desk) refund(p *payment, amount wire.Amount, revoke bool) {
	if amount > 0 {
		one := refund{at: d.millis(), amount: amount}
		d.refunds[p.id] = append(d.refunds[p.id], one)
		p.refunds = append(p.refunds, one)
	}
	if revoke {
		d.revoked[partID(subscribedPrefix, p.holding.Number, 0)] = d.millis()
	}
}
