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
	"github.com/pianola/pianola/internal/suppression"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// readTimeout limits the wait for one answer of ClickHouse. The comparison of a range
// of subscriptions may send nothing for minutes, above all over HTTP.
const readTimeout = 30 * time.Minute

// Reconciling is a Reconciler with its connections. The caller must close it.
type Reconciling struct {
	*reconcile.Reconciler
	close []io.Closer
}

// ReconcilingDeps are the dependencies of a Reconciling.
type ReconcilingDeps struct {
	Rules *transform.Rules
	// List is the suppression list that the rules obey; nil makes one.
	List *suppression.List
	// Kafka reads the offsets of the group. Reconciling does not close it.
	Kafka *consumer.Consumer
	Now   func() time.Time
	Log   *zap.Logger
	API   piano.Hooks
	Run   reconcile.Hooks
}

// NewReconciling builds a Reconciler from a valid configuration. Without an API token
// it can only compare files. It opens no connection.
func NewReconciling(cfg config.Config, p ReconcilingDeps) (_ *Reconciling, err error) {
	r := &Reconciling{}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	parts := reconcile.Deps{
		Tables: schemas.Options{Database: cfg.ClickHouse.Database}, Stream: stream{p.Kafka, consumer.Isolation(cfg.Kafka.Isolation)},
		Instance: cfg.Consumer.Instance, Now: p.Now, Log: p.Log, Hooks: p.Run,
	}
	if cfg.Piano.APIToken != "" {
		client, err := piano.New(cfg.PianoConfig(), p.Rules, p.Log, p.API)
		if err != nil {
			return nil, fmt.Errorf("set up the Piano client: %w", err)
		}
		r.close = append(r.close, closerFunc(client.Close))
		parts.API = client
	}
	options := cfg.ClickHouseOptions()
	options.ReadTimeout = readTimeout
	if parts.Conn, err = clickhouse.Open(options); err != nil {
		return nil, fmt.Errorf("set up the connection to ClickHouse: %w", migrate.Explain(err))
	}
	r.close = append(r.close, parts.Conn)
	list := p.List
	if list == nil {
		list = NewSuppression(cfg, parts.Conn, p.Rules, p.Now, p.Log, nil)
	}
	parts.Suppression, parts.Suppressed = list, p.Rules.Suppressed
	if r.Reconciler, err = reconcile.New(cfg.ReconcileConfig(), parts); err != nil {
		return nil, err
	}
	return r, nil
}

// Close closes the connections. No run may be active.
func (r *Reconciling) Close() {
	for _, one := range r.close {
		_ = one.Close() // all writes are acknowledged
	}
}

// closerFunc is a Closer without an error.
type closerFunc func()

// Close implements io.Closer.
func (c closerFunc) Close() error { c(); return nil }

// stream implements reconcile.Stream with the offsets of the group.
type stream struct {
	kafka     *consumer.Consumer
	isolation consumer.Isolation
}

// Positions implements reconcile.Stream. With read_uncommitted no transaction keeps a
// reader from the end of the log.
func (s stream) Positions(ctx context.Context) ([]reconcile.Position, error) {
	assignments, err := s.kafka.Offsets(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]reconcile.Position, 0, len(assignments))
	for _, a := range assignments {
		stable := a.LastStable
		if s.isolation == consumer.ReadUncommitted {
			stable = a.HighWatermark
		}
		all = append(all, reconcile.Position{Topic: a.Topic, Partition: a.Partition, Committed: a.Committed, LogStart: a.LogStart,
			LastStable: stable, LogEnd: a.HighWatermark})
	}
	return all, nil
}
