package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// report prints the message counts, a few queries, the comparison with the truth,
// and the result of reconciliation. It returns errUnequal when views and truth
// differ, and errMisjudged when found and planted drift differ.
func report(ctx context.Context, s *sandbox.Services, w *world.World, truth *world.Truth, p *publisher, i *instance, out io.Writer) error {
	if err := outcomes(ctx, i, out); err != nil {
		return err
	}
	for _, q := range questions {
		fmt.Fprintf(out, "\n%s\n\n%s\n\n", q.asks, q.sql)
		if err := answer(ctx, s, out, q.sql); err != nil {
			return fmt.Errorf("%s: %w", q.asks, err)
		}
	}
	unequal := verdict(ctx, w, truth, i, out)
	if unequal != nil && !errors.Is(unequal, errUnequal) {
		return unequal
	}
	return errors.Join(unequal, reconciliation(ctx, p, i, out))
}

// outcomes prints the counts of the ledger, and the dead letters by reason.
func outcomes(ctx context.Context, i *instance, out io.Writer) error {
	a, err := sandbox.ReadAccount(ctx, i.analyst, topic)
	if err != nil {
		return err
	}
	var rows uint64
	if err := i.analyst.QueryRow(ctx, `SELECT count() FROM piano.piano_subscriber_event_stream`).Scan(&rows); err != nil {
		return fmt.Errorf("count the events: %w", err)
	}
	fmt.Fprint(out, "\nMessages by outcome\n\n")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(n uint64, what string) { fmt.Fprintf(table, "  %d\t%s\n", n, "  "+what) }
	line(a.Messages, "messages read")
	line(a.Stored, "stored")
	line(rows, "  distinct events, one row each in the view")
	line(a.Stored-rows, "  redeliveries of an event that already has a row")
	line(a.Filtered, "filtered: internal users (only the subscription ids are stored)")
	line(a.DeadLettered, "dead letters")
	var reasons []struct {
		Reason  string `ch:"reason"`
		Letters uint64 `ch:"letters"`
	}
	err = i.analyst.Select(ctx, &reasons, `SELECT reason, count() AS letters FROM piano.dead_letters FINAL GROUP BY reason ORDER BY reason`)
	if err != nil {
		return fmt.Errorf("count the dead letters: %w", err)
	}
	for _, r := range reasons {
		line(r.Letters, "  "+r.Reason)
	}
	line(a.Skipped, "skipped: tombstones")
	return table.Flush()
}

// verdict compares the views with the truth.
func verdict(ctx context.Context, w *world.World, truth *world.Truth, i *instance, out io.Writer) error {
	found, err := truth.Compare(ctx, i.analyst)
	if err != nil {
		return fmt.Errorf("compare with the truth: %w", err)
	}
	fmt.Fprintf(out, "\nDo the views and tables hold the expected data?\n\n%s\n", indent(found.String()))
	if !found.Equal() {
		fmt.Fprintln(out, "\nNO. See the differences above.")
		return errUnequal
	}
	fmt.Fprintf(out, "\nYES (seed %d, %d subscribers).\n", w.Config().Seed, w.Config().Subscribers)
	return nil
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
