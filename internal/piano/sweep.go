package piano

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"go.uber.org/zap"
)

// Statuses are the known statuses of the API, in its own words. A sweep reads each.
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

	// Unreadable counts rows with another form than expected, and rows that the list
	// announced and did not have. WithoutID counts those of them whose id is unknown: these
	// are not passed on.
	Unreadable int
	WithoutID  int
	Problem    error // of the first unreadable row; names the field
}

// maxUnreadableRows and maxUnreadablePercent limit the unreadable rows of one status, with
// those that it announces and does not have. Single rows that are broken must not hide
// all others. Many mean that the form of the API has
// changed. Both limits must be exceeded, and the percentage is of the announced total. So
// the decision depends neither on the size of a page nor on the order of the rows.
const (
	maxUnreadableRows    = 10
	maxUnreadablePercent = 1
)

// maxRereads limits the pages that are read of one status: so many times as the announced
// total needs. Rows that shift cost some. More mean that the API ignores the offset.
const maxRereads = 8

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
// So page may receive a subscription more than once, and the last one is the newest. It
// receives an unreadable row too, if its id is readable. The error is page's, ctx's, or an
// *Error that names the page; then the sweep is incomplete.
func (c *Client) Sweep(ctx context.Context, page func([]Subscription) error) (SweepReport, error) {
	var report SweepReport
	totals, shifted := map[string]int{}, map[string]bool{}
	for _, status := range Statuses() {
		before := report.Shifts
		total, err := c.sweepStatus(ctx, url.Values{statusParameter: {status}}, page, &report)
		if err != nil {
			return report, err
		}
		totals[status], shifted[status] = total, report.Shifts > before
	}
	for _, status := range Statuses() {
		now, err := c.list(ctx, url.Values{statusParameter: {status}}, 0, 1)
		if err != nil {
			return report, err
		}
		report.Pages++
		if now.total == totals[status] && !shifted[status] {
			continue
		}
		report.Again++
		if _, err := c.sweepStatus(ctx, url.Values{statusParameter: {status}}, page, &report); err != nil {
			return report, err
		}
	}
	return report, nil
}

// sweepStatus reads the list of a query, which names one status, and returns the total
// as of its first page.
func (c *Client) sweepStatus(ctx context.Context, query url.Values, page func([]Subscription) error, report *SweepReport) (total int, err error) {
	var pages pager
	unreadable := 0
	for first := true; ; first = false {
		offset := pages.offset
		fail := func(err error) error {
			return fmt.Errorf("sweep of status %s, offset %d: %w", query.Get(statusParameter), offset, err)
		}
		got, err := c.list(ctx, query, offset, c.cfg.PageSize)
		if err != nil {
			return total, fail(err)
		}
		if first {
			total = got.total
		}
		repeated := pages.last != "" && len(got.rows) > 0 && got.rows[0].ID == pages.last // the last row of the page before
		done, back, err := pages.next(got.rows, total)
		if err != nil {
			return total, fail(err)
		}
		report.Pages++
		report.Rows += len(got.rows)
		if !back { // a page that is read again counts once
			unreadable += got.unreadable
			if repeated && got.rows[0].Unreadable {
				unreadable--
			}
		}
		report.add(got)
		if absent := got.total - offset - len(got.rows); done && absent > 0 {
			short := listError(fmt.Errorf("%w: a list of %d rows ends after %d", ErrShape, got.total, offset+len(got.rows)))
			if offset+len(got.rows) == 0 {
				return total, fail(short) // not one of them
			}
			unreadable += absent
			report.absent(absent, short)
		}
		if unreadable > maxUnreadableRows && unreadable*100 > maxUnreadablePercent*total {
			return total, fail(fmt.Errorf("%d rows of %d are unreadable or absent: %w", unreadable, total, report.Problem))
		}
		if named := withIDs(got.rows); len(named) > 0 {
			if err := page(named); err != nil {
				return total, err
			}
		}
		if back {
			report.Shifts++
			c.log.Debug("rows shifted between two pages", zap.String("status", query.Get(statusParameter)), zap.Int("offset", offset))
		}
		if done {
			return total, nil
		}
	}
}

// add counts the unreadable rows of a page.
func (r *SweepReport) add(page listPage) {
	r.Unreadable += page.unreadable
	for i := range page.rows {
		if page.rows[i].ID == "" {
			r.WithoutID++
		}
	}
	if r.Problem == nil {
		r.Problem = page.problem
	}
}

// absent counts rows that a list announced and did not have. Each may be any subscription.
func (r *SweepReport) absent(rows int, problem error) {
	r.Unreadable += rows
	r.WithoutID += rows
	if r.Problem == nil {
		r.Problem = problem
	}
}

// withIDs are the rows that have an id.
func withIDs(rows []Subscription) []Subscription {
	without := func(s Subscription) bool { return s.ID == "" }
	if !slices.ContainsFunc(rows, without) {
		return rows
	}
	return slices.DeleteFunc(slices.Clone(rows), without)
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
	read   int            // Pages.
	step   int            // The least that a page has moved the offset on; 0 before the first.
}

// exhausted reports whether more pages were read than a list of this total needs, even
// when rows shift.
func (p *pager) exhausted(rows, total int) bool {
	if step := max(rows-1, 1); p.step == 0 || step < p.step {
		p.step = step
	}
	p.read++
	return p.read > maxRereads*(total/p.step+2)
}

// next sets the offset of the page after these rows, of a list with this announced total.
// back: rows have shifted, and the page before is read again. done: these rows are the
// last.
func (p *pager) next(rows []Subscription, total int) (done, back bool, err error) {
	if p.exhausted(len(rows), total) {
		return false, false, listError(fmt.Errorf("%w: %d pages read of a list of %d rows, and it does not end: the API ignores the offset, "+
			"or its rows never keep their order", ErrShape, p.read, total))
	}
	if p.same++; len(rows) == 0 || !slices.EqualFunc(rows, p.before, sameID) {
		p.same = 0
	}
	if p.same > maxShifts {
		return false, false, listError(fmt.Errorf("%w: the same rows at every offset", ErrShape))
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
