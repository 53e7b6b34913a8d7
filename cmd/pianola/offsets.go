package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/offsets"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/sink"
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
	g, closeAll, err := a.offsetsGroup(c, settings, report)
	if err != nil {
		return err
	}
	defer closeAll()
	err = do(g)
	if errors.As(err, new(*offsets.UnknownError)) {
		return usageError{err}
	}
	return err
}

// offsetsGroup connects and checks the schema. Without an error the caller must call
// closeAll.
func (a *app) offsetsGroup(c *cobra.Command, settings config.Config, report progress.Func) (_ *offsets.Group, closeAll func(), err error) {
	if err := a.checkClickHouse(c.Context(), settings); err != nil {
		return nil, nil, err
	}
	log, err := a.logger(settings.Log)
	if err != nil {
		return nil, nil, err
	}
	kafka, err := consumer.New(settings.ConsumerConfig(), log, consumer.Hooks{})
	if err != nil {
		return nil, nil, err
	}
	ledger, err := sink.Open(c.Context(), settings.SinkConfig(), log, sink.Hooks{Now: a.now})
	if err != nil {
		kafka.Close()
		return nil, nil, err
	}
	g := offsets.New(offsets.Deps{
		Kafka: kafka, Name: settings.Kafka.Group, Topics: settings.Kafka.Topics, Isolation: consumer.Isolation(settings.Kafka.Isolation),
		Timeout: settings.Kafka.RequestTimeout, Ledger: ledger, Progress: report,
	})
	return g, func() {
		_ = ledger.Close() // read-only
		kafka.Close()
	}, nil
}
