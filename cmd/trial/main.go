// Command trial tries to break the promise that no event is lost and none is shown twice. It
// causes faults while real `pianola run` processes consume a simulated publisher's stream,
// and compares tables and views with the truth.
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

	"github.com/pianola/pianola/internal/safetext"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/trial/harness"
)

// errBroken is the one finding.
var errBroken = errors.New("the promise does not hold")

func main() {
	clickhouse.ServeIfChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second signal ends the process at once.
	context.AfterFunc(ctx, stop)

	// Errors and results can contain texts from outside.
	stdout, stderr := safetext.Writer(os.Stdout), safetext.Writer(os.Stderr)
	o, err := parse(os.Args[1:], stderr)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintf(stderr, "trial: %v\nTry trial --help.\n", err)
		os.Exit(2)
	}
	switch err := run(ctx, o, stdout, stderr); {
	case errors.Is(err, errBroken):
		fmt.Fprintf(stderr, "trial: %v\n", err)
		os.Exit(3)
	case err != nil && ctx.Err() != nil:
		// The error says only that what was running was cancelled.
		fmt.Fprintln(stderr, "trial: interrupted before it was done")
		os.Exit(1)
	case err != nil:
		fmt.Fprintf(stderr, "trial: %v\n", err)
		os.Exit(1)
	}
}

// run runs the chosen trials, first all with one broker. It continues after a broken one.
func run(ctx context.Context, o options, stdout, stderr io.Writer) error {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy writes a line for every delayed packet
	p := program{options: o, start: time.Now(), rest: o.count(), stdout: stdout, stderr: stderr}
	for _, kafka := range o.kafkas {
		if err := p.withBroker(ctx, kafka); err != nil {
			return err
		}
	}
	if o.runs > 1 && !o.json {
		if err := writeTable(stdout, tabulate(p.results)); err != nil {
			return err
		}
	}
	if len(p.results) == 0 {
		return harness.ErrUnavailable // the reason has been printed
	}
	if p.broken > 0 {
		return fmt.Errorf("%w in %d of %d trials", errBroken, p.broken, len(p.results))
	}
	return nil
}

// program is the trials that are to run, and the results of those that have run.
type program struct {
	options
	start   time.Time
	rest    int // trials still to run
	results []harness.Result
	broken  int

	stdout, stderr io.Writer
}

func (p *program) say(sentence string) { fmt.Fprintln(p.stderr, sentence) }

// withBroker makes every run of every trial with one broker.
func (p *program) withBroker(ctx context.Context, kafka harness.Kafka) (err error) {
	p.say(fmt.Sprintf("building pianola, starting ClickHouse and %s Kafka", kafka))
	env, err := harness.Open(ctx, kafka, p.say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close()) }()
	for run := range p.runs {
		for _, t := range p.trials(kafka) {
			if err := p.trial(ctx, env, t, p.runSeed(run)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *program) trial(ctx context.Context, env *harness.Env, t harness.Trial, seed uint64) error {
	p.say(fmt.Sprintf("trial %s, seed %d", t.Name, seed))
	// A trial that takes too long shortens all that follow.
	share := (p.duration - time.Since(p.start)) / time.Duration(p.rest)
	p.rest--
	result, err := env.Run(ctx, t, harness.Plan{Seed: seed, Times: p.times, Duration: max(0, share), Subscribers: p.subscribers})
	if errors.Is(err, harness.ErrUnavailable) {
		p.say(fmt.Sprintf("left out: %v", err))
		return nil
	}
	if err != nil {
		return err
	}
	p.results = append(p.results, result)
	if !result.Holds {
		p.broken++
	}
	if p.json {
		err = json.NewEncoder(p.stdout).Encode(result)
	} else {
		_, err = fmt.Fprintln(p.stdout, result)
	}
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
