package service

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// answerTimeout bounds the silence of ClickHouse within one answer: comparing a
// bucket of subscriptions may take it long, over HTTP above all.
const answerTimeout = 30 * time.Minute

// Reconciling is a Reconciler, and what it holds open. Close it.
type Reconciling struct {
	*reconcile.Reconciler
	close []io.Closer
}

// ReconcilingParts are what its process gives it beside the configuration.
type ReconcilingParts struct {
	Rules *transform.Rules
	// Kafka knows how far the group is. It is not closed.
	Kafka *consumer.Consumer
	Now   func() time.Time
	Log   *zap.Logger
	API   piano.Hooks
	Run   reconcile.Hooks
}

// NewReconciling puts a Reconciler together as the configuration says, which must
// be valid. Without an API token it compares files alone. It talks to nobody yet.
func NewReconciling(cfg config.Config, p ReconcilingParts) (_ *Reconciling, err error) {
	r := &Reconciling{}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	parts := reconcile.Parts{
		Tables: schemas.Options{Database: cfg.ClickHouse.Database}, Stream: stream{p.Kafka, consumer.Isolation(cfg.Kafka.Isolation)},
		Instance: cfg.Consumer.Instance, Now: p.Now, Log: p.Log, Hooks: p.Run,
	}
	if cfg.Piano.APIToken != "" {
		client, err := piano.New(cfg.PianoConfig(), p.Rules, p.Log, p.API)
		if err != nil {
			return nil, fmt.Errorf("set up the client of Piano's API: %w", err)
		}
		r.close = append(r.close, closing(client.Close))
		parts.API = client
	}
	options := cfg.ClickHouseOptions()
	options.ReadTimeout = answerTimeout
	if parts.Conn, err = clickhouse.Open(options); err != nil {
		return nil, fmt.Errorf("set up the connection to ClickHouse: %w", migrate.Explain(err))
	}
	r.close = append(r.close, parts.Conn)
	if r.Reconciler, err = reconcile.New(cfg.ReconcileConfig(), parts); err != nil {
		return nil, err
	}
	return r, nil
}

// Close ends its connections. No run may be under way.
func (r *Reconciling) Close() {
	for _, one := range r.close {
		_ = one.Close() // whatever was to be stored has been acknowledged
	}
}

// closing is a Closer without an error.
type closing func()

// Close calls it.
func (c closing) Close() error { c(); return nil }

// stream tells a reconciler how far the group has read.
type stream struct {
	kafka     *consumer.Consumer
	isolation consumer.Isolation
}

// Positions implements reconcile.Stream. A reader of uncommitted records sees the
// log up to the high watermark.
func (s stream) Positions(ctx context.Context) ([]reconcile.Position, error) {
	assignments, err := s.kafka.Offsets(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]reconcile.Position, 0, len(assignments))
	for _, a := range assignments {
		end := a.LastStable
		if s.isolation == consumer.ReadUncommitted {
			end = a.HighWatermark
		}
		all = append(all, reconcile.Position{Topic: a.Topic, Partition: a.Partition, Committed: a.Committed, LogStart: a.LogStart, LastStable: end})
	}
	return all, nil
}
