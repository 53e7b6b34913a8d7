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

const (
	// countInterval is how often the dead letters are counted. They change by the commands
	// redrive and dismiss too, of which no counter of this process knows.
	countInterval = time.Minute
	countTimeout  = 20 * time.Second
)

// deadLetterCount shows how many dead letters the table has. Only the owner of partition 0
// counts; other instances have no series.
type deadLetterCount struct {
	db        *sql.DB
	database  string
	turn      *ownership
	open      *prometheus.GaugeVec // reason
	dismissed *prometheus.GaugeVec // reason
	log       *zap.Logger
}

func newDeadLetterCount(db *sql.DB, database string, turn *ownership, registry prometheus.Registerer, log *zap.Logger) *deadLetterCount {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "pianola", Name: name, Help: help}, []string{"reason"})
	}
	c := &deadLetterCount{
		db: db, database: database, turn: turn, log: log.Named("dead_letters"),
		open:      gauge("dead_letters_open", "Dead letters that are open, by reason; only on the owner of partition 0."),
		dismissed: gauge("dead_letters_dismissed", "Dead letters that were dismissed because their message is gone, by reason; only on the owner of partition 0."),
	}
	registry.MustRegister(c.open, c.dismissed)
	return c
}

// run blocks until ctx ends.
func (c *deadLetterCount) run(ctx context.Context) {
	c.turn.poll(ctx, countInterval, c.clear, func(ctx context.Context) {
		if err := c.count(ctx); err != nil && ctx.Err() == nil {
			c.clear() // an old number would look like a new one
			c.log.Warn("dead letters not counted, retrying later", zap.Error(err))
		}
	})
}

func (c *deadLetterCount) clear() {
	c.open.Reset()
	c.dismissed.Reset()
}

// count reads the numbers. A reason without dead letters has 0.
func (c *deadLetterCount) count(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	rows, err := c.db.QueryContext(ctx, "SELECT toString(reason), countIf(resolved_at IS NULL), countIf(dismissed_by IS NOT NULL) FROM `"+c.database+"`.dead_letters FINAL GROUP BY reason")
	if err != nil {
		return migrate.Explain(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err reports the error
	open, dismissed := map[string]uint64{}, map[string]uint64{}
	for rows.Next() {
		var reason string
		var o, d uint64
		if err := rows.Scan(&reason, &o, &d); err != nil {
			return migrate.Explain(err)
		}
		open[reason], dismissed[reason] = o, d
	}
	if err := rows.Err(); err != nil {
		return migrate.Explain(err)
	}
	for _, reason := range schemas.Reasons() {
		c.open.WithLabelValues(string(reason)).Set(float64(open[string(reason)]))
		c.dismissed.WithLabelValues(string(reason)).Set(float64(dismissed[string(reason)]))
	}
	return nil
}
