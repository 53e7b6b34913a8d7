package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/trial"
	"github.com/pianola/pianola/internal/trial/harness"
)

// options are the command line.
type options struct {
	kafkas      []harness.Kafka // in this order
	only        []string        // names of trials; none: all
	seed        uint64
	runs        int
	times       int
	subscribers int // of a round's world; 0: the trials' own
	duration    time.Duration
	json        bool
}

const about = `Trial causes faults while real "pianola run" processes consume a simulated publisher's
stream. At the end it compares every table and view with the known truth, and audits the
delivery. It prints one line a trial; docs/trials.md explains the trials.

  trial                                  every trial once, with its own number of faults
  trial --duration 1h                    the long form: the time is shared by the trials
  trial --only kill,server --seed 7      two trials, with other worlds and other times of faults
  trial --kafka apache                   with Apache Kafka, which needs Java and Maven
  trial --kafka both --runs 3            the whole proof: three runs with different seeds,
                                         with each broker, and a table of the results

Flags:
`

func parse(args []string, errors io.Writer) (options, error) {
	o := options{}
	var kafka string
	flags := pflag.NewFlagSet("trial", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(errors)
	flags.StringSliceVar(&o.only, "only", nil, "`NAMES` of the trials to run, separated by commas: "+strings.Join(names(), ", "))
	flags.StringVar(&kafka, "kafka", string(harness.Embedded), "`NAME` of the broker: embedded, apache or both")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the first round, for the world and the faults")
	flags.IntVar(&o.runs, "runs", 1, "runs of all trials, each with other seeds; more than one ends with a table")
	flags.DurationVar(&o.duration, "duration", 0, "total duration of all trials, at least")
	flags.IntVar(&o.times, "times", 0, "faults in each trial (default: each trial's own number)")
	flags.IntVar(&o.subscribers, "subscribers", 0, "subscribers of each round's world (default: 6000, about 31,000 messages)")
	flags.BoolVar(&o.json, "json", false, "one JSON document a line")
	flags.Usage = func() { fmt.Fprint(errors, about+flags.FlagUsages()) }
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case kafka == "both":
		o.kafkas = []harness.Kafka{harness.Embedded, harness.Apache}
	case kafka == string(harness.Embedded) || kafka == string(harness.Apache):
		o.kafkas = []harness.Kafka{harness.Kafka(kafka)}
	default:
		return o, fmt.Errorf("--kafka %q is not one of embedded, apache, both", kafka)
	}
	switch {
	case o.times < 0 || o.duration < 0 || o.subscribers < 0:
		return o, fmt.Errorf("--times, --duration and --subscribers must not be below 0")
	case o.runs < 1:
		return o, fmt.Errorf("--runs must be at least 1")
	}
	for _, name := range o.only {
		if !slices.Contains(names(), name) {
			return o, fmt.Errorf("--only: %q is not one of %s", name, strings.Join(names(), ", "))
		}
	}
	if o.count() == 0 {
		return o, fmt.Errorf("--only %s cannot run with --kafka %s: see docs/trials.md", strings.Join(o.only, ","), kafka)
	}
	return o, nil
}

// trials are those that run with a broker.
func (o options) trials(kafka harness.Kafka) []harness.Trial {
	var all []harness.Trial
	for _, t := range trial.All() {
		if t.Runs(kafka) && (len(o.only) == 0 || slices.Contains(o.only, t.Name)) {
			all = append(all, t)
		}
	}
	return all
}

// count is how many trials run in all.
func (o options) count() (n int) {
	for _, kafka := range o.kafkas {
		n += len(o.trials(kafka)) * o.runs
	}
	return n
}

// runSeed is the seed of a run, from 0. The step is odd, because the seed also chooses the
// ClickHouse protocol. No run has as many rounds as the step.
func (o options) runSeed(run int) uint64 { return o.seed + 1001*uint64(run) }

func names() []string {
	var all []string
	for _, t := range trial.All() {
		all = append(all, t.Name)
	}
	return all
}
