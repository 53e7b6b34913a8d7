package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/internal/migrate"
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
its message is gone; --resolved includes both.

The exit status is 3 when nothing was ever read from the topic of --topic.`,
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
		return a.onLetters(c, func(r *letters.Reader) error {
			if err := checkTopic(c.Context(), r, f.topic); err != nil {
				return err
			}
			found, err := list(c.Context(), r, f)
			if err != nil {
				return err
			}
			if *asJSON {
				return a.printJSON(found)
			}
			return a.print(found.text(a.width()))
		})
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
		at, err := letters.ParseCoordinates(args[0])
		if err != nil {
			return usageError{err}
		}
		return a.onLetters(c, func(r *letters.Reader) error {
			letter, err := r.Find(c.Context(), at)
			if err != nil {
				return err
			}
			if *asJSON {
				return a.printJSON(letter)
			}
			return a.print(letterText(&letter))
		})
	}
	return c
}

// listing is the result of `dlq list`.
type listing struct {
	Total       uint64           `json:"total"`
	Counts      []letters.Count  `json:"counts"`       // most frequent first
	DeadLetters []letters.Letter `json:"dead_letters"` // latest first, up to the limit
}

// list counts and lists the dead letters that the filter selects.
func list(ctx context.Context, r *letters.Reader, f filter) (found listing, err error) {
	selected := letters.Filter{Reason: f.reason, Field: f.field, Topic: f.topic, Since: f.since}
	if f.resolved {
		selected.State = letters.Any
	}
	if found.Counts, err = r.Count(ctx, selected); err != nil {
		return listing{}, err
	}
	for _, c := range found.Counts {
		found.Total += c.Count
	}
	found.DeadLetters, err = r.Page(ctx, selected, f.limit)
	return found, err
}

// unknownTopic is errFound with the text of letters.ErrTopic: a check that has looked at
// nothing is not a pass.
type unknownTopic struct{ error }

// Is makes it errFound.
func (unknownTopic) Is(target error) bool { return target == errFound }

func checkTopic(ctx context.Context, r *letters.Reader, topic string) error {
	err := r.CheckTopic(ctx, topic)
	if errors.Is(err, letters.ErrTopic) {
		return unknownTopic{fmt.Errorf("--topic: %w", err)}
	}
	return err
}

// onLetters connects and passes the table of dead letters to do.
func (a *app) onLetters(c *cobra.Command, do func(*letters.Reader) error) error {
	settings, err := a.load(c).Check("clickhouse")
	if err != nil {
		return err
	}
	conn, err := clickhouse.Open(settings.ClickHouseOptions())
	if err != nil {
		return migrate.Explain(err)
	}
	defer func() { _ = conn.Close() }() // read-only
	return do(letters.New(conn, settings.ClickHouse.Database))
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
	selected := letters.Filter{Reason: f.reason, Field: f.field}
	switch err := selected.Check(); {
	case errors.Is(err, letters.ErrReason):
		return fmt.Errorf("--reason: %w", letters.ErrReason)
	case err != nil:
		return fmt.Errorf("--field: %w", err)
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
