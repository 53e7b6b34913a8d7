package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/reconcile"
)

// reconcileText is the kinds of drift with examples, the subscriptions that were not
// compared, the snapshot, and the result in the last line.
func reconcileText(r *reconcile.Report, width int) string {
	var b strings.Builder
	for _, alarm := range alarms(r) {
		fmt.Fprintf(&b, "ATTENTION: %s\n\n", alarm)
	}
	if len(r.Drift) > 0 {
		kinds := table{titles: []string{"KIND", "SEVERITY", "COUNT", "UNVERIFIED"}}
		for _, k := range r.Drift {
			kinds.row(k.Kind, k.Severity, k.Count, k.Unverified)
		}
		b.WriteString(kinds.render(width))
		for _, k := range r.Drift {
			b.WriteString(examplesText(k, width))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "compared: %d subscriptions", r.Compared)
	if r.Candidates > 0 && r.Snapshot.Source != "csv" {
		fmt.Fprintf(&b, "; %d of them differed at first, and %d were read from the API again", r.Candidates, r.Verified)
	}
	b.WriteByte('\n')
	tally := func(title string, counts map[string]uint64, explain func(string) string) {
		if len(counts) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s:\n", title)
		for _, name := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b)) // largest count first
		}) {
			fmt.Fprintf(&b, "%10d  %s\n", counts[name], explain(name))
		}
	}
	tally("not compared", r.NotCompared, notComparedReason)
	tally("different, but equivalent (stream → API)", r.Agreed, func(difference string) string {
		kind, values, _ := strings.Cut(difference, ":")
		return printable(kind + ": " + strings.Replace(values, "→", " → ", 1))
	})
	fmt.Fprintf(&b, "\n%s\n", snapshotLine(r))
	fmt.Fprintf(&b, "\n%s\n", reconcileResult(r))
	return b.String()
}

func examplesText(k reconcile.KindCount, width int) string {
	if len(k.Examples) == 0 {
		return ""
	}
	examples := table{indent: "  "}
	for _, e := range k.Examples {
		mark := ""
		if !e.Verified {
			mark = "(unverified)"
		}
		examples.row(printable(e.SubscriptionID), "stream: "+valueText(e.Stream), "API: "+valueText(e.API), mark)
	}
	return fmt.Sprintf("\n%s, examples:\n%s", k.Kind, examples.render(width))
}

// valueText is the value of one side.
func valueText(value *string) string {
	switch {
	case value == nil:
		return "nothing"
	case *value == "":
		return `""`
	default:
		return printable(*value)
	}
}

// notComparedReason explains a reason.
func notComparedReason(reason string) string {
	words := map[string]string{
		"recent":        "an event or a message arrived near or after the snapshot time",
		"filtered":      "belongs to an internal user",
		"dead_letters":  "has open dead letters; see pianola dlq list",
		"other_term":    "exists only in the API, with a term that is neither payment nor dynamic",
		"before_stream": "has no events, because it started or ended before the stream",
		"not_in_file":   "absent from the file, which may not cover it; see --csv-from",
		"unreadable":    "the API returned it in a form that cannot be read",
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
		{s.UnreadPlans, "with a billing plan that cannot be read"}, {s.Tombstones, "deleted (tombstones)"},
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
		text += "\nthe snapshot may be incomplete; the views show the latest complete snapshot, if there is one"
	}
	if r.StreamBegan != nil {
		text += "\nstream: first event at " + r.StreamBegan.UTC().Format(time.RFC3339)
	} else {
		text += "\nstream: no events"
	}
	if len(phases) > 0 {
		text += "\ntook: " + strings.Join(phases, ", ")
	}
	return text
}

// alarms are conditions that need attention, with or without drift.
func alarms(r *reconcile.Report) []string {
	var all []string
	if n := r.Snapshot.TombstonesWithheld; n > 0 {
		all = append(all, fmt.Sprintf("%d subscriptions are missing from two consecutive snapshots, too many to be deletions; "+
			"check that the API still lists them (piano.aid, permissions of the token); if they were deleted, add --accept-deletions %[1]d", n))
	}
	if n := r.Snapshot.Unreadable + r.Snapshot.WithoutID; n > 0 {
		all = append(all, fmt.Sprintf("%d subscriptions of the API cannot be read; the log has the first, and they are not compared", n))
	}
	if plans := r.Snapshot.UnreadPlans; plans*100 > r.Snapshot.Rows {
		all = append(all, fmt.Sprintf("the billing plans of %d of %d subscriptions cannot be read: their periods and prices are not compared",
			plans, r.Snapshot.Rows))
	}
	switch {
	case r.NothingCompared:
		all = append(all, "no subscription was compared although there are some to compare, so the run proves nothing")
	case r.Compared == 0:
		all = append(all, "there was no subscription to compare")
	}
	return all
}

// reconcileResult is the last line: the drift that was found and the changes in the
// table drift.
func reconcileResult(r *reconcile.Report) string {
	var drift uint64
	for _, k := range r.Drift {
		if k.Severity == reconcile.SeverityDrift {
			drift += k.Count
		}
	}
	table := fmt.Sprintf("opened %d, closed %d; %d open in the table drift", r.Opened, r.Closed, r.Open)
	if r.Superseded {
		table = "a run with a later snapshot completed first, so the table drift holds its result"
	}
	switch {
	case drift > 0:
		return fmt.Sprintf("drift: %d differences; %s", drift, table)
	case r.NothingCompared:
		return "nothing was compared; " + table
	case r.Compared == 0:
		return "no drift, because there was nothing to compare; " + table
	default:
		return "no drift; " + table
	}
}
