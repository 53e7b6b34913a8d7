package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/schemas"
)

func (a *app) dlqDismissCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "dismiss [TOPIC/PARTITION/OFFSET]...",
		Short: "close dead letters whose message is gone",
		Long: `Closes open dead letters whose original message can no longer be read: removed
by retention, of a recreated topic, or from a file. A redrive cannot process
them, so they would stay open for ever.

It looks for every message in Kafka. A dead letter whose message is still there
stays open: use pianola dlq redrive.

Without --execute: dry run that prints the plan. --execute needs --by and --why,
which the table keeps with the dead letter. The audit still counts a dismissed
dead letter as the outcome of its message.

The exit status is 3 when dead letters remain open, and when nothing was ever
read from the topic of --topic.`,
		Example: `  pianola dlq dismiss
  pianola dlq dismiss --topic piano.subscriber-events --by "J. Doe" --why "older than retention, INC-42" --execute`,
		Args: cobra.ArbitraryArgs,
	}
	var f filter
	c.Flags().StringVar(&f.reason, "reason", "", "only dead letters of this reason")
	c.Flags().StringVar(&f.field, "field", "", "only this field")
	c.Flags().StringVar(&f.topic, "topic", "", "only this topic or file")
	since := c.Flags().String("since", "", "only decisions since this `TIME`: a duration ago such as 24h, or RFC 3339")
	by := c.Flags().String("by", "", "`NAME` of who decides this")
	why := c.Flags().String("why", "", "`TEXT` with the reason")
	execute := c.Flags().Bool("execute", false, "dismiss; without it, print the plan")
	asJSON := jsonFlag(c)
	sections := []string{"kafka", "clickhouse", "transform", "erasure", "log"}
	config.AddFlags(c.Flags(), sections...)
	c.RunE = func(c *cobra.Command, args []string) error {
		dismissal, err := parseDismissal(*by, *why, *execute)
		if err = errors.Join(err, f.parse(*since, a.now())); err != nil {
			return usageError{err}
		}
		selection := deadletters.Selection{Reason: f.reason, Field: f.field, Topic: f.topic, Since: f.since}
		if selection.At, err = letters.ParseAllCoordinates(args); err != nil {
			return usageError{err}
		}
		settings, err := a.load(c).Check(sections...)
		if err != nil {
			return err
		}
		return a.dismiss(c, settings, selection, dismissal, *execute, *asJSON)
	}
	return c
}

// parseDismissal checks who and why. The table must not hold an address.
func parseDismissal(by, why string, needed bool) (schemas.Dismissal, error) {
	d := schemas.Dismissal{By: strings.TrimSpace(by), Why: strings.TrimSpace(why)}
	var mistakes []error
	for _, one := range []struct{ flag, text, example string }{{"--by", d.By, "your name"}, {"--why", d.Why, "the reason"}} {
		err := letters.CheckNote(one.text)
		if one.text == "" && needed {
			err = fmt.Errorf("--execute needs it; add %s", one.example)
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", one.flag, err))
		}
	}
	return d, errors.Join(mistakes...)
}

func (a *app) dismiss(c *cobra.Command, settings config.Config, selection deadletters.Selection, d schemas.Dismissal, execute, asJSON bool) error {
	return a.onDeadLetters(c, settings, selection, execute, func(r *deadletters.Redriver, plan *deadletters.Plan) (open uint64, err error) {
		result, err := r.Dismiss(c.Context(), plan, d, execute)
		if asJSON {
			return result.Open, errors.Join(err, a.printJSON(result))
		}
		return result.Open, errors.Join(err, a.print(dismissText(result, a.width())))
	})
}

// dismissText is a plan or a result.
func dismissText(r *deadletters.DismissReport, width int) string {
	if r.Letters == 0 {
		return "no open dead letters\n"
	}
	groups := table{titles: []string{"TOPIC", "REASON", "DEAD LETTERS", "GONE", "READABLE", "UNREAD"}}
	for _, g := range r.Groups {
		groups.row(printable(g.Topic), printable(string(g.Reason)), g.Letters, g.Gone, g.Readable, g.Unread)
	}
	var b strings.Builder
	b.WriteString(groups.render(width))
	b.WriteString(goneText(r.Gone))
	switch {
	case !r.Executed:
		b.WriteString("\ndry run; add --by, --why and --execute to dismiss the dead letters whose message is gone\n")
	case !r.Complete:
		fmt.Fprintf(&b, "\nended early; %d dead letters are dismissed, and the same command continues\n", r.Dismissed)
	default:
		fmt.Fprintf(&b, "\n%d dead letters dismissed\n", r.Dismissed)
	}
	if r.Open > 0 && r.Executed {
		fmt.Fprintf(&b, "%d dead letters remain open; pianola dlq redrive reads those whose message is still there\n", r.Open)
	}
	return b.String()
}
