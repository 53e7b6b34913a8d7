package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/trial"
)

// options are the command line.
type options struct {
	kafkas   []trial.Kafka // one stage each, in this order
	only     []string      // trials' names; none is all
	seed     uint64
	runs     int
	times    int
	people   int // subscribers of a round's world; 0 takes the trials' own
	duration time.Duration
	json     bool
}

const about = `Trial puts faults in the way of real "pianola run" processes that consume a simulated
publisher's stream, and at the end holds every table and view against the known truth
and audits the delivery. One line a trial; docs/trials.md explains them.

  trial                                  the short form: each trial's own number of faults
  trial --duration 1h                    the long form: the time is shared by the trials
  trial --only kill,server --seed 7      two trials, with other worlds and other moments
  trial --kafka apache                   with Apache Kafka, which needs Java and Maven
  trial --kafka both --runs 3            the whole proof: three runs with different seeds,
                                         with either broker, and a table of what was tried

Flags:
`

func parse(args []string, errors io.Writer) (options, error) {
	o := options{}
	var kafka string
	flags := pflag.NewFlagSet("trial", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(errors)
	flags.StringSliceVar(&o.only, "only", nil, "`NAMES` of the trials to make, by commas: "+strings.Join(names(), ", "))
	flags.StringVar(&kafka, "kafka", string(trial.Embedded), "`NAME` of the broker: embedded, apache or both")
	flags.Uint64Var(&o.seed, "seed", 1, "the first round's seed, of the world and of the faults")
	flags.IntVar(&o.runs, "runs", 1, "make all trials so many times, each time with other seeds; more than one ends with a table")
	flags.DurationVar(&o.duration, "duration", 0, "go on for this long, all trials together")
	flags.IntVar(&o.times, "times", 0, "faults in each trial (default: each trial's own number)")
	flags.IntVar(&o.people, "subscribers", 0, "subscribers of each round's world (default: 6000, about 31,000 messages)")
	flags.BoolVar(&o.json, "json", false, "a JSON document a line, instead of text")
	flags.Usage = func() { fmt.Fprint(errors, about+flags.FlagUsages()) }
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case kafka == "both":
		o.kafkas = []trial.Kafka{trial.Embedded, trial.Apache}
	case kafka == string(trial.Embedded) || kafka == string(trial.Apache):
		o.kafkas = []trial.Kafka{trial.Kafka(kafka)}
	default:
		return o, fmt.Errorf("--kafka %q is none of embedded, apache, both", kafka)
	}
	switch {
	case o.times < 0 || o.duration < 0 || o.people < 0:
		return o, fmt.Errorf("--times, --duration and --subscribers are not below 0")
	case o.runs < 1:
		return o, fmt.Errorf("--runs is at least 1")
	}
	for _, name := range o.only {
		if !slices.Contains(names(), name) {
			return o, fmt.Errorf("--only: %q is none of %s", name, strings.Join(names(), ", "))
		}
	}
	if o.count() == 0 {
		return o, fmt.Errorf("--only %s cannot be made with --kafka %s: see docs/trials.md", strings.Join(o.only, ","), kafka)
	}
	return o, nil
}

// trials are those to be made with a broker.
func (o options) trials(kafka trial.Kafka) []trial.Trial {
	var all []trial.Trial
	for _, t := range trial.All() {
		if t.Runs(kafka) && (len(o.only) == 0 || slices.Contains(o.only, t.Name)) {
			all = append(all, t)
		}
	}
	return all
}

// count is how many trials are made in all.
func (o options) count() (n int) {
	for _, kafka := range o.kafkas {
		n += len(o.trials(kafka)) * o.runs
	}
	return n
}

// runSeed is the seed of a run, from 0. The step is odd, for the seed also chooses
// between ClickHouse's two protocols, and no run has as many rounds.
func (o options) runSeed(run int) uint64 { return o.seed + 1001*uint64(run) }

func names() []string {
	var all []string
	for _, t := range trial.All() {
		all = append(all, t.Name)
	}
	return all
}
