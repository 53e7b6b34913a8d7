package piano

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"go.uber.org/zap"
)

// Statuses are the known statuses of the API; a sweep reads each.
func Statuses() []string {
	return []string{"active", "cancelled", "fail_and_retry", "expired_with_error", "expired", "completed",
		"deleted", "wait_confirmed", "upgraded", "pending", "not_started"}
}

// SweepReport counts what a sweep has read. Rows counts a subscription each time.
type SweepReport struct {
	Pages  int
	Rows   int
	Shifts int // times that rows had shifted between two pages, and were read again
	Again  int // statuses that were read a second time because of shifts or a changed total
}

// maxShifts limits how often in a row one page is read again: when rows shift faster
// than they are read, the sweep must continue. The second pass or a later Get finds
// what was missed.
const maxShifts = 5

// Sweep reads every subscription of every status and passes on one page at a time; page
// must not keep the slice. Rows may shift while it reads:
//
//   - The offset of the next page depends on the rows received, not on those
//     requested. Each page starts with the last row of the page before. If another row
//     is there, rows have shifted, and the page before is read again.
//   - A status with shifted rows or a changed total is read a second time, after all
//     others: an updated row may have skipped the reader, and a row that left one
//     status has moved to another.
//
// So page may receive a subscription more than once, and the last one is the newest. The
// error is page's, ctx's, or an *Error that names the page; then the sweep is incomplete.
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

// sweepStatus reads the list of a query, which names one status, and returns the total
// as of its first page.
func (c *Client) sweepStatus(ctx context.Context, query url.Values, page func([]Subscription) error, report *SweepReport) (total int, err error) {
	var pages pager
	for first := true; ; first = false {
		offset := pages.offset
		var done, back bool
		got, err := c.list(ctx, query, offset, c.cfg.PageSize)
		if err == nil {
			done, back, err = pages.next(got.rows)
		}
		if err != nil {
			return total, fmt.Errorf("sweep of status %s, offset %d: %w", query.Get("status"), offset, err)
		}
		report.Pages++
		report.Rows += len(got.rows)
		if first {
			total = got.total
		}
		if len(got.rows) > 0 {
			if err := page(got.rows); err != nil {
				return total, err
			}
		}
		if back {
			report.Shifts++
			c.log.Debug("rows shifted between two pages", zap.String("status", query.Get("status")), zap.Int("offset", offset))
		}
		if done {
			return total, nil
		}
	}
}

// pager decides which page comes next. Each page starts with the last row of the page
// before, which shows whether rows have shifted.
type pager struct {
	offset int            // Of the next page.
	last   string         // Expected id of its first row; empty for any.
	back   int            // Rows of the last page without a shift.
	shifts int            // Pages in a row with a shift.
	before []Subscription // The page before.
	same   int            // Pages in a row with the rows of the page before.
}

// next sets the offset of the page after these rows. back: rows have shifted, and the
// page before is read again. done: these rows are the last.
func (p *pager) next(rows []Subscription) (done, back bool, err error) {
	if p.same++; len(rows) == 0 || !slices.EqualFunc(rows, p.before, sameID) {
		p.same = 0
	}
	if p.same > maxShifts {
		return false, false, &Error{Endpoint: listEndpoint, Status: http.StatusOK, cause: fmt.Errorf("%w: the same rows at every offset", ErrShape)}
	}
	p.before = rows
	shifted := p.last != "" && (len(rows) == 0 || rows[0].ID != p.last)
	switch {
	case shifted && p.shifts < maxShifts:
		p.shifts++
		p.offset, p.last = max(0, p.offset-p.back), ""
		return false, true, nil
	case len(rows) == 0, len(rows) == 1 && p.last != "" && !shifted:
		return true, false, nil
	}
	if p.last != "" && !shifted {
		p.shifts = 0
	}
	p.back = len(rows) // the API may return fewer than requested
	p.offset, p.last = p.offset+len(rows), ""
	if len(rows) > 1 {
		p.offset, p.last = p.offset-1, rows[len(rows)-1].ID
	}
	return false, false, nil
}

func sameID(a, b Subscription) bool { return a.ID == b.ID }
