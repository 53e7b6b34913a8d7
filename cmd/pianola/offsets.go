package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/offsets"
	"github.com/pianola/pianola/internal/service"
)

func (a *app) offsetsCommand() *cobra.Command {
	return group("offsets", "show and reset the consumer group's offsets", a.offsetsShowCommand(), a.offsetsResetCommand())
}

// offsetSections are the settings of the commands.
var offsetSections = []string{"kafka", "clickhouse", "log"}

func (a *app) offsetsShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show",
		Short: "show the consumer group's offsets beside the ledger",
		Long: `Prints for each partition the group's committed offset, Kafka's log, the lag and
what the ledger has reached. Then it lists what the next pianola run does where
they disagree, and the members of the group.

The command is read-only, joins no consumer group and may run beside consumers.
It reads no records: pianola run also notices a recreated topic by its records.`,
		Example: `  pianola offsets show
  pianola offsets show --topic piano.subscriber-events --partition 3 --json`,
		Args: cobra.NoArgs,
	}
	selection := selectionFlags(c)
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), offsetSections...)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.onOffsets(c, func(g *offsets.Group) error {
			report, err := g.Show(c.Context(), *selection)
			if err != nil {
				return err
			}
			if *asJSON {
				return a.printJSON(report)
			}
			return a.print(offsetsText(report, a.width()))
		})
	}
	return c
}

// selectionFlags adds --topic and --partition.
func selectionFlags(c *cobra.Command) *offsets.Selection {
	s := new(offsets.Selection)
	c.Flags().StringVar(&s.Topic, "topic", "", "only this topic of kafka.topics")
	c.Flags().Int32SliceVar(&s.Partitions, "partition", nil, "only these partitions, as `NUMBER,...`")
	return s
}

// onOffsets connects and passes the group to do. A selection of what does not exist is
// wrong usage.
func (a *app) onOffsets(c *cobra.Command, do func(*offsets.Group) error) error {
	settings, err := a.load(c).Check(offsetSections...)
	if err != nil {
		return err
	}
	report, stop := a.progress.start()
	defer stop()
	log, err := a.logger(settings.Log)
	if err != nil {
		return err
	}
	g, err := service.OpenOffsets(c.Context(), settings, a.now, log, report)
	if err != nil {
		return err
	}
	defer g.Close()
	err = do(g.Group)
	if errors.As(err, new(*offsets.UnknownError)) {
		return usageError{err}
	}
	return err
}
