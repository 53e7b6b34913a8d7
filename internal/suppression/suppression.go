// Package suppression keeps the suppression list of a process up to date: whom `pianola
// erase` has removed.
//
// The list is read when work begins, and again before a statement writes when the last
// look is older than erasure.refresh. So an entry takes effect everywhere within erasure.refresh
// and the time of one attempt, and no message costs a query.
//
// Work that was prepared with an older list must not be written. Bind ties a context to
// the list as it is now; Check under that context fails once the list has changed. The
// work then begins again: a consumer reads its uncommitted messages again.
package suppression

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// DefaultRefresh is how old the last look at the list may be when a statement writes.
const DefaultRefresh = 10 * time.Second

// The errors that end work for good.
var (
	ErrNoKey    = errors.New("the suppression list has entries, and erasure.key is not set: messages of erased people would be stored again; set the key that pianola erase uses")
	ErrOtherKey = errors.New("the suppression list has entries of a key that is not configured: messages of erased people would be stored again; set it as erasure.key, or in erasure.old_keys if it was replaced")
)

// CheckKeys returns an error when the list has entries of a key that is not among the keys.
func CheckKeys(ctx context.Context, conn driver.Conn, tables schemas.Options, keys []*transform.SuppressionKey) error {
	err := statement.Each(ctx, conn, "SELECT DISTINCT key_id FROM "+tables.Table("suppressions")+" ORDER BY key_id", func(row driver.Rows) error {
		var id string
		if err := row.Scan(&id); err != nil {
			return err
		}
		_, err := keyOf(keys, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the suppression list: %w", err)
	}
	return nil
}

// keyOf returns the key with an id. The id names a key without revealing it.
func keyOf(keys []*transform.SuppressionKey, id string) (*transform.SuppressionKey, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w (key id %s; %w)", ErrNoKey, id, sink.ErrBlocked)
	}
	i := slices.IndexFunc(keys, func(k *transform.SuppressionKey) bool { return k.ID() == id })
	if i < 0 {
		return nil, fmt.Errorf("%w (key id %s; %w)", ErrOtherKey, id, sink.ErrBlocked)
	}
	return keys[i], nil
}

// LogChanged is logged when the list has changed.
const LogChanged = "suppression list read"

// Deps are the dependencies of a List.
type Deps struct {
	Conn   driver.Conn
	Tables schemas.Options
	Keys   []*transform.SuppressionKey // all that the list may have entries of; each is tried
	Rules  *transform.Rules            // obey the list
	// Refresh is how old the last look may be when a statement writes.
	Refresh time.Duration
	Now     func() time.Time
	Log     *zap.Logger
	// OnRead is called with the number of entries after each look at the list; may be nil.
	OnRead func(entries int)
}

// List is the list of one process. It is safe for concurrent use.
type List struct {
	deps Deps

	mu      sync.Mutex
	looked  time.Time // when the last look began; zero before the first
	state   fingerprint
	entries int
	version uint64 // rises with each change
}

// fingerprint tells two states of the table apart.
type fingerprint struct{ count, sum uint64 }

// New returns a list that was not read yet.
func New(d Deps) *List {
	if d.OnRead == nil {
		d.OnRead = func(int) {}
	}
	return &List{deps: d}
}

type versionKey struct{}

// Bind looks at the list now, and returns work as a context under which Check fails once
// the list has changed. Call it before the first message is read. ctx bounds the look.
func (l *List) Bind(ctx, work context.Context) (context.Context, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.look(ctx); err != nil {
		return nil, migrate.Explain(err)
	}
	return context.WithValue(work, versionKey{}, l.version), nil
}

// Check reports whether what was prepared under ctx may be written. It looks at the list
// when the last look is too old. The error wraps sink.ErrOutdated when the list has
// changed since Bind, and sink.ErrBlocked when this process must not write at all. Others
// are failures of the look.
func (l *List) Check(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.looked.IsZero() || l.deps.Now().Sub(l.looked) >= l.deps.Refresh {
		if err := l.look(ctx); err != nil {
			return err
		}
	}
	if bound, ok := ctx.Value(versionKey{}).(uint64); ok && bound != l.version {
		return fmt.Errorf("the suppression list has changed: %w", sink.ErrOutdated)
	}
	return nil
}

// look needs the lock.
func (l *List) look(ctx context.Context) error {
	began := l.deps.Now()
	table := l.deps.Tables.Table("suppressions")
	var now fingerprint
	err := l.deps.Conn.QueryRow(ctx, `SELECT count(), sum(cityHash64(key_id, hash)) FROM (SELECT DISTINCT key_id, hash FROM `+table+`)`).Scan(&now.count, &now.sum)
	if err != nil {
		return fmt.Errorf("look at the suppression list: %w", err)
	}
	if now != l.state {
		if err := l.read(ctx, table); err != nil {
			return err
		}
		l.state = now
	}
	l.looked = began
	l.deps.OnRead(l.entries)
	return nil
}

// read reads the whole list and puts it in force.
func (l *List) read(ctx context.Context, table string) error {
	entries := map[*transform.SuppressionKey][]transform.SuppressionEntry{}
	rows, err := l.deps.Conn.Query(ctx, `SELECT DISTINCT key_id, hash, tag FROM `+table)
	if err != nil {
		return fmt.Errorf("read the suppression list: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, hash string
		var e transform.SuppressionEntry
		if err := rows.Scan(&id, &hash, &e.Tag); err != nil {
			return fmt.Errorf("read the suppression list: %w", err)
		}
		key, err := keyOf(l.deps.Keys, id)
		if err != nil {
			return err
		}
		if n, err := hex.Decode(e.Hash[:], []byte(hash)); err != nil || n != len(e.Hash) {
			return fmt.Errorf("read the suppression list: an entry of key %s is not 64 hexadecimal digits: delete it, and erase the person again (%w)", id, sink.ErrBlocked)
		}
		entries[key] = append(entries[key], e)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the suppression list: %w", err)
	}
	var all *transform.Suppression
	for _, key := range l.deps.Keys {
		all = all.Add(key, entries[key])
		delete(entries, key) // the key may be configured twice
	}
	l.deps.Rules.Suppress(all)
	l.entries = all.Len()
	l.version++
	l.deps.Log.Info(LogChanged, zap.Int("entries", l.entries))
	return nil
}
