package subscriber

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/transform"
)

// MaxSubscriptions limits how many subscriptions of one key are read.
const MaxSubscriptions = 100

// ErrUnknown reports that no stored event and no row of the latest snapshot has the key.
var ErrUnknown = errors.New("no subscription, user or address in the tables has this key; " +
	"check it, and whether its first event has been stored (pianola dlq list, pianola audit)")

// errNoKey reports an empty key.
var errNoKey = errors.New("the key is empty; give a subscription id, a user id or an e-mail address")

var hashForm = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)

// key is what to look for.
type key struct {
	id   string // as ids are stored: an address in it is replaced by its hash
	hash string // of an address; empty if the key is not one
}

// parseKey hashes an address at once, so nothing later can show it.
func parseKey(text string) (key, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return key{}, errNoKey
	}
	if hash, ok := transform.HashAddress(text); ok {
		return key{id: transform.Guard(text), hash: hash}, nil
	}
	if hashForm.MatchString(text) {
		return key{id: text, hash: strings.ToLower(text)}, nil
	}
	return key{id: transform.Guard(text)}, nil
}

// shown is the key without an address.
func (k key) shown() string {
	if k.hash != "" {
		return k.hash
	}
	return k.id
}

// find returns the subscriptions of a key, and the column that has it. A subscription id
// is the first column of the tables' keys; user ids and hashes have an index. Older
// versions of an event count too: a subscriber is found by a former id.
func (r *Reader) find(ctx context.Context, k key) (ids []string, foundBy string, err error) {
	type search struct{ column, value string }
	searches := []search{{"subscription_id", k.id}, {"user_id", k.id}}
	if k.hash != "" {
		searches = append(searches, search{"user_email_hash_sha256", k.hash})
	}
	for _, one := range searches {
		query := "SELECT DISTINCT subscription_id FROM " + r.events() + " WHERE " + one.column + " = {value:String}"
		if one.column != "user_email_hash_sha256" { // the snapshot has no hashes
			query += " UNION DISTINCT SELECT subscription_id FROM " + r.snapshots() + " FINAL WHERE " + latestSnapshot(r.options) + " AND " + one.column + " = {value:String}"
		}
		ids = nil
		err := r.each(ctx, "SELECT subscription_id FROM ("+query+fmt.Sprintf(") ORDER BY subscription_id LIMIT %d", MaxSubscriptions+1),
			parameters{"value": statement.Text(one.value)}, func(row driver.Rows) error {
				var id string
				if err := row.Scan(&id); err != nil {
					return err
				}
				ids = append(ids, id)
				return nil
			})
		if err != nil {
			return nil, "", fmt.Errorf("find the subscriptions of the key: %w", err)
		}
		if len(ids) > 0 {
			return ids, one.column, nil
		}
	}
	return nil, "", ErrUnknown
}
