package piano

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/pianola/pianola/transform"
)

// Check reads one row of a list. Nil means that address, application and token are valid
// and the answer has the expected form.
func (c *Client) Check(ctx context.Context) error {
	page, err := c.list(ctx, url.Values{statusParameter: {Statuses()[0]}}, 0, 1)
	if err == nil {
		err = page.problem
	}
	return err
}

// Get returns one subscription, with the fields that only this endpoint has. Without one
// the error wraps ErrNotFound. An answer about another subscription is an ErrShape.
func (c *Client) Get(ctx context.Context, id string) (Subscription, error) {
	e, err := c.call(ctx, request{endpoint: getSubscription, params: url.Values{"subscription_id": {id}}})
	if err != nil {
		return Subscription{}, err
	}
	s, err := decodeSubscription(e.payload, "subscription", c.filter)
	if err == nil && !strings.EqualFold(s.ID, transform.Guard(strings.TrimSpace(id))) {
		err = fmt.Errorf("%w: subscription.subscription_id: is not the requested one", ErrShape)
	}
	if err != nil {
		return Subscription{}, &Error{Endpoint: getSubscription.path, Status: http.StatusOK, cause: err}
	}
	return s, nil
}

// UserOf returns the user id of a subscription as Piano has it. It may be an e-mail
// address: it must stay in memory.
func (c *Client) UserOf(ctx context.Context, id string) (string, error) {
	a, err := c.Read(ctx, getSubscription, url.Values{"subscription_id": {id}})
	if err != nil {
		return "", err
	}
	var s struct {
		User struct {
			UID string `json:"uid"`
		} `json:"user"`
	}
	err = a.Decode(&s)
	return s.User.UID, err
}

// statusParameter is the parameter of a list that selects a status. The API also has a
// parameter "status", with the words of the reports (such as failedAndRetry).
const statusParameter = "type"

// listPage is one page of a list.
type listPage struct {
	rows       []Subscription
	total      int
	unreadable int   // of the rows
	problem    error // of the first of these
}

func (c *Client) list(ctx context.Context, params url.Values, offset, limit int) (listPage, error) {
	params.Set("offset", strconv.Itoa(offset))
	params.Set("limit", strconv.Itoa(limit))
	e, err := c.call(ctx, request{endpoint: listSubscriptions, params: params})
	if err != nil {
		return listPage{}, err
	}
	const key = "subscriptions"
	var raws []json.RawMessage
	switch {
	case e.payload == nil:
		return listPage{}, listError(fmt.Errorf("%w: the subscriptions are missing", ErrShape))
	case json.Unmarshal(e.payload, &raws) != nil:
		return listPage{}, listError(fmt.Errorf("%w: %s: want array", ErrShape, key))
	case e.Total == nil:
		return listPage{}, listError(fmt.Errorf("%w: total is missing", ErrShape))
	}
	page := listPage{rows: make([]Subscription, 0, len(raws)), total: *e.Total}
	for i, raw := range raws {
		s, err := decodeSubscription(raw, fmt.Sprintf("%s[%d]", key, i), c.filter)
		if err != nil {
			s = unreadable(raw)
			page.unreadable++
			if page.problem == nil {
				page.problem = listError(err)
			}
		}
		page.rows = append(page.rows, s)
	}
	return page, nil
}

// listError is an error about the answer to a list.
func listError(cause error) error {
	return &Error{Endpoint: listSubscriptions.path, Status: http.StatusOK, cause: cause}
}
