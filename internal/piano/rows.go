package piano

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

const (
	// maxRestarts limits how often a list is read from its start because its rows shift.
	maxRestarts = 3
	// maxRows bounds a list in memory. Narrow a longer one by its parameters.
	maxRows = 1_000_000
)

// errShifted: another row is where the last one of the page before was.
var errShifted = errors.New("rows have shifted between two pages")

// Rows reads a whole list of any objects, each once. id is the key of their identity.
func (c *Client) Rows(ctx context.Context, e Endpoint, params url.Values, id string) ([]json.RawMessage, error) {
	all, more, err := c.rows(ctx, e, params, id, maxRows)
	if err == nil && more {
		err = Answer{of: request{endpoint: e}}.Error(fmt.Errorf("%w: a list of more than %d rows", ErrShape, maxRows))
	}
	return all, err
}

// List reads a list as Rows does, up to about limit rows, into one answer with all of them;
// more means that there are others.
func (c *Client) List(ctx context.Context, e Endpoint, params url.Values, id string, limit int) (a Answer, more bool, err error) {
	all, more, err := c.rows(ctx, e, params, id, limit)
	if err != nil {
		return Answer{}, false, err
	}
	payload, err := json.Marshal(all)
	return Answer{Payload: payload, of: request{endpoint: e}}, more, err
}

// rows reads pages. Each begins with the last row of the page before: if another row is
// there, rows have shifted, and the list is read again from its start. A list that is
// shorter than it announces is an error.
func (c *Client) rows(ctx context.Context, e Endpoint, params url.Values, id string, limit int) (all []json.RawMessage, more bool, err error) {
	for restart := 0; ; restart++ {
		seen := map[string]bool{}
		all = []json.RawMessage{}
		more, err = c.pages(ctx, e, params, id, limit, func(key string, row json.RawMessage) {
			if !seen[key] {
				seen[key] = true
				all = append(all, row)
			}
		})
		if errors.Is(err, errShifted) && restart < maxRestarts {
			continue
		}
		return all, more, err
	}
}

func (c *Client) pages(ctx context.Context, e Endpoint, params url.Values, id string, limit int, each func(key string, row json.RawMessage)) (more bool, err error) {
	last, offset := "", 0
	for {
		query := url.Values{"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(c.cfg.PageSize)}}
		for name, values := range params {
			query[name] = values
		}
		a, err := c.Read(ctx, e, query)
		if err != nil {
			return false, err
		}
		var rows []json.RawMessage
		if !a.Empty() { // an empty list may be null or left out
			if err := a.Decode(&rows); err != nil {
				return false, err
			}
		}
		keys, err := keysOf(rows, id)
		switch {
		case err != nil:
			return false, a.Error(err)
		case last != "" && (len(rows) == 0 || keys[0] != last):
			return false, a.Error(errShifted)
		}
		for i, row := range rows {
			each(keys[i], row)
		}
		read := offset + len(rows)
		added := len(rows) > 1 || len(rows) == 1 && last == ""
		switch {
		case a.Total != nil && read >= *a.Total, a.Total == nil && !added:
			return false, nil
		case !added:
			return false, a.Error(fmt.Errorf("%w: a list of %d rows ends after %d", ErrShape, *a.Total, read))
		case read >= limit:
			return true, nil
		}
		if offset = read; len(rows) > 1 {
			offset--
			last = keys[len(rows)-1]
		} else {
			last = ""
		}
	}
}

// keysOf are the ids of rows, each a text or a number.
func keysOf(rows []json.RawMessage, id string) ([]string, error) {
	keys := make([]string, len(rows))
	for i, row := range rows {
		var fields map[string]json.RawMessage
		if json.Unmarshal(row, &fields) == nil {
			keys[i] = strings.Trim(string(fields[id]), `" `)
		}
		if keys[i] == "" || keys[i] == "null" || strings.ContainsAny(keys[i][:1], "{[") {
			return nil, fmt.Errorf("%w: row %d: %s: want text", ErrShape, i, id)
		}
	}
	return keys, nil
}
