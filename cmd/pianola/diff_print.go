package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/diff"
)

// diffText is the months, what differs, and the result.
func diffText(r *diff.Report, width int) string {
	var b strings.Builder
	first, second := strings.ToUpper(printable(r.First)), strings.ToUpper(printable(r.Second))
	if len(r.Months) > 0 {
		months := table{right: true, titles: []string{"MONTH", "EVENTS " + first, "EVENTS " + second, "VALUE " + first, "VALUE " + second, "ONLY " + first, "ONLY " + second, "CHANGED"}}
		for _, m := range r.Months {
			months.row(m.Month, m.First.Events, m.Second.Events, m.First.Value, m.Second.Value, m.OnlyFirst, m.OnlySecond, m.Changed)
		}
		b.WriteString(months.render(width))
		for _, m := range r.Months {
			if m.Unsettled {
				fmt.Fprintf(&b, "\n%s changed while it was compared; repeat the comparison, or stop its writer\n", m.Month)
			}
		}
	}
	section := func(title string, t table) {
		if len(t.rows) > 0 {
			fmt.Fprintf(&b, "\n%s\n%s", title, t.render(width))
		}
	}
	section("actions that differ", diffActions(r, first, second))
	section("columns of changed events", diffColumns(r))
	section("sample of events", diffSamples(r))
	section("open dead letters", diffLetters(r, first, second))
	section("filtered subscriptions", diffFiltered(r, first, second))
	b.WriteString("\n" + diffResult(r) + "\n")
	return strings.TrimPrefix(b.String(), "\n")
}

func diffActions(r *diff.Report, first, second string) table {
	t := table{indent: "  ", titles: []string{"ACTION", "EVENTS " + first, "EVENTS " + second, "VALUE " + first, "VALUE " + second}}
	for _, one := range r.Actions {
		if one.Differs() {
			t.row(printable(one.Action), one.First.Events, one.Second.Events, one.First.Value, one.Second.Value)
		}
	}
	return t
}

func diffColumns(r *diff.Report) table {
	t := table{indent: "  ", titles: []string{"COLUMN", "EVENTS"}}
	for _, name := range slices.Sorted(maps.Keys(r.Columns)) {
		t.row(name, r.Columns[name])
	}
	return t
}

// diffSamples has a line for each event, in a fixed order of kinds.
func diffSamples(r *diff.Report) table {
	t := table{indent: "  ", titles: []string{"SUBSCRIPTION", "EVENT TIME", "ACTION", "DIFFERENCE"}}
	where := map[diff.Kind]string{diff.OnlyFirst: "only in " + printable(r.First), diff.OnlySecond: "only in " + printable(r.Second), diff.Changed: ""}
	for _, kind := range []diff.Kind{diff.OnlyFirst, diff.OnlySecond, diff.Changed} {
		for _, s := range r.Samples {
			if s.Kind != kind {
				continue
			}
			text := where[kind]
			for i, column := range s.Columns {
				if i > 0 {
					text += "; "
				}
				text += column.Name
				if column.Hidden {
					text += " differs"
				} else {
					text += fmt.Sprintf(" %s, %s", quotedOrNull(column.First), quotedOrNull(column.Second))
				}
			}
			t.row(printable(s.Subscription), s.At.Format("2006-01-02T15:04:05.000Z"), printable(s.Action), text)
		}
	}
	return t
}

// quotedOrNull is a value in quotes, so that an empty text is visible.
func quotedOrNull(value *string) string {
	if value == nil {
		return "NULL"
	}
	return fmt.Sprintf("%q", printable(*value))
}

func diffLetters(r *diff.Report, first, second string) table {
	t := table{indent: "  ", titles: []string{"REASON", first, second, ""}}
	for _, l := range r.DeadLetters {
		note := ""
		if l.Differs && l.First == l.Second {
			note = "other messages"
		}
		t.row(printable(l.Reason), l.First, l.Second, note)
	}
	return t
}

func diffFiltered(r *diff.Report, first, second string) table {
	t := table{indent: "  ", titles: []string{first, second, "ONLY " + first, "ONLY " + second}}
	if f := r.Filtered; f != nil && f.First+f.Second > 0 {
		t.row(f.First, f.Second, f.OnlyFirst, f.OnlySecond)
	}
	return t
}

// diffResult is the last line.
func diffResult(r *diff.Report) string {
	first, second := printable(r.First), printable(r.Second)
	switch {
	case r.Nothing && r.Filtered == nil:
		return fmt.Sprintf("nothing was compared: neither %s nor %s has an event in the selected months", first, second)
	case r.Nothing:
		return fmt.Sprintf("nothing was compared: %s and %s are empty", first, second)
	case !r.Identical:
		result := fmt.Sprintf("the databases differ: %d events only in %s, %d only in %s, %d changed", r.Events.OnlyFirst, first, r.Events.OnlySecond, second, r.Events.Changed)
		if slices.ContainsFunc(r.DeadLetters, func(l diff.LetterResult) bool { return l.Differs }) {
			result += "; dead letters differ"
		}
		if f := r.Filtered; f != nil && f.OnlyFirst+f.OnlySecond > 0 {
			result += "; filtered subscriptions differ"
		}
		return result
	}
	result := fmt.Sprintf("no differences: %d events in %d months with transaction_value %s", r.Events.First.Events, len(r.Months), r.Events.First.Value)
	if r.Filtered == nil {
		return result + "; dead letters and filtered subscriptions were not compared"
	}
	letters := uint64(0)
	for _, l := range r.DeadLetters {
		letters += l.First
	}
	return fmt.Sprintf("%s, %d open dead letters, %d filtered subscriptions", result, letters, r.Filtered.First)
}
