package erasure

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/transform"
)

// byTargetsOf are the targets of an erasure under way. The id is ours.
func byTargetsOf(table, id string) targetsOf {
	return func(kinds ...Kind) string {
		var quoted []string
		for _, k := range kinds {
			quoted = append(quoted, "'"+string(k)+"'")
		}
		return "(SELECT value FROM " + table + " WHERE erasure_id = '" + id + "' AND kind IN (" + strings.Join(quoted, ", ") + "))"
	}
}

// writeTargets adds the subject, and the ids of its events. fresh says that a value is new.
func (e *Eraser) writeTargets(ctx context.Context, id string, p *Plan) (fresh bool, err error) {
	table := e.tables.Table("erasure_targets")
	if p.kind == kindInternal {
		return true, e.writeInternal(ctx, table, id, p)
	}
	known := values{}
	err = statement.Each(ctx, e.deps.Conn, "SELECT kind, value FROM "+table+" WHERE erasure_id = '"+id+"'", func(row driver.Rows) error {
		var kind, value string
		err := row.Scan(&kind, &value)
		known.add(Kind(kind), value)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("read the targets: %w", err)
	}
	err = e.insert(ctx, "write the targets", table+" (erasure_id, kind, value)", func(batch driver.Batch) error {
		for _, k := range []Kind{User, Subscription, Address} {
			for _, value := range p.found.forms(k) {
				if known.add(k, value) {
					fresh = true
					if err := batch.Append(id, string(k), value); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	in := byTargetsOf(table, id)
	from := func(name string) string {
		return " FROM " + e.tables.Table(name) + " WHERE (" + ruleOf(e.rules, name).deletion(in) + ")"
	}
	foreign := " AND subscription_id NOT IN " + in(Subscription)
	for _, rows := range []string{
		"'" + string(Event) + "', toString(event_id)" + from("subscription_events"),
		"'" + string(Shared) + "', subscription_id" + from("subscription_events") + foreign,
		"'" + string(Shared) + "', subscription_id" + from("subscription_snapshots") + foreign,
	} {
		if err := e.exec(ctx, "write the targets", "INSERT INTO "+table+" (erasure_id, kind, value) SELECT DISTINCT '"+id+"', "+rows); err != nil {
			return false, err
		}
	}
	return fresh, nil
}

// list adds the keyed hashes of the subject to the suppression list.
func (e *Eraser) list(ctx context.Context, p *Plan, id string) (entries int, err error) {
	key := e.deps.Keys[0]
	columns := " (key_id, hash, tag, kind, erasure_id, listed_at)"
	err = e.insert(ctx, "extend the suppression list", e.tables.Table("suppressions")+columns, func(batch driver.Batch) error {
		for kind, suppressed := range map[Kind]transform.SuppressedKind{
			User: transform.SuppressedUser, Subscription: transform.SuppressedSubscription, Address: transform.SuppressedAddress,
		} {
			listed := p.found.forms(kind)
			if kind == Subscription { // a message may have the address there too
				listed = append(listed, p.found.guarded()...)
			}
			for _, value := range listed {
				one := key.Entry(suppressed, value)
				entries++
				if err := batch.Append(key.ID(), hex.EncodeToString(one.Hash[:]), one.Tag, string(kind), id, e.deps.Now().UTC()); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return entries, err
}
