package erasure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/internal/suppression"
	"github.com/pianola/pianola/transform"
)

// Count is what one table has of the subject.
type Count struct {
	Table   string `json:"table"`
	Deleted uint64 `json:"rows_to_delete"`
	Cleared uint64 `json:"rows_to_clear"`
}

// Plan is what an erasure will do. It holds ids, and its JSON none.
type Plan struct {
	Users         int        `json:"users"`
	Subscriptions int        `json:"subscriptions"`
	Addresses     int        `json:"addresses"`
	Shared        int        `json:"shared_with_others"` // subscriptions and addresses that other users have too
	Tables        []Count    `json:"tables"`
	FirstAt       *time.Time `json:"first_stored_at"` // synced_at of the first row; nil without one
	Resumes       string     `json:"resumes,omitempty"`
	Bound         string     `json:"bound"`
	KeyID         string     `json:"key_id,omitempty"` // of the key that new entries have

	kind  string
	found values
}

// Rows is the number of rows in the plan.
func (p *Plan) Rows() (n uint64) {
	for _, c := range p.Tables {
		n += c.Deleted + c.Cleared
	}
	return n
}

// Names reports whether a text names the subject.
func (p *Plan) Names(text string) bool {
	for _, set := range p.found {
		for value := range set {
			if strings.Contains(text, value) {
				return true
			}
		}
	}
	return false
}

// The kinds of erasures.
const (
	kindPerson   = "person"
	kindInternal = "internal"
)

// PlanUser plans the erasure of a user id. The id is in the form of the tables.
func (e *Eraser) PlanUser(ctx context.Context, user string) (*Plan, error) {
	return e.planPerson(ctx, User, user)
}

// PlanAddress plans the erasure of the person with an address, by its hash.
func (e *Eraser) PlanAddress(ctx context.Context, hash string) (*Plan, error) {
	return e.planPerson(ctx, Address, hash)
}

// ErrDistributed reports a database whose rows are on several shards, which no statement
// of this package deletes.
var ErrDistributed = errors.New("the tables are distributed over a cluster, where an erasure is not possible yet; nothing was changed")

func (e *Eraser) refuseDistributed(ctx context.Context) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"database": e.deps.Database}))
	var distributed uint64
	err := e.deps.Conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'subscription_events' AND engine = 'Distributed'").Scan(&distributed)
	switch {
	case err != nil:
		return fmt.Errorf("look at the engine of the tables: %w", migrate.Explain(err))
	case distributed > 0:
		return ErrDistributed
	}
	return nil
}

func (e *Eraser) planPerson(ctx context.Context, kind Kind, value string) (*Plan, error) {
	if err := e.refuseDistributed(ctx); err != nil {
		return nil, err
	}
	// With a wrong key the new entries would stop every process that has the right one.
	if err := suppression.CheckKeys(ctx, e.deps.Conn, e.tables, e.deps.Keys); err != nil {
		return nil, err
	}
	f := &finder{conn: e.deps.Conn, tables: e.tables, owners: e.owners, found: values{}, shared: values{}}
	f.found.add(kind, value)
	if hash, ok := strings.CutPrefix(value, transform.GuardedAddress("")); ok && kind == User {
		f.found.add(Address, hash)
	}
	p := &Plan{kind: kindPerson, found: f.found, Bound: e.deps.Bound.String()}
	if len(e.deps.Keys) > 0 {
		p.KeyID = e.deps.Keys[0].ID()
	}
	var err error
	if p.Resumes, err = e.unfinished(ctx, f.found); err != nil {
		return nil, fmt.Errorf("look for an erasure that was interrupted: %w", err)
	}
	if kind == Address {
		users, err := f.usersOf(ctx, value)
		switch {
		case err != nil:
			return nil, fmt.Errorf("find the users of the address: %w", err)
		case len(users) > 1:
			return nil, &SeveralUsersError{Users: users}
		}
		for _, user := range users {
			f.found.add(User, user)
		}
	}
	if err := f.find(ctx); err != nil {
		return nil, fmt.Errorf("find what belongs to the person: %w", migrate.Explain(err))
	}
	p.Shared = len(f.shared[Subscription]) + len(f.shared[Address])
	return p, e.count(ctx, p, func(kinds ...Kind) string {
		if kinds[0] != Event {
			return byParameters(kinds...)
		}
		events := ruleOf(e.rules, "subscription_events")
		return "(SELECT toString(event_id) AS value FROM " + e.tables.Table(events.name) + " WHERE " + events.deletion(byParameters) + ")"
	}, f.found.parameters())
}

