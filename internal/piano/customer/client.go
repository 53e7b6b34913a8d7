package customer

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// Client reads customers. It is safe for concurrent use. All its requests share the rate
// limit of the piano.Client.
type Client struct {
	api *piano.Client

	now       func() time.Time
	features  kept[Features]
	resources kept[[]Resource]
	terms     kept[[]Term]
	originals originals
}

// New creates a Client. It does no I/O.
func New(api *piano.Client) *Client { return &Client{api: api, now: time.Now} }

// Piano returns the client below, which reads subscriptions without personal data.
func (c *Client) Piano() *piano.Client { return c.api }

// Page is a part of a list.
type Page struct{ Offset, Limit int }

// Listed is one page of a list. Total is the number of rows in all. Rows shift while a
// list is read, so two pages may have the same row.
type Listed[T any] struct {
	Rows  []T
	Total int
}

const (
	// MaxPage is the largest page. Piano allows 1000 for users.
	MaxPage = 1000
	// maxRows limits a list that is read whole: the parts of one customer.
	maxRows = 2000
)

// params are the parameters of a page.
func (p Page) params() (url.Values, error) {
	if p.Offset < 0 || p.Limit < 1 || p.Limit > MaxPage {
		return nil, fmt.Errorf("page: the offset must be 0 or more, and the limit 1 to %d", MaxPage)
	}
	return url.Values{"offset": {strconv.Itoa(p.Offset)}, "limit": {strconv.Itoa(p.Limit)}}, nil
}

// list reads one page and decodes its rows.
func list[R, T any](ctx context.Context, c *Client, e piano.Endpoint, p Page, params url.Values, decode func(R) (T, error)) (Listed[T], error) {
	paging, err := p.params()
	if err != nil {
		return Listed[T]{}, err
	}
	for name, values := range params {
		paging[name] = values
	}
	a, err := c.read(ctx, e, paging)
	if err != nil {
		return Listed[T]{}, err
	}
	var raw []R
	if !a.Empty() { // an empty list may be null or left out
		if err := a.Decode(&raw); err != nil {
			return Listed[T]{}, err
		}
	} else if a.Total != nil && *a.Total > p.Offset {
		return Listed[T]{}, a.Error(fmt.Errorf("%w: the rows are missing", piano.ErrShape))
	}
	listed := Listed[T]{Rows: make([]T, 0, len(raw)), Total: p.Offset + len(raw)}
	if a.Total != nil {
		listed.Total = max(*a.Total, 0)
	}
	for _, one := range raw {
		row, err := decode(one)
		if err != nil {
			return Listed[T]{}, a.Error(err)
		}
		listed.Rows = append(listed.Rows, row)
	}
	return listed, nil
}

// all reads a whole list of one customer, each row once. id is the key of their identity.
// more means that there are others.
func all[R, T any](ctx context.Context, c *Client, e piano.Endpoint, params url.Values, id string, decode func(R) (T, error)) (rows []T, more bool, err error) {
	params, err = c.withOriginal(params)
	if err != nil {
		return nil, false, err
	}
	a, more, err := c.api.List(ctx, e, params, id, maxRows)
	if err != nil {
		return nil, false, err
	}
	var raws []R
	if err := a.Decode(&raws); err != nil {
		return nil, false, err
	}
	rows = make([]T, 0, len(raws))
	for _, raw := range raws {
		row, err := decode(raw)
		if err != nil {
			return nil, false, a.Error(err)
		}
		rows = append(rows, row)
	}
	return rows, more, nil
}

// one reads one object.
func one[R, T any](ctx context.Context, c *Client, e piano.Endpoint, params url.Values, decode func(R) (T, error)) (T, error) {
	var none T
	a, err := c.read(ctx, e, params)
	if err != nil {
		return none, err
	}
	return decoded(a, decode)
}

// decoded decodes the object of an answer.
func decoded[R, T any](a piano.Answer, decode func(R) (T, error)) (T, error) {
	var raw R
	var none T
	if err := a.Decode(&raw); err != nil {
		return none, err
	}
	row, err := decode(raw)
	if err != nil {
		return none, a.Error(err)
	}
	return row, nil
}

// yes reads a call that answers with true or false.
func (c *Client) yes(ctx context.Context, e piano.Endpoint, params url.Values) (bool, error) {
	a, err := c.read(ctx, e, params)
	if err != nil {
		return false, err
	}
	var f flag
	if err := a.Decode(&f); err != nil {
		return false, err
	}
	return f.on, nil
}
