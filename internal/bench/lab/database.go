package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/wait"
	"github.com/pianola/pianola/schemas"
)

// Events is the table that every system fills.
const Events = "subscription_events"

// Database is the database of one run.
type Database struct {
	Name string

	lab *Lab
}

// Database names the database of a run. It need not exist yet.
func (l *Lab) Database(name string) *Database { return &Database{Name: name, lab: l} }

// Exec runs statements.
func (d *Database) Exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if err := d.lab.conn.Exec(ctx, s); err != nil {
			first, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
			return fmt.Errorf("run %q: %w", first, err)
		}
	}
	return nil
}

// Create makes the database with the table of events alone. plain gives it the engine
// MergeTree, which keeps every row; otherwise it is as Pianola's own.
func (d *Database) Create(ctx context.Context, plain bool) error {
	o := schemas.Options{Database: d.Name}
	create, err := schemas.CreateDatabase(o)
	if err != nil {
		return err
	}
	migrations, err := schemas.Migrations(o)
	if err != nil {
		return err
	}
	const engine, keepsAll = "ENGINE = ReplacingMergeTree(version, is_deleted)", "ENGINE = MergeTree"
	table := migrations[0].Statements[0]
	if !strings.Contains(table, Events) || !strings.Contains(table, engine) {
		return fmt.Errorf("the first migration does not make %s with %q", Events, engine)
	}
	if plain {
		table = strings.Replace(table, engine, keepsAll, 1)
	}
	return d.Exec(ctx, create, table)
}

// StopViews stops the refreshes of state and metrics, which the other systems do not have.
func (d *Database) StopViews(ctx context.Context) error {
	var views []string
	if err := d.lab.conn.QueryRow(ctx, "SELECT groupArray(view) FROM system.view_refreshes WHERE database = $1", d.Name).Scan(&views); err != nil {
		return fmt.Errorf("list the refreshed views: %w", err)
	}
	for _, v := range views {
		if err := d.Exec(ctx, fmt.Sprintf("SYSTEM STOP VIEW `%s`.`%s`", d.Name, v)); err != nil {
			return err
		}
	}
	return nil
}

// Drop removes the database.
func (d *Database) Drop(ctx context.Context) error {
	return d.Exec(ctx, fmt.Sprintf("DROP DATABASE IF EXISTS `%s` SYNC", d.Name))
}

// Contents is what a system has stored.
type Contents struct {
	Rows     uint64 `json:"rows"`   // in the table; redelivered events count again until they are merged
	Events   uint64 `json:"events"` // by identity
	Checksum string `json:"checksum"`
	Parts    uint64 `json:"parts"`
	Bytes    uint64 `json:"bytes"` // on disk
}

// RowBytes is the bytes a row on disk.
func (c Contents) RowBytes() float64 { return float64(c.Bytes) / float64(max(1, c.Rows)) }

// summed are the columns of the checksum: all but the time of writing and where the row
// was read, of which version has the offset and the time.
const summed = `event_id, subscription_id, user_id, event_timestamp, subscription_action, event_name, resource_name,
  next_billed_at, billing_period, term_type, term_name, transaction_value, trial_period_ended_at, trial_duration,
  billing_country_code, subscription_period_number, payment_mode, upgrade_to_subscription_id, user_email_hash_sha256,
  is_internal_user, experience_name, subscription_action_raw, version`

// Contents reads what is stored. The checksum is over the highest version of each event,
// in any order of the rows: so it is the same before and after merges, and for a table
// that keeps every row. A text of the row is hashed, because hashes skip NULL.
func (d *Database) Contents(ctx context.Context) (c Contents, err error) {
	var sum uint64
	err = d.lab.conn.QueryRow(ctx, fmt.Sprintf(`SELECT sum(rows), count(), sum(hash)
FROM (SELECT count() AS rows, argMax(sipHash64(toString((%s))), version) AS hash FROM `+"`%s`.`%s`"+` GROUP BY event_id)`,
		summed, d.Name, Events)).Scan(&c.Rows, &c.Events, &sum)
	if err != nil {
		return c, fmt.Errorf("compute the checksum of %s: %w", d.Name, err)
	}
	c.Checksum = fmt.Sprintf("%016x", sum)
	err = d.lab.conn.QueryRow(ctx, "SELECT count(), sum(bytes_on_disk) FROM system.parts WHERE active AND database = $1 AND table = $2",
		d.Name, Events).Scan(&c.Parts, &c.Bytes)
	if err != nil {
		return c, fmt.Errorf("read the parts of %s: %w", d.Name, err)
	}
	return c, nil
}

