package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pianola/pianola/internal/reconcile"
)

// reconcileText is a table of kinds, then examples, what was not compared, the
// snapshot, and the verdict in the last line.
func reconcileText(r *reconcile.Report) string {
	var b strings.Builder
	for _, alarm := range alarms(r) {
		fmt.Fprintf(&b, "ATTENTION: %s\n\n", alarm)
	}
	if len(r.Drift) > 0 {
		kinds(&b, r.Drift)
		for _, k := range r.Drift {
			exemplify(&b, k)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "compared: %d subscriptions", r.Compared)
	if r.Candidates > 0 && r.Snapshot.Source != "csv" {
		fmt.Fprintf(&b, "; %d of them differed at first, and the API was asked again about %d", r.Candidates, r.Verified)
	}
	b.WriteByte('\n')
	tally := func(title string, counts map[string]uint64, explain func(string) string) {
		if len(counts) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s:\n", title)
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		for _, name := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b)) // the most first
		}) {
			fmt.Fprintf(w, "%d\t  %s\n", counts[name], explain(name))
		}
		_ = w.Flush() // into memory
	}
	tally("not compared", r.NotCompared, whyNotCompared)
	tally("different, and counted as agreement (stream → API)", r.Agreed, func(difference string) string {
		kind, values, _ := strings.Cut(difference, ":")
		return printable(kind + ": " + strings.Replace(values, "→", " → ", 1))
	})
	fmt.Fprintf(&b, "\n%s\n", snapshotLine(r))
	fmt.Fprintf(&b, "\n%s\n", reconcileVerdict(r))
	return b.String()
}

func kinds(out io.Writer, all []reconcile.KindCount) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tSEVERITY\tCOUNT\tUNVERIFIED")
	for _, k := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", k.Kind, k.Severity, k.Count, k.Unverified)
	}
	_ = w.Flush() // into memory
}

func exemplify(out io.Writer, k reconcile.KindCount) {
	if len(k.Examples) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s, such as\n", k.Kind)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, e := range k.Examples {
		mark := ""
		if !e.Verified {
			mark = "\t(unverified)"
		}
		fmt.Fprintf(w, "  %s\tstream: %s\tAPI: %s%s\n", printable(e.SubscriptionID), side(e.Stream), side(e.API), mark)
	}
	_ = w.Flush() // into memory
}

// side is what one side says.
func side(value *string) string {
	switch {
	case value == nil:
		return "nothing"
	case *value == "":
		return `""`
	default:
		return printable(*value)
	}
}

// whyNotCompared has the reasons in words.
func whyNotCompared(reason string) string {
	words := map[string]string{
		"recent":        "an event or a message came near the snapshot's moment, or after it",
		"filtered":      "an internal user's",
		"dead_letters":  "has open dead letters: pianola dlq list",
		"other_term":    "only the API has it, and its term is neither payment nor dynamic",
		"before_stream": "no events, and it began or ended before the stream",
		"not_in_file":   "beyond what the file reaches",
	}
	if text := words[reason]; text != "" {
		return reason + ": " + text
	}
	return printable(reason)
}

func snapshotLine(r *reconcile.Report) string {
	s := r.Snapshot
	from := "the API"
	if s.Source == "csv" {
		from = "a file"
	}
	parts := []string{fmt.Sprintf("snapshot of %s, from %s: %d subscriptions", r.AsOf.UTC().Format(time.RFC3339), from, s.Rows)}
	for _, one := range []struct {
		count uint64
		text  string
	}{
		{s.Pages, "pages"}, {s.Filtered, "of internal users"}, {s.Repeated, "read more than once"},
		{s.UnreadPlans, "with a billing plan that cannot be read"}, {s.Tombstones, "no longer there (tombstones)"},
	} {
		if one.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", one.count, one.text))
		}
	}
	var phases []string
	for _, p := range r.Took {
		took := time.Duration(p.Seconds * float64(time.Second))
		phases = append(phases, fmt.Sprintf("%s %v", p.Phase, took.Round(time.Millisecond)))
	}
	text := strings.Join(parts, ", ")
	if !s.Whole {
		text += "\nnot known to have every subscription: where a whole snapshot is kept, the views show that one"
	}
	if r.StreamBegan != nil {
		text += "\nstream: began at " + r.StreamBegan.UTC().Format(time.RFC3339)
	} else {
		text += "\nstream: no events"
	}
	if len(phases) > 0 {
		text += "\ntook: " + strings.Join(phases, ", ")
	}
	return text
}

// alarms are what somebody should look at whatever was found.
func alarms(r *reconcile.Report) []string {
	var all []string
	if n := r.Snapshot.TombstonesWithheld; n > 0 {
		all = append(all, fmt.Sprintf("%d subscriptions are absent from two snapshots in a row, too many to be taken for deleted; "+
			"look at whether the API still lists them (piano.aid, the token's rights)", n))
	}
	if plans := r.Snapshot.UnreadPlans; plans*100 > r.Snapshot.Rows {
		all = append(all, fmt.Sprintf("the billing plans of %d of %d subscriptions cannot be read: their periods and prices are not compared",
			plans, r.Snapshot.Rows))
	}
	if r.Compared == 0 {
		all = append(all, "nothing was compared: this run has shown nothing")
	}
	return all
}

// reconcileVerdict is the last line: what has been shown, and what has become of
// the table.
func reconcileVerdict(r *reconcile.Report) string {
	var drift uint64
	for _, k := range r.Drift {
		if k.Severity == reconcile.SeverityDrift {
			drift += k.Count
		}
	}
	table := fmt.Sprintf("opened %d, closed %d; %d open in the table drift", r.Opened, r.Closed, r.Open)
	if r.Superseded {
		table = "a run of a later snapshot was complete first, and the table drift is what that one found"
	}
	switch {
	case drift > 0:
		return fmt.Sprintf("%d disagreements that are drift: %s", drift, table)
	case r.Compared == 0:
		return "no drift, for nothing was compared: " + table
	default:
		return "no drift: " + table
	}
}
