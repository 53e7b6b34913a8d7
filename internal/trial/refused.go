package trial

import (
	"context"
	"errors"
	"fmt"

	clickhouse "github.com/pianola/pianola/internal/sandbox/front"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// refused are the rows that ClickHouse refuses in a round, by constraints that are
// real.
type refused struct {
	places      []world.Position
	constraints []string // by name, to be dropped
}

// errAllStored says that there is no row left that could be refused.
var errAllStored = errors.New("every row has been stored")

// refuseOne makes ClickHouse refuse one row of the world that has not been stored,
// soon to come. No process may be at work: then it is known what is not stored.
func (r *round) refuseOne(ctx context.Context) error {
	places, err := r.comingRows(ctx)
	if err != nil {
		return err
	}
	if len(places) == 0 {
		return errAllStored
	}
	at := places[r.dice.IntN(len(places))]
	err = r.constrain(ctx, fmt.Sprintf("NOT (source_partition = %d AND source_offset = %d)", at.Partition, at.Offset))
	if err != nil {
		return err
	}
	r.refused.places = append(r.refused.places, at)
	return nil
}

// comingRows are, for every partition, the next rows that are neither stored nor
// accounted for.
func (r *round) comingRows(ctx context.Context) ([]world.Position, error) {
	const each = 40
	from := make([]int64, partitions)
	rows, err := r.conn.Query(ctx, `SELECT source_partition, max(next) FROM (
  SELECT source_partition, next_offset AS next FROM ingest_ledger WHERE source_name = $1
  UNION ALL SELECT source_partition, source_offset + 1 FROM subscription_events WHERE source_name = $1
) GROUP BY source_partition`, r.topic)
	if err != nil {
		return nil, fmt.Errorf("read what is stored: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var partition int32
		var next int64
		if err := rows.Scan(&partition, &next); err != nil {
			return nil, fmt.Errorf("read what is stored: %w", err)
		}
		from[partition] = next
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read what is stored: %w", err)
	}
	var coming []world.Position
	for row := range r.world.Truth().Rows() {
		if start := from[row.Partition]; row.Offset >= start && row.Offset < start+each {
			coming = append(coming, world.Position{Partition: row.Partition, Offset: row.Offset})
		}
	}
	return coming, nil
}

// constrain adds a CHECK to the events.
func (r *round) constrain(ctx context.Context, check string) error {
	name := fmt.Sprintf("refused_%d", len(r.refused.constraints)+1)
	if err := r.conn.Exec(ctx, "ALTER TABLE subscription_events ADD CONSTRAINT "+name+" CHECK "+check); err != nil {
		return fmt.Errorf("add a constraint: %w", err)
	}
	r.refused.constraints = append(r.refused.constraints, name)
	return nil
}

// loosen drops all constraints.
func (r *round) loosen(ctx context.Context) error {
	for _, name := range r.refused.constraints {
		if err := r.conn.Exec(ctx, "ALTER TABLE subscription_events DROP CONSTRAINT IF EXISTS "+name); err != nil {
			return fmt.Errorf("drop a constraint: %w", err)
		}
	}
	return nil
}

// accounted says whether the ledger has come past every row that is refused.
func (r *round) accounted(ctx context.Context) (bool, error) {
	for _, at := range r.refused.places {
		var past bool
		err := r.conn.QueryRow(ctx, `SELECT max(next_offset) > $1 FROM ingest_ledger WHERE source_name = $2 AND source_partition = $3`,
			at.Offset, r.topic, at.Partition).Scan(&past)
		if err != nil || !past {
			return false, err
		}
	}
	return true, nil
}

// redriveRefused stops to refuse, and lets an operator redrive what was refused:
// the first INSERT of it is done and answered with an error.
func redriveRefused(ctx context.Context, r *round) error {
	if err := r.loosen(ctx); err != nil {
		return err
	}
	if len(r.refused.places) == 0 {
		return nil
	}
	m, stop := r.mischief()
	defer stop()
	m.strike(eventsInsert, clickhouse.Fault{At: clickhouse.After, Code: unknownStatusOfInsert}, 1)
	if err := r.pianola(ctx, "dlq", "redrive", "--reason", string(schemas.RejectedByServer), "--execute"); err != nil {
		return err
	}
	if m.end() == 0 {
		return errors.New("the redrive has inserted nothing")
	}
	r.truth = r.truth.AfterRedrive()
	return nil
}
