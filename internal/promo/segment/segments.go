package segment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// ErrNoState means that the table subscriptions has never been computed, so a segment would be empty
// and mean nothing.
var ErrNoState = errors.New("the state of subscriptions has not been computed yet: run pianola migrate, and wait for the view subscriptions_refresh")

// ErrNoCodes means that nobody has read who redeemed a code, so a segment that depends on it would
// be wrong: everybody would be in it, or nobody.
var ErrNoCodes = errors.New("nobody knows who has redeemed a code: run pianola promo sync, or pianola reconcile with --csv")

// Segments previews, materialises and reads segments.
type Segments struct {
	store.Store
	Instance string
	Now      func() time.Time
}

// Preview is what a segment would hold now.
type Preview struct {
	Segment       Reference          `json:"segment"`
	AsOf          time.Time          `json:"as_of"` // of the state of subscriptions
	Users         uint64             `json:"users"`
	Subscriptions uint64             `json:"subscriptions"`
	WithoutUser   uint64             `json:"without_user"` // subscriptions that match and name no user
	MRR           map[string]float64 `json:"mrr"`          // of the matching live ones, by currency
}

// Preview counts a segment.
func (s Segments) Preview(ctx context.Context, r Reference) (*Preview, error) {
	asOf, err := s.Ready(ctx, r)
	if err != nil {
		return nil, err
	}
	query, parameters := s.PreviewQuery(r, asOf)
	rows, err := store.Read(ctx, s.Store, "count the segment", query, parameters, func(row driver.Rows, p *Preview) error {
		return row.Scan(&p.Users, &p.Subscriptions, &p.WithoutUser, &p.MRR)
	})
	if err != nil {
		return nil, err
	}
	p := &Preview{MRR: map[string]float64{}}
	if len(rows) > 0 {
		p = &rows[0]
	}
	p.Segment, p.AsOf = r, asOf
	return p, nil
}

// PreviewQuery is the query that counts a segment, with its parameters. Its row has users,
// subscriptions, without_user and mrr, a map by currency.
func (s Segments) PreviewQuery(r Reference, asOf time.Time) (string, map[string]string) {
	parameters := r.parameters()
	parameters["at"] = statement.Instant(asOf)
	return `SELECT countIf(user_id != '') AS users, sumIf(s.subscriptions, user_id != '') AS subscriptions, sumIf(s.subscriptions, user_id = '') AS without_user,
  mapFilter((currency, amount) -> amount != 0, sumMapIf(s.mrr, user_id != '')) AS mrr
FROM
(
` + match(s.Tables, r.Definition) + `
) AS s`, parameters
}

// StateTime is the moment before which everything is in the state of subscriptions.
func (s Segments) StateTime(ctx context.Context) (time.Time, error) {
	times, err := store.Read(ctx, s.Store, "read the time of the state", schemas.StateCompleteTo(s.Tables), nil, func(row driver.Rows, at *time.Time) error { return row.Scan(at) })
	if err != nil {
		return time.Time{}, err
	}
	if len(times) == 0 || times[0].Unix() <= 0 {
		return time.Time{}, ErrNoState
	}
	return times[0].UTC(), nil
}

// Ready is StateTime where everything is known that the segment depends on. Otherwise it
// returns ErrNoState or ErrNoCodes.
func (s Segments) Ready(ctx context.Context, r Reference) (time.Time, error) {
	asOf, err := s.StateTime(ctx)
	if err != nil || !r.Definition.needsCodes {
		return asOf, err
	}
	sources, err := store.Read(ctx, s.Store, "look for sources of promo codes", "SELECT (SELECT count() FROM "+s.Tables.Table("promo_conversions")+" WHERE conversion_id = '') + (SELECT count() FROM "+
		s.Tables.Table("snapshot_runs")+" FINAL WHERE state = 'complete' AND source = 'csv')", nil, func(row driver.Rows, n *uint64) error { return row.Scan(n) })
	if err == nil && (len(sources) == 0 || sources[0] == 0) {
		err = fmt.Errorf("segment %s: %w", r.Definition.Name, ErrNoCodes)
	}
	return asOf, err
}

// Member is a user of a segment.
type Member struct {
	UserID         string `json:"user_id"`
	SubscriptionID string `json:"subscription_id"` // by which the user is in it, the latest one
}

// Refresh materialises a segment and returns the run. Users who were erased are left out.
// Earlier runs but the last one are dropped.
func (s Segments) Refresh(ctx context.Context, r Reference) (*Run, error) {
	ctx, err := s.Bind(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the suppression list: %w", err)
	}
	asOf, err := s.Ready(ctx, r)
	if err != nil {
		return nil, err
	}
	run := &Run{ID: uuid.New(), Segment: r.String(), AsOf: asOf, StartedAt: s.Now().UTC().Truncate(time.Millisecond)}
	if err := s.record(ctx, stateBegun, run); err != nil {
		return nil, err
	}
	if err := s.fill(ctx, r, run); err != nil {
		final, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalTimeout)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("segment %s: %w", run.Segment, err), s.record(final, stateFailed, run))
	}
	completed := s.Now().UTC().Truncate(time.Millisecond)
	run.CompletedAt = &completed
	if err := s.record(ctx, stateComplete, run); err != nil {
		return nil, err
	}
	if err := s.prune(ctx, run.Segment); err != nil {
		s.Log.Warn("old runs of a segment not dropped, a later run retries", zap.Error(err))
	}
	return run, nil
}

// fill writes the members of a run.
func (s Segments) fill(ctx context.Context, r Reference, run *Run) error {
	parameters := r.parameters()
	parameters["at"] = statement.Instant(run.AsOf)
	type row struct {
		Member
		subscriptions uint64
	}
	matched, err := store.Read(ctx, s.Store, "find the users", "SELECT user_id, subscription_id, subscriptions FROM ("+match(s.Tables, r.Definition)+")",
		parameters, func(rows driver.Rows, one *row) error {
			return rows.Scan(&one.UserID, &one.SubscriptionID, &one.subscriptions)
		})
	if err != nil {
		return err
	}
	members := make([]Member, 0, len(matched))
	for _, m := range matched {
		switch {
		case m.UserID == "":
			run.WithoutUser = m.subscriptions
		case !s.Erased(m.SubscriptionID, m.UserID):
			members = append(members, m.Member)
		}
	}
	run.Users = uint64(len(members))
	return s.Insert(ctx, "segment_members", "run_id, user_id, subscription_id", len(members), func(i int) []any {
		return []any{run.ID, members[i].UserID, members[i].SubscriptionID}
	})
}

// Members passes each user of a run to each, ordered by user id.
func (s Segments) Members(ctx context.Context, run *Run) ([]Member, error) {
	return store.Read(ctx, s.Store, "read the users of the segment", "SELECT user_id, any(subscription_id) FROM "+s.Tables.Table("segment_members")+
		" WHERE run_id = {run:UUID} GROUP BY user_id ORDER BY user_id", map[string]string{"run": run.ID.String()}, func(row driver.Rows, m *Member) error {
		return row.Scan(&m.UserID, &m.SubscriptionID)
	})
}
