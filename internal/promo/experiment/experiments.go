package experiment

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/internal/statement"
)

// The errors that a caller handles.
var (
	ErrExists  = errors.New("an experiment of this name exists already; its arms cannot be changed, so use another name")
	ErrTwice   = errors.New("two people have created an experiment of this name at once, so nobody knows whose counts; use another name")
	ErrUnknown = errors.New("there is no experiment of this name; pianola promo experiment list shows all")
	ErrNoRun   = errors.New("the segment has not been materialised; run pianola promo segment refresh")
)

// Experiments creates, assigns and reports.
type Experiments struct {
	store.Store
	Segments segment.Segments
	Now      func() time.Time
}

// armRow is an arm in the table.
type armRow struct {
	Name        string `ch:"name"`
	Weight      uint32 `ch:"weight"`
	PromotionID string `ch:"promotion_id"`
}

// Create writes a prepared experiment. Of two that are created at once under one name, at
// least one caller gets ErrTwice, and the experiment cannot be used: no reader may choose
// between their keys.
func (x Experiments) Create(ctx context.Context, e *Experiment) error {
	if _, err := x.Find(ctx, e.ID); err == nil {
		return ErrExists
	} else if !errors.Is(err, ErrUnknown) {
		return err
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	e.salt, e.CreatedAt = hex.EncodeToString(salt), x.Now().UTC().Truncate(time.Millisecond)
	arms, planned := make([]any, len(e.Arms)), make([]uint64, len(e.Arms))
	for i, a := range e.Arms {
		arms[i], planned[i] = []any{a.Name, a.Weight, a.PromotionID}, a.Planned
	}
	err := x.Insert(ctx, "experiments", "experiment_id, segment, arms, salt, conversion_days, renewal_days, baseline, target, alpha, power, planned, created_by, created_at", 1, func(int) []any {
		return []any{e.ID, e.Segment, arms, e.salt, e.ConversionDays, e.RenewalDays, e.Baseline, e.Target, e.Alpha, e.Power, planned, e.CreatedBy, e.CreatedAt}
	})
	if err != nil {
		return err
	}
	first, err := x.Find(ctx, e.ID)
	if err == nil && first.salt != e.salt {
		return ErrTwice // the own row has not reached this reader yet
	}
	return err
}

// Find returns an experiment.
func (x Experiments) Find(ctx context.Context, id string) (*Experiment, error) {
	all, err := x.read(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case len(all) == 0:
		return nil, ErrUnknown
	case all[0].keys > 1:
		return nil, ErrTwice
	}
	return &all[0], nil
}

// List returns all experiments, the latest first.
func (x Experiments) List(ctx context.Context) ([]Experiment, error) { return x.read(ctx, "") }

func (x Experiments) read(ctx context.Context, id string) ([]Experiment, error) {
	return store.Read(ctx, x.Store, "read experiments", `SELECT experiment_id, segment, arms, salt, conversion_days, renewal_days, baseline, target, alpha, power, planned, toString(created_by), created_at, keys
FROM (SELECT *, uniqExact(salt) OVER (PARTITION BY experiment_id) AS keys FROM `+x.Tables.Table("experiments")+` FINAL WHERE {id:String} = '' OR experiment_id = {id:String} ORDER BY created_at, salt LIMIT 1 BY experiment_id)
ORDER BY created_at DESC, experiment_id`, clickhouse.Parameters{"id": statement.Text(id)}, func(row driver.Rows, e *Experiment) error {
		var arms []armRow
		var planned []uint64
		if err := row.Scan(&e.ID, &e.Segment, &arms, &e.salt, &e.ConversionDays, &e.RenewalDays, &e.Baseline, &e.Target, &e.Alpha, &e.Power, &planned, &e.CreatedBy, &e.CreatedAt, &e.keys); err != nil {
			return err
		}
		if len(arms) != len(planned) {
			return fmt.Errorf("experiment %s has %d arms and %d sizes", e.ID, len(arms), len(planned))
		}
		e.Arms = make([]Arm, len(arms))
		for i, a := range arms {
			e.Arms[i] = Arm{Name: a.Name, Weight: a.Weight, PromotionID: a.PromotionID, Planned: planned[i]}
		}
		e.CreatedAt = e.CreatedAt.UTC()
		return nil
	})
}
