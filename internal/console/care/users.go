package care

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/piano/customer"
)

// shownField is a filter with the value of the request.
type shownField struct {
	filterField
	Value   string
	Suggest []string
}

// usersContent is the page of the list.
type usersContent struct {
	Fields   []shownField
	Only     string
	Sort     string
	Pianos   []option
	Sorts    []option
	Rows     []row
	Total    string // empty where it would need all users
	Next     string // address; empty on the last page
	CSV      string
	First    string
	Live     string // address with Piano's marks; empty where they are there
	Wrong    string
	Missing  []string // users that Piano found and our tables do not have
	Piano    string   // what Piano said, or why it could not be asked
	Filtered bool
	Now      time.Time
}

// users is the list of users.
func (p pages) users(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	f, wrong := parseFilter(query)
	content := usersContent{Only: f.only, Sort: f.sort.Value, Wrong: strings.Join(wrong, ", "), Filtered: len(f.query()) > 0, Now: p.Now()}
	var among []string
	if f.only != "" {
		found, more, err := p.marked(req.Context(), f.only)
		if err != nil {
			p.FailRead(w, req, err)
			return
		}
		among = found
		content.Piano = "Piano was asked just now."
		if more {
			content.Piano = "Piano has more such users than the 1,000 that were read."
		}
	}
	if query.Has("csv") {
		p.idsAsCSV(w, req, f, among)
		return
	}
	if f.walks() {
		rows, next, err := p.walk(req.Context(), f.walked)
		if err != nil {
			p.FailRead(w, req, err)
			return
		}
		content.Rows = rows
		if next != "" {
			content.Next = address(f.query(), "walked", next, "piano", query.Get("piano"))
		}
	} else if !p.listed(w, req, f, among, &content) {
		return
	}
	if f.only != "" {
		content.Missing = p.missing(req.Context(), among)
	}
	content.CSV, content.First = address(f.query(), "csv", "ids"), address(f.query())
	if query.Get("piano") != "" {
		if err := p.mark(req.Context(), content.Rows); err != nil {
			content.Piano = "Piano's marks could not be read: " + err.Error()
		}
	} else {
		content.Live = address(f.query(), "after", f.afterKey, "user", f.afterUser, "walked", f.walked, "piano", "1")
	}
	for _, field := range ourFilters {
		content.Fields = append(content.Fields, shownField{filterField: field, Value: f.values[field.Name], Suggest: p.suggestions(req.Context(), field.Suggest)})
	}
	for _, one := range pianoFilters {
		content.Pianos = append(content.Pianos, one.option)
	}
	for _, one := range sortings {
		content.Sorts = append(content.Sorts, option{one.Value, one.Label})
	}
	p.Page(w, req, http.StatusOK, "care-users", "Users", content)
}

// listed reads a page of a list with filters or an order, and the number of its users. It is
// false when the answer was written.
func (p pages) listed(w http.ResponseWriter, req *http.Request, f filter, among []string, content *usersContent) bool {
	var rows []row
	var total *figures.Table
	var group errgroup.Group
	group.Go(func() (err error) {
		rows, err = p.rows(req.Context(), figures.Query{SQL: f.listSQL(f.only != "") + "\nLIMIT 26"}.With(f.params(among)))
		return err
	})
	group.Go(func() (err error) {
		total, err = p.Figures.Table(req.Context(), figures.Query{SQL: f.countSQL(f.only != ""), Keep: countKeep}.With(f.params(among)))
		return err
	})
	if err := group.Wait(); err != nil {
		p.FailRead(w, req, err)
		return false
	}
	content.Total = total.Text(0, 0)
	if len(rows) > pageSize {
		rows = rows[:pageSize]
		content.Next = address(f.query(), "after", rows[pageSize-1].Key, "user", rows[pageSize-1].ID, "piano", req.URL.Query().Get("piano"))
	}
	content.Rows = rows
	return true
}

// address is one of the list.
func address(q url.Values, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return "/care/users?" + q.Encode()
}

// marked are the ids of the users that Piano finds by one of its filters, at most 1,000.
func (p pages) marked(ctx context.Context, only string) (ids []string, more bool, err error) {
	i := slices.IndexFunc(pianoFilters, func(f pianoFilter) bool { return f.Value == only })
	found, err := p.Customers.Search(ctx, pianoFilters[i].query, customer.Page{Limit: customer.MaxPage})
	if err != nil {
		return nil, false, err
	}
	for _, u := range found.Rows {
		if !strings.Contains(u.UID, ",") {
			ids = append(ids, u.UID)
		}
	}
	return ids, found.Total > len(found.Rows), nil
}

// mark sets the marks that only Piano has.
func (p pages) mark(ctx context.Context, rows []row) error {
	for _, mark := range []string{markInquiry, markCard} {
		ids, _, err := p.marked(ctx, mark)
		if err != nil {
			return err
		}
		for i := range rows {
			if slices.Contains(ids, rows[i].ID) {
				rows[i].Inquiry = rows[i].Inquiry || mark == markInquiry
				rows[i].CardSoon = rows[i].CardSoon || mark == markCard
			}
		}
	}
	return nil
}

// missing are the users that have no subscription in our tables.
func (p pages) missing(ctx context.Context, ids []string) []string {
	rows, err := p.rowsOf(ctx, ids)
	if err != nil {
		return nil
	}
	var all []string
	for _, one := range rows {
		if !one.Known {
			all = append(all, one.ID)
		}
	}
	return all
}

// suggestions are the values of a column with the most charges.
func (p pages) suggestions(ctx context.Context, column string) []string {
	if column == "" {
		return nil
	}
	t, err := p.Figures.Table(ctx, figures.Query{Keep: 10 * time.Minute, // a constant of ourFilters
		SQL: "SELECT toString(" + column + ") AS value FROM revenue_by_month WHERE value != '' GROUP BY value ORDER BY sum(charge_count) DESC LIMIT 100"})
	if err != nil {
		return nil // the field works without
	}
	var all []string
	for i := range t.Rows {
		all = append(all, t.Text(i, 0))
	}
	return all
}

// idsAsCSV writes the ids of the list: of users, and of their subscriptions.
func (p pages) idsAsCSV(w http.ResponseWriter, req *http.Request, f filter, among []string) {
	f.afterKey, f.afterUser = "", ""
	q := figures.Query{Keep: listKeep, SQL: `SELECT user_id, subscription_ids
FROM
(
    SELECT user_id, arrayStringConcat(arraySort(groupArrayIf(subscription_id, ` + f.where() + `)), ' ') AS subscription_ids
    FROM subscription_state
    WHERE user_id != ''` + map[bool]string{true: " AND " + ofIDs}[f.only != ""] + `
    GROUP BY user_id
)
WHERE subscription_ids != '' ORDER BY user_id`}
	t, err := p.Figures.Table(req.Context(), q.With(f.params(among)))
	if err != nil {
		p.FailRead(w, req, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="pianola-users.csv"`)
	if t.Cut {
		w.Header().Set("Pianola-Rows-Left-Out", "true")
	}
	if err := t.WriteCSV(w); err != nil {
		p.Log.Debug("csv not written")
	}
}
