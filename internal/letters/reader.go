package letters

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// ErrUnknown means that no dead letter has these coordinates.
var ErrUnknown = errors.New("there is no dead letter at these coordinates; pianola dlq list shows the open ones")

// Reader reads the table of dead letters: the latest decision for each message. It is safe
// for concurrent use.
type Reader struct {
	conn     driver.Conn
	database string
}

// New does no I/O.
func New(conn driver.Conn, database string) *Reader { return &Reader{conn: conn, database: database} }

// Letter is one dead letter, as --json shows it.
type Letter struct {
	At             string     `json:"at"` // the argument of `dlq show`
	Source         string     `json:"source"`
	Name           string     `json:"source_name"`
	Epoch          uint32     `json:"source_epoch"`
	Partition      int32      `json:"source_partition"`
	Offset         int64      `json:"source_offset"`
	Reason         string     `json:"reason"`
	Field          *string    `json:"field"`
	Detail         string     `json:"detail"`
	SubscriptionID *string    `json:"subscription_id"`
	Payload        *string    `json:"payload,omitempty"`        // redacted; only of Find
	PayloadSHA256  *string    `json:"payload_sha256,omitempty"` // only of Find
	MessageTime    time.Time  `json:"message_time"`
	DecidedAt      time.Time  `json:"decided_at"`
	Attempts       uint32     `json:"attempts"`
	ResolvedAt     *time.Time `json:"resolved_at"`
	DismissedBy    *string    `json:"dismissed_by"`
	DismissedWhy   *string    `json:"dismissed_why"`
	Meaning        string     `json:"meaning,omitempty"` // only of Find
}

// State is what the latest decision says.
func (l Letter) State() State {
	switch {
	case l.ResolvedAt == nil:
		return Open
	case l.DismissedBy != nil:
		return Dismissed
	default:
		return Resolved
	}
}

// Count is the number of dead letters with the same reason and field.
type Count struct {
	Reason string    `json:"reason"`
	Field  *string   `json:"field"`
	Count  uint64    `json:"count"`
	First  time.Time `json:"first_decided_at"`
	Last   time.Time `json:"last_decided_at"`
}

const columns = `source, source_name, source_epoch, source_partition, source_offset, reason, field, detail, subscription_id,
	message_time, decided_at, attempts, resolved_at, dismissed_by, dismissed_why`

func (l *Letter) targets() []any {
	return []any{&l.Source, &l.Name, &l.Epoch, &l.Partition, &l.Offset, &l.Reason, &l.Field, &l.Detail, &l.SubscriptionID,
		&l.MessageTime, &l.DecidedAt, &l.Attempts, &l.ResolvedAt, &l.DismissedBy, &l.DismissedWhy}
}

// finish fills in the field that is not a column.
func (l *Letter) finish() { l.At = l.coordinates().String() }

func (l *Letter) coordinates() schemas.Coordinates {
	return schemas.Coordinates{Name: l.Name, Epoch: l.Epoch, Partition: l.Partition, Offset: l.Offset}
}

// Count counts by reason and field, most frequent first.
func (r *Reader) Count(ctx context.Context, f Filter) ([]Count, error) {
	counts := []Count{}
	err := r.rows(ctx, f, `SELECT reason, field, count(), min(decided_at), max(decided_at) FROM `+r.table(), `
		GROUP BY reason, field ORDER BY count() DESC, reason, field`, func(row driver.Rows) error {
		var c Count
		if err := row.Scan(&c.Reason, &c.Field, &c.Count, &c.First, &c.Last); err != nil {
			return err
		}
		counts = append(counts, c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count dead letters: %w", err)
	}
	return counts, nil
}

// ErrTopic means that a topic or file has neither messages nor dead letters: most likely
// its name is mistyped.
var ErrTopic = errors.New("neither dead_letters nor ingest_ledger has a topic or file of this name, so nothing was selected: check it")

// CheckTopic returns ErrTopic where nothing was ever read from a topic or file. An empty
// name selects all, and is known.
func (r *Reader) CheckTopic(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	var known bool
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"name": statement.Text(name)}))
	err := statement.Each(ctx, r.conn, "SELECT 1 FROM `"+r.database+"`.dead_letters WHERE source_name = {name:String} LIMIT 1 UNION ALL SELECT 1 FROM `"+
		r.database+"`.ingest_ledger WHERE source_name = {name:String} LIMIT 1", func(driver.Rows) error { known = true; return nil })
	switch {
	case err != nil:
		return fmt.Errorf("look for the topic: %w", err)
	case !known:
		return ErrTopic
	default:
		return nil
	}
}

// Page is at most limit dead letters, the latest first, without payloads.
func (r *Reader) Page(ctx context.Context, f Filter, limit int) ([]Letter, error) {
	all := []Letter{}
	if limit == 0 {
		return all, nil
	}
	err := r.rows(ctx, f, `SELECT `+columns+` FROM `+r.table(), `
		ORDER BY decided_at DESC, source_name DESC, source_epoch DESC, source_partition DESC, source_offset DESC LIMIT `+strconv.Itoa(limit), func(row driver.Rows) error {
		var one Letter
		if err := row.Scan(one.targets()...); err != nil {
			return err
		}
		one.finish()
		all = append(all, one)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return all, nil
}

// Find reads one dead letter with its payload, in any state.
func (r *Reader) Find(ctx context.Context, at schemas.Coordinates) (Letter, error) {
	found, err := r.at(ctx, at, r.table())
	if err != nil {
		return Letter{}, fmt.Errorf("show dead letter: %w", err)
	}
	if len(found) == 0 {
		return Letter{}, fmt.Errorf("show %s: %w", at, ErrUnknown)
	}
	return found[0], nil
}

// Decisions are the rows that the table still has about one message, the latest first.
func (r *Reader) Decisions(ctx context.Context, at schemas.Coordinates) ([]Letter, error) {
	found, err := r.at(ctx, at, "`"+r.database+"`.dead_letters")
	if err != nil {
		return nil, fmt.Errorf("show the decisions about a dead letter: %w", err)
	}
	return found, nil
}

func (r *Reader) at(ctx context.Context, at schemas.Coordinates, table string) ([]Letter, error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"name": statement.Text(at.Name), "epoch": strconv.FormatUint(uint64(at.Epoch), 10),
		"partition": strconv.FormatInt(int64(at.Partition), 10), "offset": strconv.FormatInt(at.Offset, 10),
	}))
	var found []Letter
	err := statement.Each(ctx, r.conn, `SELECT `+columns+`, payload, payload_sha256 FROM `+table+`
		WHERE source_name = {name:String} AND source_epoch = {epoch:UInt32}
		AND source_partition = {partition:Int32} AND source_offset = {offset:Int64} ORDER BY decided_at DESC`, func(row driver.Rows) error {
		one := Letter{Payload: new(string)}
		if err := row.Scan(append(one.targets(), one.Payload, &one.PayloadSHA256)...); err != nil {
			return err
		}
		one.finish()
		one.Meaning = Meaning(schemas.Reason(one.Reason))
		found = append(found, one)
		return nil
	})
	return found, err
}

func (r *Reader) table() string { return "`" + r.database + "`.dead_letters FINAL" }

// rows runs a query with the condition of the filter between its parts.
func (r *Reader) rows(ctx context.Context, f Filter, before, after string, each func(driver.Rows) error) error {
	where, parameters := f.where()
	return statement.Each(clickhouse.Context(ctx, clickhouse.WithParameters(parameters)), r.conn, before+where+after, each)
}
