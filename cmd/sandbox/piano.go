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
	"github.com/pianola/pianola/internal/sandbox/world"
)

// settle is how soon the sandbox takes its stream for settled; lag is how far its
// API and its events are apart, and has to be well below.
const (
	settle = 2 * time.Second
	lag    = 300 * time.Millisecond
)

// publisher is the simulated Piano: what it has, its API, and its way to Kafka.
type publisher struct {
	*pianoapi.Publisher
	api      *pianoapi.Server
	producer *kafka.Producer // nil where it cannot be acted on
}

// openPiano starts the API of a world, with drift planted in it. Answers go wrong
// now and then in ways that a client gets over, and rows move while they are read.
func openPiano(o options, s *sandbox.Services, w *world.World, truth *world.Truth) (_ *publisher, err error) {
	p := &publisher{}
	cfg := pianoapi.PublisherConfig{Seed: o.seed, Lag: lag}
	if o.dataDir == "" {
		if p.producer, err = kafka.NewProducer(s.Kafka.Addr()); err != nil {
			return nil, fmt.Errorf("connect the publisher to Kafka: %w", err)
		}
		cfg.Produce = p.produce
	} // else what is done would be in the kept topic and not in the next API
	p.Publisher = pianoapi.NewPublisher(w, truth, cfg)
	if err := p.Plant(o.seed, o.drift); err != nil && !errors.Is(err, pianoapi.ErrNoRoom) {
		return nil, err
	}
	p.api, err = pianoapi.Start(pianoapi.Config{
		Addr: o.piano, Faults: pianoapi.Faults{Seed: o.seed, Share: 0.01, Shift: 0.05},
	}, p.Publisher)
	if err != nil {
		p.close()
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w: choose another with --piano, or port 0 for a free one", err)
		}
		return nil, err
	}
	return p, nil
}

// produce sends one event and has it acknowledged: what the API does is not to be
// lost on the way.
func (p *publisher) produce(ctx context.Context, key, value []byte, at time.Time) error {
	if err := p.producer.Send(ctx, kafka.Record{Topic: topic, Partition: kafka.ByKey, Key: key, Value: value, Time: at}); err != nil {
		return err
	}
	return p.producer.Flush(ctx)
}

// configure tells a Pianola of the API. It reconciles when it is told to.
func (p *publisher) configure(cfg *config.Config) {
	cfg.Piano.BaseURL, cfg.Piano.ReportsURL = p.api.BaseURL(), p.api.ReportsURL()
	cfg.Piano.AID, cfg.Piano.APIToken = p.api.AID(), config.Secret(p.api.Token())
	cfg.Piano.PageSize, cfg.Piano.Rate = 1000, 1000
	cfg.Piano.Retry.Initial = 100 * time.Millisecond
	cfg.Reconcile.Interval, cfg.Reconcile.Settle = 0, settle
}

// live lets subscribers and support act until ctx ends.
func (p *publisher) live(ctx context.Context, perSecond float64) error {
	if p.producer == nil || perSecond == 0 {
		<-ctx.Done()
		return nil
	}
	return p.Live(ctx, perSecond)
}

func (p *publisher) close() {
	if p.api != nil {
		_ = p.api.Close() // its clients have gone
	}
	if p.producer != nil {
		p.producer.Close()
	}
}
