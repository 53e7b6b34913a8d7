package piano

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"go.uber.org/zap"
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
