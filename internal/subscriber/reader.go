package subscriber

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// Reader reads reports. It only reads from the database. It is safe for concurrent use.
type Reader struct {
	conn    driver.Conn
	options schemas.Options
}

// New makes a reader of a database. The options must be valid.
func New(conn driver.Conn, o schemas.Options) *Reader { return &Reader{conn: conn, options: o} }

func (r *Reader) events() string    { return r.options.Table("subscription_events") }
func (r *Reader) snapshots() string { return r.options.Table("subscription_snapshots") }

// Read makes the report of a subscription id, a user id or an e-mail address. The error
// is ErrUnknown if nothing has the key. No error contains the key.
func (r *Reader) Read(ctx context.Context, text string) (*Report, error) {
	k, err := parseKey(text)
	if err != nil {
		return nil, err
	}
	report := &Report{Key: k.shown(), Users: []string{}}
	cost := &costs{}
	ctx = cost.count(ctx)
	ids, foundBy, err := r.find(ctx, k)
	if err != nil {
		return nil, err
	}
	report.FoundBy = foundBy
	if report.Truncated = len(ids) > MaxSubscriptions; report.Truncated {
		ids = ids[:MaxSubscriptions]
	}
	all := &found{byID: map[string]*Subscription{}, retry: map[string]*time.Time{}, ids: ids}
	for _, id := range ids {
		all.byID[id] = &Subscription{ID: id, Marks: []Mark{}, Disagreements: []Disagreement{}, Timeline: []Event{}, Money: []Amount{}}
	}
	for _, part := range []struct {
		what string
		read func(context.Context, *found) error
	}{
		{"the server's time", r.readTime}, {"the state", r.readState}, {"the snapshot", r.readAPI}, {"the events", r.readEvents},
		{"the differences from the API", r.readDrift}, {"the marks", r.readMarks},
	} {
		if err := part.read(ctx, all); err != nil {
			return nil, fmt.Errorf("read %s: %w", part.what, err)
		}
	}
	report.AsOf = all.asOf
	for _, id := range ids {
		s := all.byID[id]
		if s.State == nil && s.API == nil {
			continue // a replay has removed its events
		}
		s.finish(all.asOf, all.retry[id])
		report.Subscriptions = append(report.Subscriptions, *s)
		if s.UserID != "" && !slices.Contains(report.Users, s.UserID) {
			report.Users = append(report.Users, s.UserID)
		}
	}
	if len(report.Subscriptions) == 0 {
		return nil, ErrUnknown
	}
	slices.SortStableFunc(report.Subscriptions, func(a, b Subscription) int {
		return cmp.Or(cmp.Compare(closedRank(a), closedRank(b)), a.first().Compare(b.first()))
	})
	if cost.Rows > 0 { // HTTP does not report it
		report.Read = &cost.Cost
	}
	return report, nil
}

// found collects what the queries return.
type found struct {
	ids   []string
	byID  map[string]*Subscription
	retry map[string]*time.Time // what the last failed payment named as the next attempt
	asOf  time.Time
}

// parameters are values of a query's placeholders.
type parameters = clickhouse.Parameters

// each runs a query with parameters.
func (r *Reader) each(ctx context.Context, query string, values parameters, take func(driver.Rows) error) error {
	return statement.Each(clickhouse.Context(ctx, clickhouse.WithParameters(values)), r.conn, query, take)
}

// selected are the parameters of a query about the subscriptions that were found.
func (f *found) selected() parameters {
	return parameters{"ids": statement.Texts(f.ids)}
}

// selectedIDs is the condition of such a query.
const selectedIDs = "subscription_id IN {ids:Array(String)}"

// costs adds up what the queries of one report read.
type costs struct{ Cost }

// count makes every query of the context add to the costs.
func (c *costs) count(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithProgress(func(p *clickhouse.Progress) {
		c.Rows += p.Rows
		c.Bytes += p.Bytes
	}))
}

func closedRank(s Subscription) int {
	if s.State != nil && !s.State.Closed {
		return 0
	}
	return 1
}

// first is the time of the first event; the zero time without events.
func (s Subscription) first() time.Time {
	if len(s.Timeline) == 0 {
		return time.Time{}
	}
	return s.Timeline[0].At
}
