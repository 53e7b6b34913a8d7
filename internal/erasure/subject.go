package erasure

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// SeveralUsersError reports an address that more than one user id has.
type SeveralUsersError struct{ Users []string }

// Error names no id.
func (e *SeveralUsersError) Error() string {
	return fmt.Sprintf("several users have this address (%d): erase each by its id", len(e.Users))
}

// values are sets of texts by kind.
type values map[Kind]map[string]bool

// add returns whether the value is new.
func (v values) add(k Kind, value string) bool {
	if value == "" || v[k][value] {
		return false
	}
	if v[k] == nil {
		v[k] = map[string]bool{}
	}
	v[k][value] = true
	return true
}

func (v values) list(k Kind) []string { return slices.Sorted(maps.Keys(v[k])) }

// forms are the values of a kind as rows have them. The address of a person may stand where
// the user id belongs.
func (v values) forms(k Kind) []string {
	all := v.list(k)
	if k == User {
		all = append(all, v.guarded()...)
	}
	return all
}

// guarded are the addresses in the form in which they stand for an id.
func (v values) guarded() (all []string) {
	for _, hash := range v.list(Address) {
		all = append(all, transform.GuardedAddress(hash))
	}
	return all
}

// finder finds everything that belongs to one person.
type finder struct {
	conn   driver.Conn
	tables schemas.Options
	owners []string // tables with both a user and a subscription
	found  values
	shared values // subscriptions and addresses that other people have too
}

// parameters passes values of the sets to a query. They are hexadecimal, so that no
// character needs an escape, and they are parameters, so that no log of queries has them.
func (v values) parameters() clickhouse.Parameters {
	p := clickhouse.Parameters{}
	for _, k := range []Kind{User, Subscription, Address} {
		var quoted []string
		for _, value := range v.forms(k) {
			quoted = append(quoted, "'"+hex.EncodeToString([]byte(value))+"'")
		}
		p[string(k)] = "[" + strings.Join(quoted, ",") + "]"
	}
	return p
}

// byParameters are the targets of a plan, which writes nothing.
func byParameters(kinds ...Kind) string {
	var all []string
	for _, k := range kinds {
		all = append(all, "SELECT unhex(arrayJoin({"+string(k)+":Array(String)})) AS value")
	}
	return "(" + strings.Join(all, " UNION ALL ") + ")"
}

// find extends the sets until nothing new belongs to the person:
//
//   - the subscriptions whose rows name the user;
//   - those that such a subscription changes to or comes from;
//   - the addresses of these rows;
//   - the subscriptions that have such an address and name no user, or have it as their id.
//
// A subscription that names another user too is shared: only the rows that name the user
// go. An address that another user has too is not an identity of the person.
func (f *finder) find(ctx context.Context) error {
	const maxRounds = 50 // a chain of plan changes; each round follows one
	for range maxRounds {
		grown, err := f.round(ctx)
		if err != nil || !grown {
			return err
		}
	}
	return errors.New("the person's subscriptions form a chain without an end; erase by --user with one of the ids first")
}

