package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/service"
)

func (a *app) dlqRedriveCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "redrive [TOPIC/PARTITION/OFFSET]...",
		Short: "process the messages of open dead letters again",
		Long: `Reads the original messages of open dead letters from Kafka and transforms them
with the current settings. A message that passes is stored, and its dead letter
is resolved. A message that fails again adds one attempt. A message that Kafka
no longer has is reported as gone, and its dead letter remains open; pianola dlq
dismiss closes it.

Without --execute: dry run that prints the plan. The command may be interrupted
and repeated, and may run beside a consumer. It also retries rows that
ClickHouse rejected.

The exit status is 3 when dead letters remain open, and when nothing was ever
read from the topic of --topic.`,
		Example: `  pianola dlq redrive
  pianola dlq redrive --reason unknown_action --since 24h --execute
  pianola dlq redrive piano.subscriber-events/3/1200417 --execute --json`,
		Args: cobra.ArbitraryArgs,
	}
	var f filter
	c.Flags().StringVar(&f.reason, "reason", "", "only this reason")
	c.Flags().StringVar(&f.field, "field", "", "only this field")
	c.Flags().StringVar(&f.topic, "topic", "", "only this topic")
	since := c.Flags().String("since", "", "only decisions since this `TIME`: a duration ago such as 24h, or RFC 3339")
	execute := c.Flags().Bool("execute", false, "redrive; without it, print the plan")
	asJSON := jsonFlag(c)
	sections := []string{"kafka", "clickhouse", "transform", "erasure", "log"}
	config.AddFlags(c.Flags(), sections...)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := f.parse(*since, a.now()); err != nil {
			return usageError{err}
		}
		selection := deadletters.Selection{Reason: f.reason, Field: f.field, Topic: f.topic, Since: f.since}
		var err error
		if selection.At, err = letters.ParseAllCoordinates(args); err != nil {
			return usageError{err}
		}
		settings, err := a.load(c).Check(sections...)
		if err != nil {
			return err
		}
		return a.redrive(c, settings, selection, *execute, *asJSON)
	}
	return c
}

func (a *app) redrive(c *cobra.Command, settings config.Config, selection deadletters.Selection, execute, asJSON bool) error {
	return a.onDeadLetters(c, settings, selection, execute, func(r *deadletters.Redriver, plan *deadletters.Plan) (open uint64, err error) {
		result := plan.Report()
		if execute {
			result, err = r.Redrive(c.Context(), plan)
		}
		if asJSON {
			return result.Open, errors.Join(err, a.printJSON(result))
		}
		return result.Open, errors.Join(err, a.print(redriveText(result, a.width())))
	})
}

// onDeadLetters plans the selected dead letters, and passes the plan to do, which
// returns how many remain open. Work that finished before an error is durable, so do
// prints its report with an error too.
func (a *app) onDeadLetters(c *cobra.Command, settings config.Config, selection deadletters.Selection, execute bool, do func(*deadletters.Redriver, *deadletters.Plan) (open uint64, err error)) error {
	return a.withReplaying(c, settings, func(t *service.Replaying) error {
		redriver := t.Redriver()
		if err := checkTopic(c.Context(), letters.New(t.Conn, settings.ClickHouse.Database), selection.Topic); err != nil {
			return err
		}
		if err := redriver.Known(c.Context(), selection.At); err != nil {
			return err
		}
		plan, err := redriver.Plan(c.Context(), selection)
		if err != nil {
			return err
		}
		open, err := do(redriver, plan)
		if err == nil && execute && open > 0 {
			return fmt.Errorf("%d dead letters remain open: %w", open, errFound)
		}
		return err
	})
}
