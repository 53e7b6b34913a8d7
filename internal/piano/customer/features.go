package customer

import (
	"context"
	"fmt"

	"github.com/pianola/pianola/internal/piano"
)

// Features are the changes of subscriptions that an application allows.
type Features struct {
	// Known: Piano has answered with the restrictions. Where it has not, nothing is
	// forbidden here and Piano decides.
	Known               bool
	ChangeNextBillDate  bool
	EnableAutoRenew     bool // false: auto-renew may be turned off, and never on again
	SwitchPaymentMethod bool
}

// Features reads what the application allows. Piano is asked again after five minutes.
func (c *Client) Features(ctx context.Context) (Features, error) {
	return c.features.get(c.now, keepTime, func() (Features, error) { return c.readFeatures(ctx) })
}

func (c *Client) readFeatures(ctx context.Context) (Features, error) {
	type answer struct {
		Restrictions *struct {
			NextBill flag `json:"allow_change_next_bill_date"`
			Enable   flag `json:"allow_enable_auto_renew"`
			Switch   flag `json:"allow_switch_payment_method"`
		} `json:"subscription_restrictions"`
	}
	f, err := one(ctx, c, piano.GetFeatures, nil, func(raw answer) (Features, error) {
		if r := raw.Restrictions; r != nil {
			return Features{Known: true, ChangeNextBillDate: r.NextBill.on, EnableAutoRenew: r.Enable.on, SwitchPaymentMethod: r.Switch.on}, nil
		}
		return Features{}, nil
	})
	if err != nil {
		return Features{}, fmt.Errorf("read what the application allows: %w", err)
	}
	return f, nil
}
