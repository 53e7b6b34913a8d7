package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// The topic and the database have their default names.
const (
	topic    = "piano.subscriber-events"
	database = "piano"
)

// demonstrate runs the demonstration, from the first server to the result.
func demonstrate(ctx context.Context, o options, out, progress io.Writer) error {
	// The goroutines of the service write their log there, too.
	progress = zapcore.Lock(zapcore.AddSync(progress))
	began := time.Now()
	publishes := !o.servicesOnly || o.subscribersGiven
	if publishes {
		if err := o.continueKept(); err != nil {
			return err
		}
	}
	fmt.Fprintln(progress, "Starting ClickHouse and Kafka …")
	s, err := sandbox.Start(ctx, sandbox.Config{
		Kafka: o.kafka, ClickHouse: o.clickhouse, ClickHouseHTTP: o.clickhouseHTTP, DataDir: o.dataDir,
		Password: o.clickhousePassword, Guest: o.guest, Logs: true,
		Topics:   map[string]int{topic: o.partitions},
		Progress: func(sentence string) { fmt.Fprintln(progress, "  "+sentence+" …") },
	})
	if err != nil {
		return err
	}
	defer s.Close()

	var w *world.World
	var truth *world.Truth
	var piano *publisher
	if publishes {
		cfg := world.Defaults()
		cfg.Seed, cfg.Subscribers, cfg.Topic, cfg.Partitions = o.seed, o.subscribers, topic, o.partitions
		cfg.EndAt(o.end)
		if w, err = world.New(cfg); err != nil {
			return fmt.Errorf("simulate the publisher: %w", err)
		}
		if err := keep(o); err != nil {
			return err
		}
		truth = w.Truth()
		if piano, err = openPiano(o, s, w, truth); err != nil {
			return err
		}
		defer piano.close()
		if err := piano.openShop(ctx, o); err != nil {
			return err
		}
	}
	if o.servicesOnly {
		return servicesOnly(ctx, o, s, w, piano, out)
	}

	pianola, err := newInstance(ctx, o, s, w, piano, progress)
	if err != nil {
		return err
	}
	defer pianola.close()

	fmt.Fprintf(progress, "Started in %s. Publishing one year of events, until %s: %d subscribers, seed %d, %d messages.\n",
		time.Since(began).Round(10*time.Millisecond), o.end.Format(time.DateOnly), o.subscribers, o.seed, w.Total())
	if pianola.console != nil {
		fmt.Fprintf(progress, "The web console is at %s.\n", pianola.console.hint(s))
	}

	running, stop := context.WithCancel(ctx)
	defer stop()
	var group errgroup.Group
	group.Go(func() error {
		defer stop()
		return pianola.run(running)
	})
	// The verdict is nil, errUnequal, errMisjudged, or the error that prevented it.
	verdict := func() error {
		if err := ingest(running, o, s, w, pianola, progress); err != nil {
			return err
		}
		judged := report(running, s, w, truth, piano, pianola, out)
		if o.exit || !isVerdict(judged) {
			return judged
		}
		fmt.Fprintln(progress, "Computing the metrics …")
		return errors.Join(judged, pianola.computeMetrics(running))
	}()
	reached := isVerdict(verdict)
	if reached && !o.exit && running.Err() == nil {
		connect(o, s, piano, pianola, out)
		commands(settings(o, s, w, piano), s.ClickHouse.HTTPAddr(), true, false, out)
		fmt.Fprintln(out, "\nPianola continues to consume, and subscribers continue to act. Press Ctrl-C to stop.")
		group.Go(func() error { return piano.live(running, o.live) })
		<-running.Done()
	}
	interrupted := ctx.Err() != nil
	stop()
	if err := group.Wait(); err != nil {
		return err
	}
	if interrupted && !reached {
		return errInterrupted
	}
	return verdict
}

// isVerdict reports whether the report was printed, with a good or a bad result.
func isVerdict(err error) bool {
	return err == nil || errors.Is(err, errUnequal) || errors.Is(err, errMisjudged)
}

// servicesOnly runs Kafka and ClickHouse for a pianola in another process.
func servicesOnly(ctx context.Context, o options, s *sandbox.Services, w *world.World, p *publisher, out io.Writer) error {
	if w != nil {
		if err := s.Publish(ctx, w, func(int) {}); err != nil {
			return err
		}
		fmt.Fprintf(out, "%d messages of %d subscribers are in %s.\n", w.Total(), o.subscribers, topic)
	}
	connect(o, s, p, nil, out)
	commands(settings(o, s, w, p), s.ClickHouse.HTTPAddr(), p != nil, true, out)
	fmt.Fprintln(out, "\nPress Ctrl-C to stop.")
	<-ctx.Done()
	return nil
}
