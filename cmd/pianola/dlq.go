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
	return group("dlq", "look at dead letters, and try them again", a.dlqListCommand(), a.dlqShowCommand(), a.dlqRedriveCommand())
}

func (a *app) dlqListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "count dead letters by reason, and list the latest",
		Long: `Counts the open dead letters by reason and field, then lists the latest of them.
Resolved ones, whose message has passed since, are left out unless asked for.`,
		Example: `  pianola dlq list
  pianola dlq list --reason invalid_timestamp --since 24h
  pianola dlq list --topic piano.subscriber-events --limit 0 --json`,
		Args: cobra.NoArgs,
	}
	var f filter
	c.Flags().StringVar(&f.reason, "reason", "", "only this reason")
	c.Flags().StringVar(&f.field, "field", "", "only this field")
	c.Flags().StringVar(&f.topic, "topic", "", "only this topic or file")
	since := c.Flags().String("since", "", "only those decided since: a time ago such as 24h, or an RFC 3339 time")
	c.Flags().BoolVar(&f.resolved, "resolved", false, "resolved ones too")
	c.Flags().IntVar(&f.limit, "limit", 20, "how many to list; 0 only counts")
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
		return a.print(found.String())
	}
	return c
}

func (a *app) dlqShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show TOPIC/PARTITION/OFFSET",
		Short: "show one dead letter whole, and what its reason means",
		Long: `Shows one dead letter as it is stored, its redacted payload included, and what the
data contract says about its reason. The name is the one that pianola dlq list
prints; TOPIC@EPOCH/PARTITION/OFFSET means a topic that has been made anew.`,
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

// letters opens the table.
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

// filter says which dead letters are meant; zero values mean all open ones.
type filter struct {
	reason, field, topic string
	since                time.Time
	resolved             bool
	limit                int
}

// parse checks what was given against what there is, since a slip of the
// keyboard would otherwise look like an empty queue.
func (f *filter) parse(since string, now time.Time) error {
	if f.reason != "" && !slices.Contains(schemas.Reasons(), schemas.Reason(f.reason)) {
		return fmt.Errorf("--reason: there is none of that name; the reasons are %s", joinReasons())
	}
	if f.field != "" && !slices.Contains(fieldNames(), f.field) {
		return fmt.Errorf("--field: there is none of that name; the fields are %s", strings.Join(fieldNames(), ", "))
	}
	if f.limit < 0 {
		return errors.New("--limit: give 0 or more")
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
		return errors.New("--since: write it as 24h, or as 2026-01-31T12:00:00Z")
	}
	f.since = at
	return nil
}

func joinReasons() string {
	var names []string
	for _, r := range schemas.Reasons() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// fieldNames are those a dead letter can name (contract §1).
func fieldNames() []string {
	var names []string
	for _, c := range schemas.ContractColumns() {
		names = append(names, c.Name)
	}
	return append(names, "user_email", "email")
}
