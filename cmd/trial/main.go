// Command trial tries to break the promise that nothing is lost and nothing shown
// twice: it puts faults in the way of real `pianola run` processes that consume a
// simulated publisher's stream, and holds tables and views against the truth.
//
// Exit status: 0 all trials hold; 1 a trial could not be made, or was interrupted;
// 2 wrong usage; 3 a trial has broken the promise.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/trial"
)

// errBroken is the one finding.
var errBroken = errors.New("the promise does not hold")

func main() {
	clickhouse.ServeIfChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second signal ends the process at once.
	context.AfterFunc(ctx, stop)

	o, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "trial: %v\nTry trial --help.\n", err)
		os.Exit(2)
	}
	switch err := run(ctx, o, os.Stdout, os.Stderr); {
	case errors.Is(err, errBroken):
		fmt.Fprintf(os.Stderr, "trial: %v\n", err)
		os.Exit(3)
	case err != nil && ctx.Err() != nil:
		// Whatever was under way says at length that it was called off.
		fmt.Fprintln(os.Stderr, "trial: interrupted before it was done")
		os.Exit(1)
	case err != nil:
		fmt.Fprintf(os.Stderr, "trial: %v\n", err)
		os.Exit(1)
	}
}

// run makes the chosen trials one after the other, all of a broker first. A broken
// one does not keep the next from being made.
func run(ctx context.Context, o options, stdout, stderr io.Writer) error {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy tells standard error of every byte it holds back
	b := bill{options: o, start: time.Now(), rest: o.count(), stdout: stdout, stderr: stderr}
	for _, kafka := range o.kafkas {
		if err := b.stage(ctx, kafka); err != nil {
			return err
		}
	}
	if o.runs > 1 && !o.json {
		if err := writeTable(stdout, tabulate(b.results)); err != nil {
			return err
		}
	}
	if len(b.results) == 0 {
		return trial.ErrNotHere // the one that was asked for: its reason has been told
	}
	if b.broken > 0 {
		return fmt.Errorf("%w in %d of %d trials", errBroken, b.broken, len(b.results))
	}
	return nil
}

// bill is what is on: the trials that are made and those that were.
type bill struct {
	options
	start   time.Time
	rest    int // trials still to be made
	results []trial.Result
	broken  int

	stdout, stderr io.Writer
}

func (b *bill) say(sentence string) { fmt.Fprintln(b.stderr, sentence) }

// stage makes every run of every trial with one broker.
func (b *bill) stage(ctx context.Context, kafka trial.Kafka) (err error) {
	b.say(fmt.Sprintf("building pianola, starting ClickHouse and %s Kafka", kafka))
	stage, err := trial.Open(ctx, kafka, b.say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	for run := range b.runs {
		for _, t := range b.trials(kafka) {
			if err := b.trial(ctx, stage, t, b.runSeed(run)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bill) trial(ctx context.Context, stage *trial.Stage, t trial.Trial, seed uint64) error {
	b.say(fmt.Sprintf("trial %s, seed %d", t.Name, seed))
	// What one trial has taken too long is taken from all that follow.
	share := (b.duration - time.Since(b.start)) / time.Duration(b.rest)
	b.rest--
	result, err := stage.Run(ctx, t, trial.Plan{Seed: seed, Times: b.times, Duration: max(0, share), Subscribers: b.people})
	if errors.Is(err, trial.ErrNotHere) {
		b.say(fmt.Sprintf("left out: %v", err))
		return nil
	}
	if err != nil {
		return err
	}
	b.results = append(b.results, result)
	if !result.Holds {
		b.broken++
	}
	if b.json {
		err = json.NewEncoder(b.stdout).Encode(result)
	} else {
		_, err = fmt.Fprintln(b.stdout, result)
	}
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
