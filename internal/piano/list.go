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

// Check asks for one row of a list: nil where the API accepts address, application
// and token, and answers in its form.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.list(ctx, url.Values{"status": {Statuses()[0]}}, 0, 1)
	return err
}

// Get gives one subscription, with what only this way tells. Where there is none
// the error wraps ErrNotFound. An answer about another one is no answer.
func (c *Client) Get(ctx context.Context, id string) (Subscription, error) {
	const endpoint = "/publisher/subscription/get"
	e, err := c.call(ctx, request{method: http.MethodGet, base: c.cfg.BaseURL, endpoint: endpoint,
		params: url.Values{"subscription_id": {id}}})
	if err != nil {
		return Subscription{}, err
	}
	s, err := decodeSubscription(e.payload, "subscription", c.filter)
	if err == nil && !strings.EqualFold(s.ID, transform.Guard(strings.TrimSpace(id))) {
		err = fmt.Errorf("%w: subscription.subscription_id: is not the one that was asked for", ErrShape)
	}
	if err != nil {
		return Subscription{}, &Error{Endpoint: endpoint, Status: http.StatusOK, cause: err}
	}
	return s, nil
}

const listEndpoint = "/publisher/subscription/list"

// listed is one page.
type listed struct {
	rows  []Subscription
	total int
}

func (c *Client) list(ctx context.Context, params url.Values, offset, limit int) (listed, error) {
	params.Set("offset", strconv.Itoa(offset))
	params.Set("limit", strconv.Itoa(limit))
	e, err := c.call(ctx, request{method: http.MethodGet, base: c.cfg.BaseURL, endpoint: listEndpoint, params: params})
	if err != nil {
		return listed{}, err
	}
	fail := func(err error) (listed, error) {
		return listed{}, &Error{Endpoint: listEndpoint, Status: http.StatusOK, cause: err}
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
	page := listed{rows: make([]Subscription, 0, len(raws)), total: *e.Total}
	for i, raw := range raws {
		s, err := decodeSubscription(raw, fmt.Sprintf("%s[%d]", shown(e.key), i), c.filter)
		if err != nil {
			return fail(err)
		}
		page.rows = append(page.rows, s)
	}
	return page, nil
}
