package piano

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/pianola/pianola/transform"
)

// Statuses are those that the API is known to have; a sweep asks for each.
func Statuses() []string {
	return []string{"active", "cancelled", "fail_and_retry", "expired_with_error", "expired", "completed",
		"deleted", "wait_confirmed", "upgraded", "pending", "not_started"}
}

// SweepReport says what a sweep has read. Rows count a subscription each time that
// it was read.
type SweepReport struct {
	Pages  int
	Rows   int
	Shifts int // times that rows had moved between two pages, and were read again
	Again  int // statuses that were read a second time because of that, or because their total had moved
}

// maxShifts bounds how often in a row one page is read again: in a world that
// moves faster than it is read, going on is better than standing still. What was
// missed is noticed by the second pass, or by asking again about single ones.
const maxShifts = 5

// Sweep reads every subscription of every status and hands on a page at a time;
// page must not keep the slice. It survives rows that shift while it reads:
//
//   - The next page is asked for by what came, not by what was asked for, and
//     begins with the last row of the page before. If another row stands there,
//     rows have moved, and it goes back by a page.
//   - A status in which rows have moved, or whose total has by the end, is read a
//     second time, after all others: what was updated may have jumped over the
//     reader, and what left one status has come to another.
//
// So a subscription may be handed on more than once: the caller keeps the last.
// The error is page's, ctx's, or an *Error that names the page; then the sweep is
// not complete.
func (c *Client) Sweep(ctx context.Context, page func([]Subscription) error) (SweepReport, error) {
	var report SweepReport
	totals, shifted := map[string]int{}, map[string]bool{}
	for _, status := range Statuses() {
		before := report.Shifts
		total, err := c.sweepStatus(ctx, url.Values{"status": {status}}, page, &report)
		if err != nil {
			return report, err
		}
		totals[status], shifted[status] = total, report.Shifts > before
	}
	for _, status := range Statuses() {
		now, err := c.list(ctx, url.Values{"status": {status}}, 0, 1)
		if err != nil {
			return report, err
		}
		report.Pages++
		if now.total == totals[status] && !shifted[status] {
			continue
		}
		report.Again++
		if _, err := c.sweepStatus(ctx, url.Values{"status": {status}}, page, &report); err != nil {
			return report, err
		}
	}
	return report, nil
}

// sweepStatus reads the list of a query, which names one status, and gives the
// total as of its first page.
func (c *Client) sweepStatus(ctx context.Context, query url.Values, page func([]Subscription) error, report *SweepReport) (total int, err error) {
	offset, last, shifts, back := 0, "", 0, 0
	var before []Subscription
	same := 0 // pages in a row that are the one before, though another offset was asked for
	for first := true; ; first = false {
		got, err := c.list(ctx, query, offset, c.cfg.PageSize)
		if err == nil && len(got.rows) > 0 && slices.EqualFunc(got.rows, before, sameID) {
			if same++; same > maxShifts {
				err = &Error{Endpoint: listEndpoint, Status: http.StatusOK, cause: fmt.Errorf("%w: the same rows whatever the offset", ErrShape)}
			}
		} else {
			same = 0
		}
		if err != nil {
			return total, fmt.Errorf("sweep of status %s, offset %d: %w", query.Get("status"), offset, err)
		}
		before = got.rows
		report.Pages++
		report.Rows += len(got.rows)
		if first {
			total = got.total
		}
		moved := last != "" && (len(got.rows) == 0 || got.rows[0].ID != last)
		if len(got.rows) > 0 {
			if err := page(got.rows); err != nil {
				return total, err
			}
		}
		switch {
		case moved && shifts < maxShifts:
			shifts++
			report.Shifts++
			c.log.Debug("rows have moved between two pages", zap.String("status", query.Get("status")), zap.Int("offset", offset))
			offset, last = max(0, offset-back), ""
			continue
		case len(got.rows) == 0, len(got.rows) == 1 && last != "" && !moved:
			return total, nil
		}
		if last != "" && !moved {
			shifts = 0
		}
		back = len(got.rows) // the API may give fewer than were asked for
		offset += len(got.rows)
		if last = got.rows[len(got.rows)-1].ID; len(got.rows) > 1 {
			offset-- // the next page begins with this one's last row
		} else {
			last = ""
		}
	}
}

func sameID(a, b Subscription) bool { return a.ID == b.ID }

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
