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
	SubscriptionID             string
	TermID, TermName, TermType string
	ResourceID, ResourceName   string
	Status, StatusLabel        string // a letter code, and Piano's word for it
	BillingPlan                string
	AutoRenew                  *bool
	NextBillAt, LastPaymentAt  *time.Time
	CardExpiresSoon            bool
	AccessExpired              bool
	ChargeCount                *int
	ExternalAPI                string
	AccessID                   string
	LastConversionID           string
	LastPaymentConversionID    string
	PaymentMethodID            string
	PaymentMethod              Personal // masked number
	CardExpires                Personal
}

type stat struct {
	ID             word       `json:"subscription_id"`
	TermID         word       `json:"term_id"`
	TermName       word       `json:"term_name"`
	TermType       word       `json:"type"`
	RID            word       `json:"rid"`
	ResourceName   word       `json:"resource_name"`
	Status         word       `json:"status"`
	Label          word       `json:"status_label"`
	Plan           word       `json:"billing_plan"`
	AutoRenew      flag       `json:"auto_renew"`
	NextBill       piano.Date `json:"next_bill_date"`
	LastPayment    piano.Date `json:"subscription_last_payment"`
	CardSoon       flag       `json:"creadit_card_expire_soon"` // Piano's spelling
	CardExpire     Personal   `json:"creadit_card_expire"`
	AccessExpired  flag       `json:"access_expired"`
	ChargeCount    *int       `json:"charge_count"`
	External       word       `json:"external_api_name"`
	Access         word       `json:"access_id"`
	Conversion     word       `json:"last_conversion_id"`
	PaymentConvers word       `json:"last_payment_conversion_id"`
	MethodID       word       `json:"user_payment_info_id"`
	Method         Personal   `json:"payment_method"`
}

func decodeStat(raw stat) (Stat, error) {
	s := Stat{SubscriptionID: string(raw.ID), TermID: string(raw.TermID), TermName: string(raw.TermName), TermType: string(raw.TermType),
		ResourceID: string(raw.RID), ResourceName: string(raw.ResourceName), Status: string(raw.Status), StatusLabel: string(raw.Label),
		BillingPlan: string(raw.Plan), AutoRenew: raw.AutoRenew.pointer(), CardExpiresSoon: raw.CardSoon.on, AccessExpired: raw.AccessExpired.on,
		ChargeCount: raw.ChargeCount, ExternalAPI: string(raw.External), AccessID: string(raw.Access), LastConversionID: string(raw.Conversion),
		LastPaymentConversionID: string(raw.PaymentConvers), PaymentMethodID: string(raw.MethodID), PaymentMethod: raw.Method, CardExpires: raw.CardExpire}
	if s.SubscriptionID == "" {
		return Stat{}, fmt.Errorf("%w: subscription.subscription_id: is missing", piano.ErrShape)
	}
	readable(map[string]dateField{"next_bill_date": {raw.NextBill, &s.NextBillAt}, "subscription_last_payment": {raw.LastPayment, &s.LastPaymentAt}})
	return s, nil
}

// Stats reads the subscriptions of a user, also ended ones.
func (c *Client) Stats(ctx context.Context, uid string) (rows []Stat, more bool, err error) {
	return all(ctx, c, piano.SubscriptionStats, url.Values{"uid": {uid}}, "subscription_id", decodeStat)
}
