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

	"github.com/pianola/pianola/internal/trial"
)

// errBroken is the one finding.
var errBroken = errors.New("the promise does not hold")

func main() {
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

// run makes the chosen trials one after the other. A broken one does not keep the
// next from being made.
func run(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	start := time.Now()
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy tells standard error of every byte it holds back
	say := func(sentence string) { fmt.Fprintln(stderr, sentence) }
	say(fmt.Sprintf("building pianola, starting ClickHouse and %s Kafka", o.kafka))
	stage, err := trial.Open(ctx, o.kafka, say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()

	broken := 0
	for i, t := range o.trials {
		say(fmt.Sprintf("trial %s, seed %d", t.Name, o.seed))
		// What one trial has taken too long is taken from all that follow.
		share := (o.duration - time.Since(start)) / time.Duration(len(o.trials)-i)
		result, err := stage.Run(ctx, t, trial.Plan{Seed: o.seed, Times: o.times, Duration: max(0, share)})
		if err != nil {
			return err
		}
		if !result.Holds {
			broken++
		}
		if o.json {
			err = json.NewEncoder(stdout).Encode(result)
		} else {
			_, err = fmt.Fprintln(stdout, result)
		}
		if err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
	}
	if broken > 0 {
		return fmt.Errorf("%w in %d of %d trials", errBroken, broken, len(o.trials))
	}
	return nil
}
