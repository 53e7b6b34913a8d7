package care

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/console/figures"
)

// pageSize is how many users a page of the list has.
const pageSize = 25

// row is a user as our tables have the user.
type row struct {
	ID, Key           string
	First             string // the smallest id of the user's subscriptions
	Subscriptions     string
	Live              string
	Statuses          string // in words, with the number of live subscriptions where there are several
	Terms, Countries  string
	Since, Ends, Last string
	Trial, Failed     bool
	Drift             bool
	CardSoon, Inquiry bool // from Piano
	Name, Email       string
	Known             bool // our tables have the user
}

// columns of a user, over all subscriptions of the user.
const userColumns = `user_id,
    min(subscription_id) AS first_id,
    count() AS subscriptions,
    countIf(NOT closed) AS live,
    arrayStringConcat(arraySort(groupUniqArray(status::String)), ', ') AS statuses,
    arrayStringConcat(arraySort(groupUniqArrayIf(3)(ifNull(term_name, ''), NOT closed)), '; ') AS terms,
    arrayStringConcat(arraySort(groupUniqArray(ifNull(country, ''))), ', ') AS countries,
    min(started_at) AS since_at,
    minIf(current_period_ends_at, NOT closed) AS ends,
    max(last_event_at) AS last_event,
    countIf(in_trial AND NOT closed) > 0 AS trial,
    maxIf(failed_payments, NOT closed) AS failed_now,
    countIf(` + openDrift + `) > 0 AS drifts`

// ownedBy is the condition of subscription_state for the users of a condition on user_id. The
// table has an index on users, and is in the order of subscriptions: so the ids are found
// first, by the index, among all rows that ever named the users.
func ownedBy(users string) string {
	return "subscription_id IN (SELECT subscription_id FROM subscriptions WHERE " + users + ") AND " + users
}

// ofUser and ofIDs are the subscriptions of one user and of several.
var (
	ofUser = ownedBy("user_id = {user:String}")
	ofIDs  = ownedBy("user_id IN splitByChar(',', {ids:String})")
)

// listSQL reads a page of the list. It reads one row more than the page has.
func (f filter) listSQL(ids bool) string {
	among := ""
	if ids {
		among = " AND " + ofIDs
	}
	after := ""
	if f.afterUser != "" {
		after = "\nWHERE (key, user_id) > ({after:Int64}, {user:String})"
	}
	return `SELECT *, ` + f.sort.key + ` AS key
FROM
(
    SELECT ` + userColumns + `
    FROM subscription_state
    WHERE user_id != ''` + among + `
    GROUP BY user_id
    HAVING countIf(` + f.where() + `) > 0
)` + after + `
ORDER BY key, user_id`
}

// countSQL counts the users that the list has.
func (f filter) countSQL(ids bool) string {
	among := ""
	if ids {
		among = " AND " + ofIDs
	}
	return "SELECT uniqExact(user_id) FROM subscription_state WHERE user_id != ''" + among + " AND " + f.where()
}

// params are the values of the query of a filter. ids are those among which it searches.
func (f filter) params(ids []string) map[string]string {
	params := map[string]string{"after": f.afterKey, "user": f.afterUser, "ids": joined(ids)}
	maps.Copy(params, f.values)
	return params
}

// joined are ids as one parameter. An id with a comma does not exist in Piano.
func joined(ids []string) string { return strings.Join(ids, ",") }

// listKeep is short: an agent who has changed something looks again.
const (
	listKeep  = time.Second
	countKeep = 5 * time.Second
)

// rows reads users by a query of listSQL.
func (p pages) rows(ctx context.Context, q figures.Query) ([]row, error) {
	q.Keep = listKeep
	t, err := p.Figures.Table(ctx, q)
	if err != nil {
		return nil, err
	}
	var all []row
	for i := range t.Rows {
		text := func(name string) string {
			if at := t.Index(name); at >= 0 {
				return t.Text(i, at)
			}
			return ""
		}
		day := func(name string) string { day, _, _ := strings.Cut(text(name), " "); return day }
		all = append(all, row{ID: text("user_id"), Key: text("key"), First: text("first_id"), Subscriptions: text("subscriptions"), Live: text("live"), Statuses: statusesText(text("statuses"), text("live"), text("subscriptions")),
			Terms: text("terms"), Countries: text("countries"), Since: day("since_at"), Ends: day("ends"), Last: day("last_event"),
			Trial: isOne(text("trial")), Failed: text("failed_now") != "0", Drift: isOne(text("drifts")), Known: true})
	}
	return all, nil
}

func statusesText(statuses, live, all string) string {
	names := strings.Split(statuses, ", ")
	for i := range names {
		names[i] = statusText(names[i])
	}
	text := strings.Join(names, "; ")
	if all != "1" {
		text += " (" + live + " of " + all + " live)"
	}
	return text
}

// ShortID is the id in a table: the hash of an address is long.
func (r row) ShortID() string {
	if at := strings.Index(r.ID, "sha256:"); at >= 0 && len(r.ID) > at+20 {
		return r.ID[:at+15] + "…"
	}
	return r.ID
}

func isOne(text string) bool { return text == "1" || text == "yes" }

// rowsOf reads what our tables have about some users, in the given order. A user that they
// do not have is there without values.
func (p pages) rowsOf(ctx context.Context, ids []string) ([]row, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	f := filter{sort: sortings[0]}
	found, err := p.rows(ctx, figures.Query{SQL: f.listSQL(true), Params: map[string]string{"ids": joined(ids)}})
	if err != nil {
		return nil, err
	}
	known := map[string]row{}
	for _, one := range found {
		known[one.ID] = one
	}
	all := make([]row, len(ids))
	for i, id := range ids {
		all[i] = known[id]
		all[i].ID = id
	}
	return all, nil
}