// unfinished finds an interrupted erasure of the same subject, and adds its targets.
func (e *Eraser) unfinished(ctx context.Context, found values) (id string, err error) {
	table := e.tables.Table("erasure_targets")
	bound := clickhouse.Context(ctx, clickhouse.WithParameters(found.parameters()))
	err = statement.Each(bound, e.deps.Conn, `SELECT erasure_id, kind, value FROM `+table+` FINAL
		WHERE kind IN ('user', 'subscription', 'address') AND erasure_id = (SELECT max(erasure_id) FROM `+table+` WHERE kind = 'user' AND value IN `+byParameters(User)+` OR kind = 'address' AND value IN `+byParameters(Address)+`)`, func(row driver.Rows) error {
		var kind, value string
		if err := row.Scan(&id, &kind, &value); err != nil {
			return err
		}
		found.add(Kind(kind), value)
		return nil
	})
	return id, err
}

// count counts what the tables have of the subject.
func (e *Eraser) count(ctx context.Context, p *Plan, in targetsOf, parameters clickhouse.Parameters) error {
	p.Users, p.Subscriptions, p.Addresses = len(p.found[User]), len(p.found[Subscription]), len(p.found[Address])
	bound := clickhouse.Context(ctx, clickhouse.WithParameters(parameters))
	scanned := e.deps.Progress.Count("scan", "tables", uint64(len(e.rules)))
	p.Tables = nil
	for _, r := range e.rules {
		c := Count{Table: r.name}
		deleted, cleared := e.conditions(r, p.kind, in)
		for _, one := range []struct {
			condition string
			n         *uint64
		}{{deleted, &c.Deleted}, {cleared, &c.Cleared}} {
			if one.condition == "" {
				continue
			}
			if err := e.deps.Conn.QueryRow(bound, "SELECT count() FROM "+e.tables.Table(r.name)+" WHERE "+one.condition).Scan(one.n); err != nil {
				return fmt.Errorf("scan %s: %w", r.name, migrate.Explain(err))
			}
		}
		if c.Deleted+c.Cleared > 0 {
			p.Tables = append(p.Tables, c)
		}
		if r.exported && c.Deleted > 0 {
			var first time.Time
			if err := e.deps.Conn.QueryRow(bound, "SELECT min(synced_at) FROM "+e.tables.Table(r.name)+" WHERE "+deleted).Scan(&first); err != nil {
				return fmt.Errorf("scan %s: %w", r.name, migrate.Explain(err))
			}
			if p.FirstAt == nil || first.Before(*p.FirstAt) {
				p.FirstAt = &first
			}
		}
		scanned.Add(1)
	}
	return nil
}

// conditions are those of the rows that go and of those that are cleared.
func (e *Eraser) conditions(r tableRule, kind string, in targetsOf) (deleted, cleared string) {
	if kind == kindInternal {
		return internalDeletion(r, in), ""
	}
	deleted = r.deletion(in)
	var any []string
	for _, condition := range []string{r.clearing(in), r.linking(in)} {
		if condition != "" {
			any = append(any, "("+condition+")")
		}
	}
	cleared = strings.Join(any, " OR ")
	if cleared != "" && deleted != "" {
		cleared = "(" + cleared + ") AND NOT ifNull((" + deleted + "), 0)"
	}
	return deleted, cleared
}
