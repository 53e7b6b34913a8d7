package piano

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

const (
	// maxRestarts limits how often a list is read from its start because its rows shift.
	maxRestarts = 3
	// maxRows bounds a list in memory. Narrow a longer one by its parameters.
	maxRows = 1_000_000
)

// errShifted: another row is where the last one of the page before was.
var errShifted = errors.New("rows have shifted between two pages")

// Rows reads a whole list of any objects, each once. id is the key of their identity. Each
// page begins with the last row of the page before: if another row is there, rows have
// shifted, and the list is read again from its start. A list that is shorter than it
// announces is an error.
func (c *Client) Rows(ctx context.Context, e Endpoint, params url.Values, id string) ([]json.RawMessage, error) {
	var all []json.RawMessage
	for restart := 0; ; restart++ {
		seen := map[string]bool{}
		all = all[:0]
		err := c.pages(ctx, e, params, id, func(key string, row json.RawMessage) {
			if !seen[key] {
				seen[key] = true
				all = append(all, row)
			}
		})
		if errors.Is(err, errShifted) && restart < maxRestarts {
			continue
		}
		return all, err
	}
}

func (c *Client) pages(ctx context.Context, e Endpoint, params url.Values, id string, each func(key string, row json.RawMessage)) error {
	last, offset := "", 0
	for {
		query := url.Values{"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(c.cfg.PageSize)}}
		for name, values := range params {
			query[name] = values
		}
		a, err := c.Read(ctx, e, query)
		if err != nil {
			return err
		}
		var rows []json.RawMessage
		if err := a.Decode(&rows); err != nil {
			return err
		}
		if a.Total == nil {
			return a.Error(fmt.Errorf("%w: total is missing", ErrShape))
		}
		keys, err := keysOf(rows, id)
		switch {
		case err != nil:
			return a.Error(err)
		case last != "" && (len(rows) == 0 || keys[0] != last):
			return a.Error(errShifted)
		case offset+len(rows) > maxRows:
			return a.Error(fmt.Errorf("%w: a list of more than %d rows", ErrShape, maxRows))
		}
		for i, row := range rows {
			each(keys[i], row)
		}
		switch {
		case offset+len(rows) >= *a.Total:
			return nil
		case len(rows) == 0, len(rows) == 1 && last != "":
			return a.Error(fmt.Errorf("%w: a list of %d rows ends after %d", ErrShape, *a.Total, offset+len(rows)))
		}
		if offset += len(rows); len(rows) > 1 {
			offset--
			last = keys[len(rows)-1]
		} else {
			last = ""
		}
	}
}

// keysOf are the ids of rows.
func keysOf(rows []json.RawMessage, id string) ([]string, error) {
	keys := make([]string, len(rows))
	for i, row := range rows {
		var fields map[string]json.RawMessage
		if json.Unmarshal(row, &fields) != nil || json.Unmarshal(fields[id], &keys[i]) != nil || keys[i] == "" {
			return nil, fmt.Errorf("%w: row %d: %s: want text", ErrShape, i, id)
		}
	}
	return keys, nil
}
