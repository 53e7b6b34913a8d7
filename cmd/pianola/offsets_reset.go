package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/offsets"
)

func (a *app) offsetsResetCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "reset",
		Short: "set the consumer group's offsets while it is stopped",
		Long: `Sets the offset from which the next pianola run reads each partition. One flag
says which: --from-ledger continues exactly after what the tables have.

A move backwards is harmless: messages are read again, and each event replaces
its own row. A move past the ledger skips messages: pianola run reports them as
lost (offset_moved) and by default stops.

Without --execute: dry run that prints the plan. An offset outside of the log is
moved to its nearest end. --execute is refused while the group has a member, and
reads the offsets back afterwards.`,
		Example: `  pianola offsets reset --from-ledger
  pianola offsets reset --to-datetime '2026-01-31 06:00 Europe/Berlin' --execute
  pianola offsets reset --topic piano.subscriber-events --partition 3 --shift-by -1000 --execute`,
		Args: cobra.NoArgs,
	}
	selection := selectionFlags(c)
	var flags targetFlags
	flags.add(c)
	execute := c.Flags().Bool("execute", false, "set the offsets; without it, print the plan")
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), offsetSections...)
	c.RunE = func(c *cobra.Command, _ []string) error {
		target, err := flags.target(c, a.now())
		if err != nil {
			return usageError{err}
		}
		return a.onOffsets(c, func(g *offsets.Group) error {
			plan, err := g.Plan(c.Context(), *selection, target)
			if err == nil && *execute {
				err = g.Reset(c.Context(), plan)
			}
			if err != nil {
				return err
			}
			if *asJSON {
				return a.printJSON(plan)
			}
			return a.print(resetText(plan, a.width()))
		})
	}
	return c
}

// targetFlags are the flags of a reset, of which one must be given.
type targetFlags struct {
	offset, shift int64
	datetime      string
	duration      time.Duration
}

var targetNames = []string{"to-earliest", "to-latest", "to-datetime", "to-offset", "shift-by", "by-duration", "from-ledger"}

func (f *targetFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.Bool("to-earliest", false, "to the start of the log")
	flags.Bool("to-latest", false, "to the end of the log")
	flags.StringVar(&f.datetime, "to-datetime", "", "to the first record of this `TIME` or later, such as "+instantForms)
	flags.Int64Var(&f.offset, "to-offset", 0, "to this `OFFSET`")
	flags.Int64Var(&f.shift, "shift-by", 0, "by this `NUMBER` of offsets from the committed one; negative is backwards")
	flags.DurationVar(&f.duration, "by-duration", 0, "to the first record of this `TIME` ago or later, such as 36h")
	flags.Bool("from-ledger", false, "to the end of what the ledger accounts for")
}

// target is what the flags ask for.
func (f *targetFlags) target(c *cobra.Command, now time.Time) (offsets.Target, error) {
	var given []string
	for _, name := range targetNames {
		if flag := c.Flags().Lookup(name); flag.Changed && flag.Value.String() != "false" {
			given = append(given, name)
		}
	}
	if len(given) != 1 {
		return offsets.Target{}, fmt.Errorf("give exactly one of --%s", strings.Join(targetNames, ", --"))
	}
	switch given[0] {
	case "to-earliest":
		return offsets.Target{Kind: offsets.ToEarliest}, nil
	case "to-latest":
		return offsets.Target{Kind: offsets.ToLatest}, nil
	case "to-datetime":
		at, err := parsePast(f.datetime, now)
		if err != nil {
			return offsets.Target{}, fmt.Errorf("--to-datetime: %w", err)
		}
		return offsets.Target{Kind: offsets.ToTime, Time: at}, nil
	case "to-offset":
		if f.offset < 0 {
			return offsets.Target{}, errors.New("--to-offset: must be 0 or more")
		}
		return offsets.Target{Kind: offsets.ToOffset, Offset: f.offset}, nil
	case "shift-by":
		return offsets.Target{Kind: offsets.ShiftBy, Offset: f.shift}, nil
	case "by-duration":
		if f.duration <= 0 {
			return offsets.Target{}, errors.New("--by-duration: must be above 0, such as 36h")
		}
		return offsets.Target{Kind: offsets.ToTime, Time: now.Add(-f.duration)}, nil
	default:
		return offsets.Target{Kind: offsets.FromLedger}, nil
	}
}
