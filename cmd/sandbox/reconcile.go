package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
)

// errMisjudged reports that reconciliation found more or less than the planted
// drift.
var errMisjudged = errors.New("the found drift is not the planted drift")

// reconciliation runs once, and compares the open drift with the planted drift.
func reconciliation(ctx context.Context, p *publisher, i *instance, out io.Writer) error {
	report, err := i.reconciling.Run(ctx)
	if err != nil {
		return fmt.Errorf("reconcile with the simulated Piano: %w", err)
	}
	found, err := openDrift(ctx, i)
	if err != nil {
		return err
	}
	fmt.Fprint(out, "\nDoes reconciliation find the planted drift, and nothing else?\n\n")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(n uint64, what string) { fmt.Fprintf(table, "  %d\t%s\n", n, "  "+what) }
	line(report.Snapshot.Rows+report.Snapshot.Filtered, fmt.Sprintf("subscriptions in the API, read in %d pages (some shift or fail on purpose)", report.Snapshot.Pages))
	line(report.Compared, "compared")
	for _, reason := range slices.Sorted(maps.Keys(report.NotCompared)) {
		line(report.NotCompared[reason], "not compared: "+reason)
	}
	agreed := uint64(0)
	for _, n := range report.Agreed {
		agreed += n
	}
	line(agreed, "differences that count as agreement")
	_ = table.Flush()
	planted := map[disagreement]bool{}
	for _, one := range p.Planted() {
		planted[disagreement{one.Kind, one.SubscriptionID}] = true
	}
	fmt.Fprintln(out)
	if err := writeKinds(out, planted, found, report); err != nil {
		return err
	}
	if wrong := differing(planted, found); len(wrong) > 0 {
		fmt.Fprintf(out, "\nNO. %s\n", strings.Join(wrong[:min(20, len(wrong))], "\n    "))
		return errMisjudged
	}
	fmt.Fprintf(out, "\nYES (%d differences, in the table drift).\n", len(planted))
	return nil
}

// disagreement is one kind of drift of one subscription.
type disagreement struct {
	Kind         string `ch:"kind"`
	Subscription string `ch:"subscription_id"`
}

// openDrift reads the rows of the table drift that are open.
func openDrift(ctx context.Context, i *instance) (map[disagreement]bool, error) {
	var rows []disagreement
	if err := i.analyst.Select(ctx, &rows, `SELECT kind, subscription_id FROM piano.drift FINAL WHERE closed_at IS NULL`); err != nil {
		return nil, fmt.Errorf("read the drift: %w", err)
	}
	found := map[disagreement]bool{}
	for _, one := range rows {
		found[one] = true
	}
	return found, nil
}

// differing describes the disagreements that only one side has.
func differing(planted, found map[disagreement]bool) []string {
	var wrong []string
	for one := range planted {
		if !found[one] {
			wrong = append(wrong, fmt.Sprintf("not found: %s of %s", one.Kind, one.Subscription))
		}
	}
	for one := range found {
		if !planted[one] {
			wrong = append(wrong, fmt.Sprintf("not planted: %s of %s", one.Kind, one.Subscription))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// writeKinds prints how much drift of each kind was planted and found, with an example.
func writeKinds(out io.Writer, planted, found map[disagreement]bool, report *reconcile.Report) error {
	examples := map[string]string{}
	for _, k := range report.Drift {
		if len(k.Examples) > 0 {
			one := k.Examples[0]
			examples[string(k.Kind)] = fmt.Sprintf("%s: %s → %s", one.SubscriptionID, value(one.Stream), value(one.API))
		}
	}
	count := func(all map[disagreement]bool, kind string) (n int) {
		for one := range all {
			if one.Kind == kind {
				n++
			}
		}
		return n
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  kind\tplanted\tfound\texample: events → API")
	for _, kind := range pianoapi.Kinds() {
		fmt.Fprintf(table, "  %s\t%d\t%d\t%s\n", kind, count(planted, kind), count(found, kind), examples[kind])
	}
	return table.Flush()
}

func value(text *string) string {
	if text == nil {
		return "–"
	}
	return cmp.Or(*text, "–")
}
