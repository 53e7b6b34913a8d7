package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/trial"
)

// options are the command line.
type options struct {
	kafka    trial.Kafka
	trials   []trial.Trial
	seed     uint64
	times    int
	duration time.Duration
	json     bool
}

const about = `Trial puts faults in the way of real "pianola run" processes that consume a simulated
publisher's stream, and at the end holds every table and view against the known truth
and audits the delivery. One line a trial; docs/trials.md explains them.

  trial                                  the short form: each trial's own number of faults
  trial --duration 1h                    the long form: the time is shared by the trials
  trial --only kill --seed 7             one trial, with another world and other moments
  trial --kafka apache                   with Apache Kafka, which needs Java and Maven

Flags:
`

func parse(args []string, errors io.Writer) (options, error) {
	o := options{}
	var kafka, only string
	flags := pflag.NewFlagSet("trial", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(errors)
	flags.StringVar(&only, "only", "", "`NAME` of the one trial to make: "+strings.Join(names(), ", "))
	flags.StringVar(&kafka, "kafka", string(trial.Embedded), "`NAME` of the broker: embedded or apache")
	flags.Uint64Var(&o.seed, "seed", 1, "the first round's seed, of the world and of the faults")
	flags.DurationVar(&o.duration, "duration", 0, "go on for this long, all trials together")
	flags.IntVar(&o.times, "times", 0, "faults in each trial (default: each trial's own number)")
	flags.BoolVar(&o.json, "json", false, "a JSON document a line, instead of text")
	flags.Usage = func() { fmt.Fprint(errors, about+flags.FlagUsages()) }
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.kafka = trial.Kafka(kafka)
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.kafka != trial.Embedded && o.kafka != trial.Apache:
		return o, fmt.Errorf("--kafka %q is neither embedded nor apache", kafka)
	case o.times < 0 || o.duration < 0:
		return o, fmt.Errorf("--times and --duration are not below 0")
	}
	for _, t := range trial.All() {
		switch {
		case only != "" && t.Name != only:
		case t.Runs(o.kafka):
			o.trials = append(o.trials, t)
		case only != "":
			return o, fmt.Errorf("--only %s cannot be made with --kafka %s: see docs/trials.md", only, kafka)
		}
	}
	if len(o.trials) == 0 {
		return o, fmt.Errorf("--only %q is none of %s", only, strings.Join(names(), ", "))
	}
	return o, nil
}

func names() []string {
	var all []string
	for _, t := range trial.All() {
		all = append(all, t.Name)
	}
	return all
}
