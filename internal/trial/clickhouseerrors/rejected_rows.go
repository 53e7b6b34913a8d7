package clickhouseerrors

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pianola/pianola/internal/sandbox/faultproxy"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/schemas"
)

// rejectedRows are the rows that ClickHouse rejects in a round, by real constraints.
type rejectedRows struct {
	*harness.Round
	places      []world.Position
	constraints []string // by name
}

// rejectOne makes ClickHouse reject one of the next rows that have not been stored. No
// process may run: otherwise it is not known what is stored.
func (x *rejectedRows) rejectOne(ctx context.Context) error {
	places, err := x.nextRows(ctx)
	if err != nil {
		return err
	}
	if len(places) == 0 {
		return harness.ErrOver
	}
	at := places[x.Dice.IntN(len(places))]
	if err := x.constrain(ctx, fmt.Sprintf("NOT (source_partition = %d AND source_offset = %d)", at.Partition, at.Offset)); err != nil {
		return err
	}
	x.places = append(x.places, at)
	return nil
}

// nextRows are, in every partition, the next rows that are neither stored nor in the
// ledger.
func (x *rejectedRows) nextRows(ctx context.Context) ([]world.Position, error) {
	const each = 40
	from, err := x.MaxByPartition(ctx, `SELECT source_partition, max(next) AS highest FROM (
  SELECT source_partition, next_offset AS next FROM ingest_ledger WHERE kind != 'replay' AND source_name = $1
  UNION ALL SELECT source_partition, source_offset + 1 FROM subscription_events WHERE source_name = $1
) GROUP BY source_partition`, x.Topic)
	if err != nil {
		return nil, err
	}
	var next []world.Position
	for row := range x.World.Truth().Rows() {
		if start := from[row.Partition]; row.Offset >= start && row.Offset < start+each {
			next = append(next, world.Position{Partition: row.Partition, Offset: row.Offset})
		}
	}
	return next, nil
}

// constrain adds a CHECK to the events.
func (x *rejectedRows) constrain(ctx context.Context, check string) error {
	name := fmt.Sprintf("refused_%d", len(x.constraints)+1)
	x.constraints = append(x.constraints, name)
	return x.Exec(ctx, "ALTER TABLE subscription_events ADD CONSTRAINT "+name+" CHECK "+check)
}

// dropConstraints drops all of them.
func (x *rejectedRows) dropConstraints(ctx context.Context) error {
	for _, name := range x.constraints {
		if err := x.Exec(ctx, "ALTER TABLE subscription_events DROP CONSTRAINT IF EXISTS "+name); err != nil {
			return err
		}
	}
	return nil
}

// inLedger says whether the ledger has passed every rejected row.
func (x *rejectedRows) inLedger(ctx context.Context) (bool, error) {
	next, err := x.Reached(ctx, "true")
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(x.places, func(at world.Position) bool { return next[at.Partition] <= at.Offset }), nil
}

// redrive drops the constraints, and has the rejected rows redriven as an operator does.
// The first INSERT of it is executed and answered with an error.
func (x *rejectedRows) redrive(ctx context.Context) error {
	if err := x.dropConstraints(ctx); err != nil {
		return err
	}
	if len(x.places) == 0 {
		return nil
	}
	_, stop := inject(x.Round, eventsInsert, faultproxy.Fault{At: faultproxy.After, Code: unknownStatusOfInsert}, 1)
	_, err := x.Pianola(ctx, harness.StatusDone, "dlq", "redrive", "--reason", string(schemas.RejectedByServer), "--execute")
	if struck := stop(); err != nil {
		return err
	} else if struck == 0 {
		return errors.New("the redrive has inserted nothing")
	}
	x.SetTruth(x.Truth().AfterRedrive())
	return nil
}
