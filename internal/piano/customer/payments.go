package customer

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// Payment is one payment. Amounts are absent where Piano leaves them out.
type Payment struct {
	ID, UserID, SubscriptionID string
	CreatedAt                  *time.Time
	Amount                     Amount // charged
	Remaining                  Amount // can still be refunded
	Refunded                   Amount
	Currency                   string
	Status                     string
	// Refundable: Piano allows a refund now. It is the nearest sign of a settled payment.
	Refundable *bool
	TermID     string
}

type payment struct {
	ID           word   `json:"user_payment_id"`
	User         userID `json:"user"`
	Subscription struct {
		ID   word   `json:"subscription_id"`
		User userID `json:"user"`
	} `json:"subscription"`
	Term struct {
		ID word `json:"term_id"`
	} `json:"term"`
	Created    piano.Date `json:"create_date"`
	Amount     Amount     `json:"amount"`
	Remaining  Amount     `json:"remaining_amount"`
	Refunded   Amount     `json:"refunded_amount"`
	Currency   word       `json:"currency"`
	Status     word       `json:"status"`
	State      word       `json:"user_payment_state"` // in conversions
	Refundable flag       `json:"refundable"`
}

func decodePayment(raw payment) (Payment, error) {
	p := Payment{ID: string(raw.ID), UserID: string(raw.User.UID), SubscriptionID: string(raw.Subscription.ID), Amount: raw.Amount, Remaining: raw.Remaining,
		Refunded: raw.Refunded, Currency: string(raw.Currency), Status: string(raw.Status), Refundable: raw.Refundable.pointer(),
		TermID: string(raw.Term.ID)}
	if p.ID == "" {
		return Payment{}, fmt.Errorf("%w: payment.user_payment_id: is missing", piano.ErrShape)
	}
	if p.Status == "" {
		p.Status = string(raw.State)
	}
	if p.UserID == "" {
		p.UserID = string(raw.Subscription.User.UID)
	}
	readable(map[string]dateField{"create_date": {raw.Created, &p.CreatedAt}})
	return p, nil
}

// Payment reads one payment. Without one the error wraps piano.ErrNotFound, or is a
// refusal of Piano's.
func (c *Client) Payment(ctx context.Context, id string) (Payment, error) {
	p, err := one(ctx, c, piano.GetPayment, url.Values{"user_payment_id": {id}}, decodePayment)
	if err == nil && p.ID != transform.Guard(strings.TrimSpace(id)) {
		return Payment{}, fmt.Errorf("read a payment: %w: another payment than the requested one", piano.ErrShape)
	}
	return p, err
}

// RefundablePartly reports whether a part of a payment can be refunded.
func (c *Client) RefundablePartly(ctx context.Context, id string) (bool, error) {
	return c.yes(ctx, piano.PaymentRefundablePartly, url.Values{"user_payment_id": {id}})
}

// Conversion is the record of a term that a user took: a purchase, a renewal, a grant.
type Conversion struct {
	ID, Type         string
	CreatedAt        *time.Time
	TermID, TermName string
	AccessID         string
	SubscriptionID   string
	Payment          *Payment // nil without one
	PaymentMethodID  string
	PromotionID      string
}

type conversion struct {
	ID   word `json:"term_conversion_id"`
	Type word `json:"type"`
	Term struct {
		ID   word `json:"term_id"`
		Name word `json:"name"`
	} `json:"term"`
	Created piano.Date `json:"create_date"`
	Access  struct {
		ID word `json:"access_id"`
	} `json:"user_access"`
	Subscription struct {
		ID word `json:"subscription_id"`
	} `json:"subscription"`
	Payment *payment `json:"user_payment"`
	Method  struct {
		ID word `json:"user_payment_info_id"`
	} `json:"user_payment_info"`
	Promo struct {
		Promotion word `json:"promotion_id"`
	} `json:"promo_code"`
}

func decodeConversion(raw conversion) (Conversion, error) {
	c := Conversion{ID: string(raw.ID), Type: string(raw.Type), TermID: string(raw.Term.ID), TermName: string(raw.Term.Name), AccessID: string(raw.Access.ID),
		SubscriptionID: string(raw.Subscription.ID), PaymentMethodID: string(raw.Method.ID), PromotionID: string(raw.Promo.Promotion)}
	if c.ID == "" {
		return Conversion{}, fmt.Errorf("%w: conversion.term_conversion_id: is missing", piano.ErrShape)
	}
	if raw.Payment != nil && raw.Payment.ID != "" {
		p, err := decodePayment(*raw.Payment)
		if err != nil {
			return Conversion{}, err
		}
		c.Payment = &p
	}
	return c, dates("conversion", map[string]dateField{"create_date": {raw.Created, &c.CreatedAt}})
}

// Conversions reads the conversions of a user. They are the only list of a user's
// payments that the API has.
func (c *Client) Conversions(ctx context.Context, uid string) (rows []Conversion, more bool, err error) {
	return all(ctx, c, piano.ListConversions, url.Values{"uid": {uid}}, "term_conversion_id", decodeConversion)
}

// PaymentMethod is a means of payment of a user.
type PaymentMethod struct {
	ID, Kind, Brand string
	Number          Personal // masked by Piano
	Nickname        Personal
	Expires         Personal // month and year
	ExpiresAt       *time.Time
}

type paymentMethod struct {
	ID       word     `json:"user_payment_info_id"`
	Kind     word     `json:"payment_method"`
	Brand    word     `json:"payment_type"`
	Number   Personal `json:"upi_number"`
	Nickname Personal `json:"upi_nickname"`
	Month    *int     `json:"upi_expiration_month"`
	Year     *int     `json:"upi_expiration_year"`
}

// PaymentMethod reads one means of payment. The API has no list: the ids are in
// subscriptions and conversions.
func (c *Client) PaymentMethod(ctx context.Context, uid, id string) (PaymentMethod, error) {
	m, err := one(ctx, c, piano.GetPaymentMethod, url.Values{"uid": {uid}, "user_payment_info_id": {id}}, func(raw paymentMethod) (PaymentMethod, error) {
		m := PaymentMethod{ID: string(raw.ID), Kind: string(raw.Kind), Brand: string(raw.Brand), Number: raw.Number, Nickname: raw.Nickname}
		if m.ID == "" {
			return PaymentMethod{}, fmt.Errorf("%w: user_payment_info.user_payment_info_id: is missing", piano.ErrShape)
		}
		if raw.Month != nil && raw.Year != nil && *raw.Month >= 1 && *raw.Month <= 12 && *raw.Year > 0 && *raw.Year < 10_000 {
			year := *raw.Year
			if year < 100 {
				year += 2000
			}
			m.Expires = NewPersonal(fmt.Sprintf("%02d/%d", *raw.Month, year))
			end := time.Date(year, time.Month(*raw.Month)+1, 1, 0, 0, 0, 0, time.UTC) // valid to the end of its month
			m.ExpiresAt = &end
		}
		return m, nil
	})
	if err == nil && m.ID != transform.Guard(strings.TrimSpace(id)) {
		return PaymentMethod{}, fmt.Errorf("read a payment method: %w: another one than the requested one", piano.ErrShape)
	}
	return m, err
}
