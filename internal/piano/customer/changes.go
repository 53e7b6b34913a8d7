package customer

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// Every request here is sent once. Nil means that Piano says it is done; an error that
// wraps piano.ErrOutcomeUnknown means that the result is unknown; any other error means
// that nothing was done.

// Refund refunds a payment: the amount, or all that remains where it is absent.
func (c *Client) Refund(ctx context.Context, paymentID string, amount Amount, revokeAccess bool) (status string, err error) {
	params := url.Values{"user_payment_id": {paymentID}, "revoke_access": {strconv.FormatBool(revokeAccess)}}
	if text := amount.String(); text != "" {
		params.Set("amount", text)
	}
	a, err := c.send(ctx, piano.RefundPayment, params)
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
	a, err := c.send(ctx, piano.GrantAccess, params)
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
	a, err := c.send(ctx, e, params)
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
	a, err := c.send(ctx, piano.AddToInquiry, url.Values{"payment_inquiry_id": {id}, "action": actions, "comment": {text.Reveal()},
		"internal": {strconv.FormatBool(internal)}})
	if err != nil {
		return Inquiry{}, err
	}
	return decoded(a, decodeInquiry)
}

// EditNote replaces the text of a note.
func (c *Client) EditNote(ctx context.Context, id string, text Personal) (Note, error) {
	a, err := c.send(ctx, piano.UpdateNote, url.Values{"user_note_id": {id}, "content": {text.Reveal()}})
	if err != nil {
		return Note{}, err
	}
	return decoded(a, decodeNote)
}

// AddNote writes a note about a user.
func (c *Client) AddNote(ctx context.Context, uid string, text Personal, readOnly bool) (Note, error) {
	a, err := c.send(ctx, piano.CreateNote, url.Values{"uid": {uid}, "content": {text.Reveal()}, "readonly": {strconv.FormatBool(readOnly)}})
	if err != nil {
		return Note{}, err
	}
	return decoded(a, decodeNote)
}
