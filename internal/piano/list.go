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
	_, err := c.list(ctx, url.Values{"status": {Statuses()[0]}}, 0, 1)
	return err
}

// Get returns one subscription, with the fields that only this endpoint has. Without one
// the error wraps ErrNotFound. An answer about another subscription is an ErrShape.
func (c *Client) Get(ctx context.Context, id string) (Subscription, error) {
	const endpoint = "/publisher/subscription/get"
	e, err := c.call(ctx, request{method: http.MethodGet, base: c.cfg.BaseURL, endpoint: endpoint,
		params: url.Values{"subscription_id": {id}}})
	if err != nil {
		return Subscription{}, err
	}
	s, err := decodeSubscription(e.payload, "subscription", c.filter)
	if err == nil && !strings.EqualFold(s.ID, transform.Guard(strings.TrimSpace(id))) {
		err = fmt.Errorf("%w: subscription.subscription_id: is not the requested one", ErrShape)
	}
	if err != nil {
		return Subscription{}, &Error{Endpoint: endpoint, Status: http.StatusOK, cause: err}
	}
	return s, nil
}

const listEndpoint = "/publisher/subscription/list"

// listPage is one page of a list.
type listPage struct {
	rows  []Subscription
	total int
}

func (c *Client) list(ctx context.Context, params url.Values, offset, limit int) (listPage, error) {
	params.Set("offset", strconv.Itoa(offset))
	params.Set("limit", strconv.Itoa(limit))
	e, err := c.call(ctx, request{method: http.MethodGet, base: c.cfg.BaseURL, endpoint: listEndpoint, params: params})
	if err != nil {
		return listPage{}, err
	}
	fail := func(err error) (listPage, error) {
		return listPage{}, &Error{Endpoint: listEndpoint, Status: http.StatusOK, cause: err}
	}
	var raws []json.RawMessage
	switch {
	case e.payload == nil:
		return fail(fmt.Errorf("%w: the subscriptions are missing", ErrShape))
	case json.Unmarshal(e.payload, &raws) != nil:
		return fail(fmt.Errorf("%w: %s: want array", ErrShape, shown(e.key)))
	case e.Total == nil:
		return fail(fmt.Errorf("%w: total is missing", ErrShape))
	}
	page := listPage{rows: make([]Subscription, 0, len(raws)), total: *e.Total}
	for i, raw := range raws {
		s, err := decodeSubscription(raw, fmt.Sprintf("%s[%d]", shown(e.key), i), c.filter)
		if err != nil {
			return fail(err)
		}
		page.rows = append(page.rows, s)
	}
	return page, nil
}
