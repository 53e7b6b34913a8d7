package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// letters reads the table of dead letters: the latest decision for each message.
type letters struct {
	conn     driver.Conn
	database string
}

func (l *letters) close() { _ = l.conn.Close() } // read-only

// letter is one dead letter, as --json shows it.
type letter struct {
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
	Payload        *string    `json:"payload,omitempty"`        // redacted; only in `dlq show`
	PayloadSHA256  *string    `json:"payload_sha256,omitempty"` // only in `dlq show`
	MessageTime    time.Time  `json:"message_time"`
	DecidedAt      time.Time  `json:"decided_at"`
	Attempts       uint32     `json:"attempts"`
	ResolvedAt     *time.Time `json:"resolved_at"`
	DismissedBy    *string    `json:"dismissed_by"`
	DismissedWhy   *string    `json:"dismissed_why"`
	Meaning        string     `json:"meaning,omitempty"` // only in `dlq show`
}

// count is the number of dead letters with the same reason and field.
type count struct {
	Reason string    `json:"reason"`
	Field  *string   `json:"field"`
	Count  uint64    `json:"count"`
	First  time.Time `json:"first_decided_at"`
	Last   time.Time `json:"last_decided_at"`
}

// listing is the result of `dlq list`.
type listing struct {
	Total       uint64   `json:"total"`
	Counts      []count  `json:"counts"`       // most frequent first
	DeadLetters []letter `json:"dead_letters"` // latest first, up to the limit
}

const letterColumns = `source, source_name, source_epoch, source_partition, source_offset, reason, field, detail, subscription_id,
	message_time, decided_at, attempts, resolved_at, dismissed_by, dismissed_why`

func (l *letter) targets() []any {
	return []any{&l.Source, &l.Name, &l.Epoch, &l.Partition, &l.Offset, &l.Reason, &l.Field, &l.Detail, &l.SubscriptionID,
		&l.MessageTime, &l.DecidedAt, &l.Attempts, &l.ResolvedAt, &l.DismissedBy, &l.DismissedWhy}
}

// finish fills in the field that is not a column.
func (l *letter) finish() {
	l.At = schemas.Coordinates{Name: l.Name, Epoch: l.Epoch, Partition: l.Partition, Offset: l.Offset}.String()
}

// list counts and lists the dead letters that the filter selects.
func (l *letters) list(ctx context.Context, f filter) (listing, error) {
	found := listing{Counts: []count{}, DeadLetters: []letter{}}
	where, parameters := f.where()
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(parameters))
	err := statement.Each(ctx, l.conn, `SELECT reason, field, count(), min(decided_at), max(decided_at) FROM `+l.table()+where+`
		GROUP BY reason, field ORDER BY count() DESC, reason, field`, func(row driver.Rows) error {
		var c count
		if err := row.Scan(&c.Reason, &c.Field, &c.Count, &c.First, &c.Last); err != nil {
			return err
		}
		found.Total += c.Count
		found.Counts = append(found.Counts, c)
		return nil
	})
	if err != nil {
		return listing{}, fmt.Errorf("count dead letters: %w", err)
	}
	if f.limit == 0 {
		return found, nil
	}
	err = statement.Each(ctx, l.conn, `SELECT `+letterColumns+` FROM `+l.table()+where+`
		ORDER BY decided_at DESC, source_name, source_epoch DESC, source_partition, source_offset DESC LIMIT `+strconv.Itoa(f.limit), func(row driver.Rows) error {
		var one letter
		if err := row.Scan(one.targets()...); err != nil {
			return err
		}
		one.finish()
		found.DeadLetters = append(found.DeadLetters, one)
		return nil
	})
	if err != nil {
		return listing{}, fmt.Errorf("list dead letters: %w", err)
	}
	return found, nil
}

// find reads one dead letter with its payload, open or resolved.
func (l *letters) find(ctx context.Context, at schemas.Coordinates) (letter, error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"name": statement.Text(at.Name), "epoch": strconv.FormatUint(uint64(at.Epoch), 10),
		"partition": strconv.FormatInt(int64(at.Partition), 10), "offset": strconv.FormatInt(at.Offset, 10),
	}))
	var found []letter
	err := statement.Each(ctx, l.conn, `SELECT `+letterColumns+`, payload, payload_sha256 FROM `+l.table()+`
		WHERE source_name = {name:String} AND source_epoch = {epoch:UInt32}
		AND source_partition = {partition:Int32} AND source_offset = {offset:Int64}`, func(row driver.Rows) error {
		one := letter{Payload: new(string)}
		if err := row.Scan(append(one.targets(), one.Payload, &one.PayloadSHA256)...); err != nil {
			return err
		}
		one.finish()
		one.Meaning = meanings()[schemas.Reason(one.Reason)]
		found = append(found, one)
		return nil
	})
	if err != nil {
		return letter{}, fmt.Errorf("show dead letter: %w", err)
	}
	if len(found) == 0 {
		return letter{}, fmt.Errorf("show %s: %w", at, deadletters.ErrUnknown)
	}
	return found[0], nil
}

func (l *letters) table() string { return fmt.Sprintf("`%s`.dead_letters FINAL", l.database) }

// where is the condition and its query parameters.
func (f filter) where() (string, clickhouse.Parameters) {
	conditions, parameters := []string{"1"}, clickhouse.Parameters{}
	for _, c := range []struct{ column, value string }{{"reason", f.reason}, {"field", f.field}, {"source_name", f.topic}} {
		if c.value != "" {
			conditions = append(conditions, fmt.Sprintf("%[1]s = {%[1]s:String}", c.column))
			parameters[c.column] = statement.Text(c.value)
		}
	}
	if !f.since.IsZero() {
		conditions = append(conditions, "decided_at >= fromUnixTimestamp64Milli({since:Int64})")
		parameters["since"] = strconv.FormatInt(f.since.UnixMilli(), 10)
	}
	if !f.resolved {
		conditions = append(conditions, "resolved_at IS NULL")
	}
	return " WHERE " + strings.Join(conditions, " AND "), parameters
}
