package customer

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// Inquiry is a question of a user to the publisher.
type Inquiry struct {
	ID                   string
	State                string // Piano's number; their names are not published
	Category             Personal
	Reason               Personal
	ResourceName         string
	PaymentID            string
	CreatedAt, UpdatedAt *time.Time
}

type inquiry struct {
	ID       word       `json:"payment_inquiry_id"`
	State    word       `json:"state"`
	Category Personal   `json:"category"`
	Reason   Personal   `json:"inquiry_reason"`
	Resource resource   `json:"resource"`
	Payment  word       `json:"transaction_id"`
	Created  piano.Date `json:"create_date"`
	Updated  piano.Date `json:"update_state_date"`
}

func decodeInquiry(raw inquiry) (Inquiry, error) {
	i := Inquiry{ID: string(raw.ID), State: string(raw.State), Category: raw.Category, Reason: raw.Reason, ResourceName: string(raw.Resource.Name), PaymentID: string(raw.Payment)}
	if i.ID == "" {
		return Inquiry{}, fmt.Errorf("%w: inquiry.payment_inquiry_id: is missing", piano.ErrShape)
	}
	readable(map[string]dateField{"create_date": {raw.Created, &i.CreatedAt}, "update_state_date": {raw.Updated, &i.UpdatedAt}})
	return i, nil
}

// Inquiries reads the inquiries of a user, open and resolved.
func (c *Client) Inquiries(ctx context.Context, uid string) (rows []Inquiry, more bool, err error) {
	return all(ctx, c, piano.ListInquiries, url.Values{"uid": {uid}}, "payment_inquiry_id", decodeInquiry)
}

// Comment is one text of an inquiry.
type Comment struct {
	ID          string
	Submitter   string // Piano's number: most likely 0 user, 1 publisher, 2 system
	Internal    bool
	CreatedAt   *time.Time
	Message     Personal
	Name, Email Personal
}

type comment struct {
	ID        word       `json:"comment_id"`
	Submitter word       `json:"submitter_type"`
	Internal  flag       `json:"internal"`
	Created   piano.Date `json:"create_date"`
	Message   Personal   `json:"message"`
	Name      Personal   `json:"name"`
	Email     Personal   `json:"email"`
}

// Comments reads the texts of an inquiry.
func (c *Client) Comments(ctx context.Context, inquiryID string) ([]Comment, error) {
	return one(ctx, c, piano.ListInquiryComments, url.Values{"payment_inquiry_id": {inquiryID}}, func(raw []comment) ([]Comment, error) {
		rows := make([]Comment, 0, len(raw))
		for _, r := range raw {
			row := Comment{ID: string(r.ID), Submitter: string(r.Submitter), Internal: r.Internal.on, Message: r.Message, Name: r.Name, Email: r.Email}
			readable(map[string]dateField{"create_date": {r.Created, &row.CreatedAt}})
			rows = append(rows, row)
		}
		return rows, nil
	})
}

// InquiryActions reads which actions an inquiry allows, by Piano's names.
func (c *Client) InquiryActions(ctx context.Context, inquiryID string) ([]string, error) {
	type action struct {
		Caption word `json:"caption"`
	}
	return one(ctx, c, piano.ListInquiryActions, url.Values{"payment_inquiry_id": {inquiryID}}, func(raw []action) ([]string, error) {
		var names []string
		for _, a := range raw {
			names = append(names, string(a.Caption))
		}
		slices.Sort(names)
		return names, nil
	})
}

// OpenInquiries counts the inquiries of a user that are not resolved.
func (c *Client) OpenInquiries(ctx context.Context, uid string) (int, error) {
	a, err := c.read(ctx, piano.CountOpenInquiries, url.Values{"uid": {uid}})
	switch {
	case err != nil:
		return 0, err
	case a.Empty() && a.Count != nil:
		return *a.Count, nil
	}
	var n int
	err = a.Decode(&n)
	return n, err
}
