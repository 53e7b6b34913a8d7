package care

import (
	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/console/figures"
)

// paymentView is one conversion with its payment.
type paymentView struct {
	At, Type, Term, SubscriptionID, PaymentID string
	Amount, Status, Promotion                 string
	Buttons                                   buttons
}

// chargeView is an event of the stream with an amount.
type chargeView struct{ At, SubscriptionID, Action, Amount string }

// loadTransactions reads the conversions of the user, and the charges of the stream.
func (v *view) loadTransactions() error {
	t, err := v.Figures.Table(v.req.Context(), figures.Query{Keep: listKeep, Params: map[string]string{"user": v.ID}, SQL: `
SELECT event_timestamp, subscription_id, subscription_action, transaction_value
FROM subscription_timeline
WHERE subscription_id IN (SELECT subscription_id FROM subscription_state WHERE ` + ofUser + `) AND ifNull(transaction_value, 0) != 0
ORDER BY event_timestamp DESC, action_rank DESC LIMIT 500`})
	if err != nil {
		return err
	}
	for i := range t.Rows {
		v.Charges = append(v.Charges, chargeView{t.Text(i, 0), t.Text(i, 1), t.Text(i, 2), t.Text(i, 3)})
	}
	all, more, err := v.Customers.Conversions(v.req.Context(), v.ID)
	if err != nil {
		return err
	}
	v.More = more
	for _, c := range all {
		one := paymentView{At: instantText(c.CreatedAt), Type: c.Type, Term: c.TermName, SubscriptionID: c.SubscriptionID, Promotion: c.PromotionID}
		if p := c.Payment; p != nil {
			one.PaymentID, one.Amount, one.Status = p.ID, p.Amount.String()+" "+p.Currency, p.Status
			for _, d := range actions.Decisions(v.feature, actions.Target{Payment: p}, v.roles) {
				b := v.button(d, "user_id", v.ID, "payment_id", p.ID)
				b.Hint = "Empty is all that remains of " + one.Amount + "."
				one.Buttons = append(one.Buttons, b)
			}
		}
		v.Payments = append(v.Payments, one)
	}
	return nil
}
