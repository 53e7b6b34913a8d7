package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/bench/compare"
	"github.com/pianola/pianola/internal/bench/messages"
	"github.com/pianola/pianola/internal/bench/system"
)

// dimension is what grows.
type dimension struct {
	about    string
	defaults []string
	// set applies a value to the messages or to the variation.
	set func(value float64, m *messages.Config, v *compare.Variation)
	// can says for which systems the dimension exists; nil: for all.
	can func(system.System) bool
}

// The dimensions whose values are not any whole number.
const (
	shares = "dead-letters"
	cores  = "cores"
)

var dimensions = map[string]dimension{
	"partitions": {"partitions of the topic", []string{"1", "4", "16", "64"},
		func(n float64, m *messages.Config, _ *compare.Variation) { m.Partitions = int(n) }, nil},
	cores: {"processors of the system's process (taskset and GOMAXPROCS)", processors(),
		func(n float64, _ *messages.Config, v *compare.Variation) { v.Cores = int(n) }, system.IsPianola},
	"bytes": {"size of a message", []string{"0", "1000", "4000", "16000"},
		func(n float64, m *messages.Config, _ *compare.Variation) { m.Bytes = int(n) }, nil},
	"rows": {"rows of a batch (batch.max_rows)", []string{"10000", "50000", "200000", "500000"},
		func(n float64, _ *messages.Config, v *compare.Variation) {
			v.Settings = map[string]string{"batch.max_rows": strconv.Itoa(int(n))}
		}, system.IsPianola},
	shares: {"share of messages that are refused", []string{"0", "0.01", "0.1", "0.5"},
		func(n float64, m *messages.Config, _ *compare.Variation) { m.DeadLetters, m.Internal = n, 0 }, nil},
	"months": {"months in which the events of a batch lie", []string{"1", "3", "12", "36"},
		func(n float64, m *messages.Config, _ *compare.Variation) { m.Months = int(n) }, nil},
	"table": {"rows that the table has before", []string{"0", "1000000", "10000000"},
		func(n float64, _ *messages.Config, v *compare.Variation) { v.Rows = int(n) }, nil},
}

// processors are 1, 2, 4, … as far as the machine has them.
func processors() (all []string) {
	for n := 1; n <= runtime.NumCPU(); n *= 2 {
		all = append(all, strconv.Itoa(n))
	}
	return all
}

func (p *program) growthCommand() *cobra.Command {
	var by string
	var values []string
	var about strings.Builder
	for _, name := range slices.Sorted(maps.Keys(dimensions)) {
		fmt.Fprintf(&about, "\n  %-13s %s", name, dimensions[name].about)
	}
	c := &cobra.Command{
		Use: "growth", Short: "Speed of a system while one dimension of the load grows",
		Long: "Speed of a system while one dimension of the load grows. The dimensions are:\n" + about.String(),
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return p.growth(c.Context(), by, values) },
	}
	c.Flags().StringVar(&by, "by", "", "`NAME` of the dimension")
	c.Flags().StringSliceVar(&values, "values", nil, "its values, separated by commas (default: by dimension)")
	return c
}

func (p *program) growth(ctx context.Context, by string, values []string) (err error) {
	d, known := dimensions[by]
	if !known {
		return usagef("--by %q is not one of %s", by, strings.Join(slices.Sorted(maps.Keys(dimensions)), ", "))
	}
	if len(values) == 0 {
		values = d.defaults
	}
	type step struct {
		messages  messages.Config
		variation compare.Variation
	}
	var steps []step
	for _, value := range values {
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return usagef("--values: %q is not a number", value)
		}
		switch {
		case number < 0:
			return usagef("--values: %s is below 0", value)
		case by != shares && number != math.Trunc(number):
			return usagef("--values: %s is not a whole number", value)
		case by == cores && (number < 1 || int(number) > runtime.NumCPU()):
			return usagef("--values: this machine has no %s processors", value)
		}
		m, v := p.messages, compare.Variation{Name: by + "=" + value}
		d.set(number, &m, &v)
		if err := m.Validate(); err != nil {
			return usageError{err}
		}
		steps = append(steps, step{m, v})
	}
	l, systems, err := p.open(ctx, d.can, "pianola-native")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	prepared := map[messages.Config]*compare.Bench{} // values that change no message share a topic
	var contenders []compare.Contender
	for _, s := range steps {
		if prepared[s.messages] == nil {
			p.say(fmt.Sprintf("publishing %d messages for %s", s.messages.Count, s.variation.Name))
			if prepared[s.messages], err = compare.Prepare(ctx, l, s.messages); err != nil {
				return err
			}
		}
		for _, one := range systems {
			contenders = append(contenders, compare.Contender{
				Name: one.Name() + ", " + s.variation.Name, Bench: prepared[s.messages], System: one, Variation: s.variation,
			})
		}
	}
	return p.report(ctx, "growth by "+by, contenders)
}
