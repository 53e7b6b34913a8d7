package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/care"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// settle is the settle time of reconciliation. lag is the maximum delay between an
// event and its change in the API; it must be well below settle.
const (
	settle = 2 * time.Second
	lag    = 300 * time.Millisecond
)

// publisher is the simulated Piano, with its API server and its Kafka producer.
type publisher struct {
	*pianoapi.Publisher
	api      *pianoapi.Server
	producer *kafka.Producer // nil for a read-only publisher
}

// openPiano starts the API of a world and plants drift in it. Some answers fail in
// ways that a retry resolves, and some rows move while a client reads pages.
func openPiano(o options, s *sandbox.Services, w *world.World, truth *world.Truth) (_ *publisher, err error) {
	p := &publisher{}
	cfg := pianoapi.PublisherConfig{Seed: o.seed, Lag: lag}
	if o.dataDir == "" {
		if p.producer, err = kafka.NewProducer(s.Kafka.Addr()); err != nil {
			return nil, fmt.Errorf("connect the publisher to Kafka: %w", err)
		}
		cfg.Produce = p.produce
	} // with --data, new events would stay in the topic, but the next run's API would not know them
	p.Publisher = pianoapi.NewPublisher(w, truth, cfg)
	if err := p.Plant(o.seed, o.drift); err != nil && !errors.Is(err, pianoapi.ErrTooFewSubscriptions) {
		return nil, err
	}
	p.api, err = pianoapi.Start(pianoapi.Config{
		Addr: o.piano, Faults: pianoapi.Faults{Seed: o.seed, Share: 0.01, Shift: 0.05},
	}, care.New(p.Publisher, care.Config{Seed: o.seed}))
	if err != nil {
		p.close()
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w: choose another address with --piano; port 0 selects a free port", err)
		}
		return nil, err
	}
	return p, nil
}

// produce sends one event and waits for the acknowledgement, because the API change
// that follows must not be without its event.
func (p *publisher) produce(ctx context.Context, key, value []byte, at time.Time) error {
	if err := p.producer.Send(ctx, kafka.Record{Topic: topic, Partition: kafka.ByKey, Key: key, Value: value, Time: at}); err != nil {
		return err
	}
	return p.producer.Flush(ctx)
}

// configure sets the API in a Pianola configuration, without scheduled reconciliation.
func (p *publisher) configure(cfg *config.Config) {
	cfg.Piano.BaseURL, cfg.Piano.ReportsURL = p.api.BaseURL(), p.api.ReportsURL()
	cfg.Piano.AID, cfg.Piano.APIToken = p.api.AID(), config.Secret(p.api.Token())
	cfg.Piano.PageSize, cfg.Piano.Rate = 1000, 1000
	cfg.Piano.Retry.Initial = 100 * time.Millisecond
	cfg.Reconcile.Interval, cfg.Reconcile.Settle = 0, settle
}

// live simulates actions of subscribers and support until ctx ends.
func (p *publisher) live(ctx context.Context, perSecond float64) error {
	if p.producer == nil || perSecond == 0 {
		<-ctx.Done()
		return nil
	}
	return p.Live(ctx, perSecond)
}

func (p *publisher) close() {
	if p.api != nil {
		_ = p.api.Close() // no client is connected any more
	}
	if p.producer != nil {
		p.producer.Close()
	}
}
