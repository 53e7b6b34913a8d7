package service

import (
	"context"
	"database/sql"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/schemas"
)

// freshnessInterval is how often the freshness of the state is read. ClickHouse refreshes
// the state about as often.
const freshnessInterval = 15 * time.Second

// stateFreshness shows how far ClickHouse has brought the state of subscriptions. Only the
// owner of partition 0 reads it; other instances have no series.
type stateFreshness struct {
	db         *sql.DB
	query      string
	turn       *ownership
	completeTo *prometheus.GaugeVec
	log        *zap.Logger
}

func newStateFreshness(db *sql.DB, database string, turn *ownership, registry prometheus.Registerer, log *zap.Logger) *stateFreshness {
	f := &stateFreshness{
		db: db, query: schemas.StateCompleteTo(schemas.Options{Database: database}), turn: turn, log: log.Named("state"),
		completeTo: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "pianola", Name: "state_complete_to_timestamp_seconds",
			Help: "What was stored before this time is in the state of every subscription; only on the owner of partition 0."}, nil),
	}
	registry.MustRegister(f.completeTo)
	return f
}

// run blocks until ctx ends.
func (f *stateFreshness) run(ctx context.Context) {
	f.turn.poll(ctx, freshnessInterval, f.completeTo.Reset, func(ctx context.Context) {
		if err := f.read(ctx); err != nil && ctx.Err() == nil {
			f.completeTo.Reset() // the alert is on an absent series too
			f.log.Warn("freshness of the state not read, retrying later", zap.Error(err))
		}
	})
}

func (f *stateFreshness) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	var completeTo time.Time
	if err := f.db.QueryRowContext(ctx, f.query).Scan(&completeTo); err != nil {
		return migrate.Explain(err)
	}
	f.completeTo.WithLabelValues().Set(float64(completeTo.UnixMilli()) / 1000)
	return nil
}
