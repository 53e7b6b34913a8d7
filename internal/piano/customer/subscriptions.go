package customer

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// Stat is a subscription as Piano summarises it for one user. The fields that decide
// about changes are in piano.Subscription.
type Stat struct {
	SubscriptionID         string
	TermName, ResourceName string
	Status, StatusLabel    string // a letter code, and Piano's word for it
	LastPaymentAt          *time.Time
	CardExpiresSoon        bool
	AccessExpired          bool
	AccessID               string
	PaymentMethodID        string
}

type stat struct {
	ID            word       `json:"subscription_id"`
	TermName      word       `json:"term_name"`
	ResourceName  word       `json:"resource_name"`
	Status        word       `json:"status"`
	Label         word       `json:"status_label"`
	LastPayment   piano.Date `json:"subscription_last_payment"`
	CardSoon      flag       `json:"creadit_card_expire_soon"` // Piano's spelling
	AccessExpired flag       `json:"access_expired"`
	Access        word       `json:"access_id"`
	MethodID      word       `json:"user_payment_info_id"`
}

func decodeStat(raw stat) (Stat, error) {
	s := Stat{SubscriptionID: string(raw.ID), TermName: string(raw.TermName), ResourceName: string(raw.ResourceName),
		Status: string(raw.Status), StatusLabel: string(raw.Label), CardExpiresSoon: raw.CardSoon.on, AccessExpired: raw.AccessExpired.on,
		AccessID: string(raw.Access), PaymentMethodID: string(raw.MethodID)}
	if s.SubscriptionID == "" {
		return Stat{}, fmt.Errorf("%w: subscription.subscription_id: is missing", piano.ErrShape)
	}
	readable(map[string]dateField{"subscription_last_payment": {raw.LastPayment, &s.LastPaymentAt}})
	return s, nil
}

// Stats reads the subscriptions of a user, also ended ones.
func (c *Client) Stats(ctx context.Context, uid string) (rows []Stat, more bool, err error) {
	return all(ctx, c, piano.SubscriptionStats, url.Values{"uid": {uid}}, "subscription_id", decodeStat)
}