func (f *finder) round(ctx context.Context) (grown bool, err error) {
	candidates := map[string]bool{}
	each := func(query string, use func(string)) {
		if err == nil {
			err = f.each(ctx, query, use)
		}
	}
	add := func(id string) {
		if id != "" && !f.found[Subscription][id] && !f.shared[Subscription][id] {
			candidates[id] = true
		}
	}
	events := f.tables.Table("subscription_events")
	for _, table := range f.owners {
		each("SELECT DISTINCT subscription_id FROM "+f.tables.Table(table)+" WHERE user_id IN "+byParameters(User), add)
	}
	each("SELECT DISTINCT assumeNotNull(upgrade_to_subscription_id) FROM "+events+" WHERE upgrade_to_subscription_id IS NOT NULL AND subscription_id IN "+byParameters(Subscription), add)
	each("SELECT DISTINCT subscription_id FROM "+events+" WHERE upgrade_to_subscription_id IN "+byParameters(Subscription), add)
	each("SELECT DISTINCT subscription_id FROM "+events+" WHERE user_email_hash_sha256 IN "+byParameters(Address), add)
	if guarded := f.found.guarded(); err == nil && len(guarded) > 0 {
		as := values{}
		for _, id := range guarded {
			as.add(Subscription, id)
		}
		err = f.eachOf(ctx, as, "SELECT DISTINCT subscription_id FROM "+events+" WHERE subscription_id IN "+byParameters(Subscription), add)
	}
	each("SELECT DISTINCT assumeNotNull(subscription_id) FROM "+f.tables.Table("dead_letters")+" WHERE subscription_id IS NOT NULL AND ("+named("payload", func(kinds ...Kind) string {
		if slices.Contains(kinds, Subscription) {
			return byParameters(User, Address)
		}
		return byParameters(kinds...)
	})+")", add)
	if err != nil {
		return false, err
	}
	if len(candidates) > 0 {
		foreign, err := f.foreign(ctx, candidates)
		if err != nil {
			return false, err
		}
		for id := range candidates {
			if foreign[id] {
				f.shared.add(Subscription, id)
				continue
			}
			grown = f.found.add(Subscription, id) || grown
		}
	}
	addresses := map[string]bool{}
	each("SELECT DISTINCT assumeNotNull(user_email_hash_sha256) FROM "+events+" WHERE user_email_hash_sha256 IS NOT NULL AND (user_id IN "+byParameters(User)+" OR subscription_id IN "+byParameters(Subscription)+")", func(hash string) {
		if !f.found[Address][hash] && !f.shared[Address][hash] {
			addresses[hash] = true
		}
	})
	for hash := range addresses {
		var others uint64
		if err == nil {
			others, err = f.othersWith(ctx, hash)
		}
		if others > 0 {
			f.shared.add(Address, hash)
		} else if err == nil {
			grown = f.found.add(Address, hash) || grown
		}
	}
	return grown, err
}

// foreign returns those of the subscriptions that name another user.
func (f *finder) foreign(ctx context.Context, candidates map[string]bool) (map[string]bool, error) {
	asked := values{User: f.found[User], Address: f.found[Address], Subscription: candidates}
	foreign := map[string]bool{}
	for _, table := range f.owners {
		err := f.eachOf(ctx, asked, "SELECT DISTINCT subscription_id FROM "+f.tables.Table(table)+" WHERE subscription_id IN "+byParameters(Subscription)+
			" AND user_id != '' AND user_id NOT IN "+byParameters(User), func(id string) { foreign[id] = true })
		if err != nil {
			return nil, err
		}
	}
	return foreign, nil
}

// othersWith counts the rows of other people with an address.
func (f *finder) othersWith(ctx context.Context, hash string) (n uint64, err error) {
	asked := values{User: f.found[User], Subscription: f.found[Subscription], Address: {hash: true}}
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(asked.parameters()))
	err = f.conn.QueryRow(ctx, "SELECT count() FROM "+f.tables.Table("subscription_events")+" WHERE user_email_hash_sha256 IN "+byParameters(Address)+
		" AND user_id != '' AND user_id NOT IN "+byParameters(User)).Scan(&n)
	return n, err
}

func (f *finder) each(ctx context.Context, query string, use func(string)) error {
	return f.eachOf(ctx, f.found, query, use)
}

func (f *finder) eachOf(ctx context.Context, of values, query string, use func(string)) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(of.parameters()))
	return statement.Each(ctx, f.conn, query, func(row driver.Rows) error {
		var text string
		err := row.Scan(&text)
		use(text)
		return err
	})
}

// usersOf returns the user ids that have an address.
func (f *finder) usersOf(ctx context.Context, hash string) (users []string, err error) {
	err = f.eachOf(ctx, values{Address: {hash: true}}, "SELECT DISTINCT user_id FROM "+f.tables.Table("subscription_events")+
		" WHERE user_id != '' AND user_id NOT IN "+byParameters(User)+" AND user_email_hash_sha256 IN "+byParameters(Address)+" LIMIT 100", func(id string) { users = append(users, id) })
	slices.Sort(users)
	return users, err
}
