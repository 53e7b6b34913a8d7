package customer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// Every request here is sent once. Nil means that Piano says it is done; an error that
// wraps piano.ErrOutcomeUnknown means that the result is unknown; any other error means
// that nothing was done.

// Update are the changes of one subscription; nil and empty leave a value as it is.
type Update struct {
	NextBillAt      *time.Time
	AutoRenew       *bool
	PaymentMethodID string
}

// UpdateSubscription changes a subscription.
func (c *Client) UpdateSubscription(ctx context.Context, id string, u Update) error {
	params := url.Values{"subscription_id": {id}}
	if u.NextBillAt != nil {
		params.Set("next_bill_date", strconv.FormatInt(u.NextBillAt.Unix(), 10))
	}
	if u.AutoRenew != nil {
		params.Set("auto_renew", strconv.FormatBool(*u.AutoRenew))
	}
	if u.PaymentMethodID != "" {
		params.Set("payment_method_id", u.PaymentMethodID)
	}
	a, err := c.api.Send(ctx, piano.UpdateSubscription, params)
	if err != nil {
		return err
	}
	// Documented is true or false; some answers have the subscription.
	if payload := bytes.TrimSpace(a.Payload); len(payload) > 0 && payload[0] == '{' {
		var s struct {
			ID word `json:"subscription_id"`
		}
		if json.Unmarshal(payload, &s) == nil && s.ID != "" {
			return nil
		}
	}
	return a.Done()
}

// Cancel ends a subscription now, and with it the access. Where the refund fails Piano
// does not cancel.
func (c *Client) Cancel(ctx context.Context, id string, refundLastPayment bool) error {
	return c.send(ctx, piano.CancelSubscription, url.Values{"subscription_id": {id}, "refund_last_payment": {strconv.FormatBool(refundLastPayment)}})
}

// CancelAtPeriodEnd ends a subscription with a dynamic term at the end of its period.
func (c *Client) CancelAtPeriodEnd(ctx context.Context, id string) error {
	return c.send(ctx, piano.CancelSubscriptionAtEnd, url.Values{"subscription_id": {id}})
}

func (c *Client) send(ctx context.Context, e piano.Endpoint, params url.Values) error {
	a, err := c.api.Send(ctx, e, params)
	if err != nil {
		return err
	}
	return a.Done()
}

// Refund refunds a payment: the amount, or all that remains where it is absent.
func (c *Client) Refund(ctx context.Context, paymentID string, amount Amount, revokeAccess bool) (status string, err error) {
	params := url.Values{"user_payment_id": {paymentID}, "revoke_access": {strconv.FormatBool(revokeAccess)}}
	if text := amount.String(); text != "" {
		params.Set("amount", text)
	}
	a, err := c.api.Send(ctx, piano.RefundPayment, params)
	if err != nil {
		return "", err
	}
	return decoded(a, func(raw struct {
		Status word `json:"status"`
	}) (string, error) {
		if raw.Status == "" {
			return "", fmt.Errorf("%w: refund.status: is missing", piano.ErrShape)
		}
		return string(raw.Status), nil
	})
}

// Grant is an access to give to one user.
type Grant struct {
	ResourceID, UserID string
	ExpiresAt          *time.Time // nil is never
	SendMail           bool
	Message            Personal // in the mail
}

// GrantAccess gives a user access to a resource.
func (c *Client) GrantAccess(ctx context.Context, g Grant) ([]Access, error) {
	params := url.Values{"rid": {g.ResourceID}, "uid": {g.UserID}, "send_email": {strconv.FormatBool(g.SendMail)}}
	if g.ExpiresAt != nil {
		params.Set("expire_date", strconv.FormatInt(g.ExpiresAt.Unix(), 10))
	}
	if !g.Message.Empty() {
		params.Set("message", g.Message.Reveal())
	}
	a, err := c.api.Send(ctx, piano.GrantAccess, params)
	if err != nil {
		return nil, err
	}
	// Documented is a list; one object was seen too.
	if payload := bytes.TrimSpace(a.Payload); len(payload) > 0 && payload[0] == '{' {
		granted, err := decoded(a, decodeAccess)
		return []Access{granted}, err
	}
	return decoded(a, func(raw []access) ([]Access, error) {
		var rows []Access
		for _, r := range raw {
			row, err := decodeAccess(r)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
		if len(rows) == 0 {
			return nil, fmt.Errorf("%w: the granted access is missing", piano.ErrShape)
		}
		return rows, nil
	})
}

// ExtendAccess sets the end of an access.
func (c *Client) ExtendAccess(ctx context.Context, accessID string, expiresAt time.Time) (Access, error) {
	return c.changeAccess(ctx, piano.UpdateAccess, url.Values{"access_id": {accessID}, "expire_date": {strconv.FormatInt(expiresAt.Unix(), 10)}})
}

// RevokeAccess takes an access away. The error wraps piano.ErrOfSubscription where it
// belongs to a subscription.
func (c *Client) RevokeAccess(ctx context.Context, accessID string) (Access, error) {
	return c.changeAccess(ctx, piano.RevokeAccess, url.Values{"access_id": {accessID}})
}

func (c *Client) changeAccess(ctx context.Context, e piano.Endpoint, params url.Values) (Access, error) {
	a, err := c.api.Send(ctx, e, params)
	if err != nil {
		return Access{}, err
	}
	return decoded(a, decodeAccess)
}

// The actions of an inquiry that care uses.
const (
	InquiryReply   = "REPLY_ONLY"
	InquiryResolve = "RESOLVE"
)

// MaxComment is the longest comment that Piano takes, in characters.
const MaxComment = 3000

// AddToInquiry answers an inquiry, comments on it or resolves it. An answer that is not
// internal is mailed to the user. The text travels in the address of a GET request, as
// Piano wants it.
func (c *Client) AddToInquiry(ctx context.Context, id string, actions []string, text Personal, internal bool) (Inquiry, error) {
	a, err := c.api.Send(ctx, piano.AddToInquiry, url.Values{"payment_inquiry_id": {id}, "action": actions, "comment": {text.Reveal()},
		"internal": {strconv.FormatBool(internal)}})
	if err != nil {
		return Inquiry{}, err
	}
	return decoded(a, decodeInquiry)
}

// AddNote writes a note about a user.
func (c *Client) AddNote(ctx context.Context, uid string, text Personal, readOnly bool) (Note, error) {
	a, err := c.api.Send(ctx, piano.CreateNote, url.Values{"uid": {uid}, "content": {text.Reveal()}, "readonly": {strconv.FormatBool(readOnly)}})
	if err != nil {
		return Note{}, err
	}
	return decoded(a, decodeNote)
}
