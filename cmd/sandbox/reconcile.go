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
	byKind(planted, found, report).write(out)
	if wrong := differing(planted, found); len(wrong) > 0 {
		fmt.Fprintf(out, "\nNO. %s\n", strings.Join(wrong[:min(20, len(wrong))], "\n    "))
		return errMisjudged
	}
	fmt.Fprintf(out, "\nYES (%d differences, in the table drift).\n", len(planted))
	return nil
}

// disagreement is one kind of drift of one subscription.
type disagreement struct{ kind, subscription string }

// openDrift reads the rows of the table drift that are open.
func openDrift(ctx context.Context, i *instance) (map[disagreement]bool, error) {
	rows, err := i.analyst.Query(ctx, `SELECT kind, subscription_id FROM piano.drift FINAL WHERE closed_at IS NULL`)
	if err != nil {
		return nil, fmt.Errorf("read the drift: %w", err)
	}
	defer rows.Close()
	found := map[disagreement]bool{}
	for rows.Next() {
		var one disagreement
		if err := rows.Scan(&one.kind, &one.subscription); err != nil {
			return nil, fmt.Errorf("read the drift: %w", err)
		}
		found[one] = true
	}
	return found, rows.Err()
}

// differing describes the disagreements that only one side has.
func differing(planted, found map[disagreement]bool) []string {
	var wrong []string
	for one := range planted {
		if !found[one] {
			wrong = append(wrong, fmt.Sprintf("not found: %s of %s", one.kind, one.subscription))
		}
	}
	for one := range found {
		if !planted[one] {
			wrong = append(wrong, fmt.Sprintf("not planted: %s of %s", one.kind, one.subscription))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// tally is one line of the printed table: a kind and its counts.
type tally struct {
	kind           string
	planted, found int
	example        string
}

type tallies []tally

func byKind(planted, found map[disagreement]bool, report *reconcile.Report) tallies {
	examples := map[string]string{}
	for _, k := range report.Drift {
		if len(k.Examples) > 0 {
			one := k.Examples[0]
			examples[string(k.Kind)] = fmt.Sprintf("%s: %s → %s", one.SubscriptionID, value(one.Stream), value(one.API))
		}
	}
	var all tallies
	for _, kind := range pianoapi.Kinds() {
		t := tally{kind: kind, example: examples[kind]}
		for one := range planted {
			if one.kind == kind {
				t.planted++
			}
		}
		for one := range found {
			if one.kind == kind {
				t.found++
			}
		}
		all = append(all, t)
	}
	return all
}

func (t tallies) write(out io.Writer) {
	g := grid{columns: []gridColumn{{name: "kind"}, {name: "planted", right: true}, {name: "found", right: true}, {name: "example: events → API"}}}
	for _, one := range t {
		g.rows = append(g.rows, []string{one.kind, fmt.Sprint(one.planted), fmt.Sprint(one.found), one.example})
	}
	fmt.Fprint(out, g.String())
}

func value(text *string) string {
	if text == nil {
		return "–"
	}
	return cmp.Or(*text, "–")
}
