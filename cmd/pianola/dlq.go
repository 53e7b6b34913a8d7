package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/schemas"
)

func (a *app) dlqCommand() *cobra.Command {
	return group("dlq", "list, show, redrive and dismiss dead letters", a.dlqListCommand(), a.dlqShowCommand(), a.dlqRedriveCommand(), a.dlqDismissCommand())
}

func (a *app) dlqListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "count dead letters by reason and list the latest",
		Long: `Counts the open dead letters by reason and field, then lists the latest. A dead
letter is resolved when a later read of its message passes, and dismissed when
its message is gone; --resolved includes both.`,
		Example: `  pianola dlq list
  pianola dlq list --reason invalid_timestamp --since 24h
  pianola dlq list --topic piano.subscriber-events --limit 0 --json`,
		Args: cobra.NoArgs,
	}
	var f filter
	c.Flags().StringVar(&f.reason, "reason", "", "only this reason")
	c.Flags().StringVar(&f.field, "field", "", "only this field")
	c.Flags().StringVar(&f.topic, "topic", "", "only this topic or file")
	since := c.Flags().String("since", "", "only decisions since this `TIME`: a duration ago such as 24h, or RFC 3339")
	c.Flags().BoolVar(&f.resolved, "resolved", false, "include resolved dead letters")
	c.Flags().IntVar(&f.limit, "limit", 20, "maximum `NUMBER` to list; 0 prints only the counts")
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), "clickhouse")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.parse(*since, a.now()); err != nil {
			return usageError{err}
		}
		letters, err := a.letters(c)
		if err != nil {
			return err
		}
		defer letters.close()
		found, err := letters.list(c.Context(), f)
		if err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(found)
		}
		return a.print(found.text(a.width()))
	}
	return c
}

func (a *app) dlqShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show TOPIC/PARTITION/OFFSET",
		Short: "show one dead letter and explain its reason",
		Long: `Prints a stored dead letter with its redacted payload, and explains its reason.
The argument is the first column of pianola dlq list.
TOPIC@EPOCH/PARTITION/OFFSET refers to a recreated topic.`,
		Example: `  pianola dlq show piano.subscriber-events/3/1200417`,
		Args:    cobra.ExactArgs(1),
	}
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), "clickhouse")
	c.RunE = func(c *cobra.Command, args []string) error {
		at, err := parseCoordinates(args[0])
		if err != nil {
			return usageError{err}
		}
		letters, err := a.letters(c)
		if err != nil {
			return err
		}
		defer letters.close()
		letter, err := letters.find(c.Context(), at)
		if err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(letter)
		}
		return a.print(letter.String())
	}
	return c
}

// letters opens the table of dead letters.
func (a *app) letters(c *cobra.Command) (*letters, error) {
	settings, err := a.load(c).Check("clickhouse")
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(settings.ClickHouseOptions())
	if err != nil {
		return nil, migrate.Explain(err)
	}
	return &letters{conn: conn, database: settings.ClickHouse.Database}, nil
}

// filter selects dead letters; the zero value selects all open ones.
type filter struct {
	reason, field, topic string
	since                time.Time
	resolved             bool
	limit                int
}

// parse rejects unknown reasons and fields, and times to come: with a typing error the
// queue would look empty.
func (f *filter) parse(since string, now time.Time) error {
	if f.reason != "" && !slices.Contains(schemas.Reasons(), schemas.Reason(f.reason)) {
		return fmt.Errorf("--reason: unknown reason; use one of %s", strings.Join(reasonNames(), ", "))
	}
	if f.field != "" && !slices.Contains(fieldNames(), f.field) {
		return fmt.Errorf("--field: unknown field; use one of %s", strings.Join(fieldNames(), ", "))
	}
	if f.limit < 0 {
		return errors.New("--limit: must be 0 or more")
	}
	if since == "" {
		return nil
	}
	if ago, err := time.ParseDuration(since); err == nil && ago >= 0 {
		f.since = now.Add(-ago)
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, since)
	if err != nil {
		return errors.New("--since: not a time; use the form 24h or 2026-01-31T12:00:00Z")
	}
	if at.After(now) {
		return errors.New("--since: is in the future")
	}
	f.since = at
	return nil
}

func reasonNames() []string {
	var names []string
	for _, r := range schemas.Reasons() {
		names = append(names, string(r))
	}
	return names
}

// fieldNames are the fields that a dead letter can have (contract §1).
func fieldNames() []string {
	var names []string
	for _, c := range schemas.ContractColumns() {
		names = append(names, c.Name)
	}
	return append(names, "user_email", "email")
}