// Count is how many rows the table has, of which no row is read.
func (d *Database) Count(ctx context.Context) (n uint64, err error) {
	if err := d.lab.conn.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM `%s`.`%s`", d.Name, Events)).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the rows of %s: %w", d.Name, err)
	}
	return n, nil
}

// maxSettle bounds the wait for merges. What is left then is reported by the number of
// parts.
const maxSettle = 2 * time.Minute

// Settle waits until the server has had nothing to merge for a while.
func (d *Database) Settle(ctx context.Context) error {
	const quiet, every = 10, 100 * time.Millisecond
	bounded, cancel := context.WithTimeout(ctx, maxSettle)
	defer cancel()
	idle := 0
	err := wait.Until(bounded, every, func() (bool, error) {
		var merging uint64
		if err := d.lab.conn.QueryRow(ctx, "SELECT count() FROM system.merges WHERE database = $1", d.Name).Scan(&merging); err != nil {
			return false, fmt.Errorf("read the merges: %w", err)
		}
		if idle++; merging > 0 {
			idle = 0
		}
		return idle > quiet, nil
	})
	if bounded.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

// Counters are those of the server since its start.
type Counters struct {
	Inserts uint64 // queries and flushes of materialised views do not differ in parts
	Parts   uint64 // written by inserts
}

// Counters reads them.
func (l *Lab) Counters(ctx context.Context) (c Counters, err error) {
	err = l.conn.QueryRow(ctx, `SELECT sumIf(value, event = 'InsertQuery'), sumIf(value, event = 'MergeTreeDataWriterBlocks')
FROM system.events`).Scan(&c.Inserts, &c.Parts)
	if err != nil {
		return c, fmt.Errorf("read the counters of ClickHouse: %w", err)
	}
	return c, nil
}

// Fill stores rows of other subscriptions in the table, spread over a year, and merges them
// as a server does in time.
func (d *Database) Fill(ctx context.Context, rows int) error {
	table := fmt.Sprintf("`%s`.%s", d.Name, Events)
	err := d.Exec(ctx,
		fmt.Sprintf(`INSERT INTO %s (event_id, subscription_id, user_id, event_timestamp, subscription_action, subscription_action_raw, version, synced_at, source, source_name)
SELECT generateUUIDv4(), 'FILL' || hex(sipHash64(number)), 'PNI' || toString(sipHash64(number, 1)),
  toDateTime64('2025-07-01', 3, 'UTC') + toIntervalSecond(sipHash64(number, 2) %% 31536000), 'Renewed', 'Renewed', number + 1, now64(3, 'UTC'), 'file', 'fill'
FROM numbers(%d) SETTINGS max_partitions_per_insert_block = 0`, table, rows),
		"OPTIMIZE TABLE "+table+" FINAL")
	if err != nil {
		return err
	}
	return d.Settle(ctx)
}

// Ends is the next offset of each partition whose row is visible, of the rows of the last
// seconds. It reads few parts, because a query every few milliseconds must not slow the
// server down.
func (d *Database) Ends(ctx context.Context) (map[int32]int64, error) {
	var partitions []int32
	var next []int64
	err := d.lab.conn.QueryRow(ctx, fmt.Sprintf(`SELECT groupArray(p), groupArray(n) FROM (
SELECT source_partition AS p, max(source_offset) + 1 AS n FROM `+"`%[1]s`.`%[2]s`"+` WHERE _part IN (
  SELECT name FROM system.parts WHERE active AND database = '%[1]s' AND table = '%[2]s' AND max_block_number >=
    (SELECT max(max_block_number) - 50 FROM system.parts WHERE active AND database = '%[1]s' AND table = '%[2]s'))
GROUP BY p)`, d.Name, Events)).Scan(&partitions, &next)
	if err != nil {
		return nil, fmt.Errorf("read the last rows of %s: %w", d.Name, err)
	}
	at := map[int32]int64{}
	for i, p := range partitions {
		at[p] = next[i]
	}
	return at, nil
}
