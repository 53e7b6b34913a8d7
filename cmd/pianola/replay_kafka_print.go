package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/window"
	"github.com/pianola/pianola/sink"
)

func notesText(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\nnotes:\n")
	for _, note := range notes {
		fmt.Fprintf(&b, "  - %s\n", printable(note))
	}
	return b.String()
}

// planText is a line for each partition, the rules, and the estimate.
func planText(p *window.Plan, width int) string {
	partitions := table{right: true, titles: []string{"PARTITION", "FROM OFFSET", "TO OFFSET", "MESSAGES", "FIRST RECORD", "LAST RECORD", "REMOVED", "NOT CONSUMED"}}
	for _, one := range p.Partitions {
		partitions.row(partitionName(one.Topic, one.Partition), one.From, one.To, one.Messages, timeText(one.First), timeText(one.Last), one.Removed, one.NotConsumed)
	}
	if len(p.Partitions) > 1 {
		partitions.row("all", "", "", p.Messages, "", "", p.Removed, p.NotConsumed)
	}
	var b strings.Builder
	b.WriteString(partitions.render(width))
	b.WriteString("\nrules:\n" + rulesText(p.Rules))
	if p.Filter != "" {
		fmt.Fprintf(&b, "\nfilter: %s\n", printable(p.Filter))
	}
	if e := p.Estimate; e != nil {
		fmt.Fprintf(&b, "\nestimated duration: %s, at %s messages/s (%s)\n", roughly(time.Duration(e.Seconds*float64(time.Second))), rateText(e.Rate), printable(e.Source))
	}
	return b.String()
}

// timeText is the time of a record in UTC.
func timeText(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(clock) + "Z"
}

// rulesText is the rules of a plan or a job. Lists of what may be personal are numbers.
func rulesText(r job.Rules) string {
	fields := table{indent: "  "}
	fields.row("time zone of local times", printable(r.SourceTimezone))
	fields.row("field aliases", mapText(r.FieldAliases))
	fields.row("unknown actions", printable(r.UnknownAction))
	fields.row("synonyms of actions", fmt.Sprintf("built-in list %s, configured: %s", r.BuiltInSynonyms, mapText(r.ActionSynonyms)))
	fields.row("events in the future", "up to "+printable(r.MaxFuture))
	fields.row("largest message", strconv.Itoa(r.MaxMessageBytes)+" bytes")
	fields.row("internal users", digestText("ids", r.InternalUserIDs)+", "+digestText("email domains", r.InternalEmailDomains))
	fields.row("pianola", printable(r.Binary))
	return fields.render(0)
}

func mapText(m map[string]string) string {
	if len(m) == 0 {
		return "none"
	}
	var all []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		all = append(all, printable(key)+" is "+printable(m[key]))
	}
	return strings.Join(all, ", ")
}

func digestText(name string, d job.Digest) string {
	if d.Entries == 0 {
		return name + ": none"
	}
	return fmt.Sprintf("%s: %d (sha-256 %s)", name, d.Entries, d.SHA256[:min(12, len(d.SHA256))])
}

// comparisonText is the outcomes of the messages, what would change, and samples.
func comparisonText(c *job.Comparison, width int) string {
	var b strings.Builder
	b.WriteString(outcomesText(c.Counts))
	b.WriteString(changesText(c.Changes))
	if len(c.Columns) > 0 {
		columns := table{right: true, indent: "  "}
		for _, name := range slices.SortedFunc(maps.Keys(c.Columns), func(a, b string) int {
			if byCount := int(int64(c.Columns[b]) - int64(c.Columns[a])); byCount != 0 {
				return byCount
			}
			return strings.Compare(a, b)
		}) {
			columns.row(name, c.Columns[name])
		}
		b.WriteString("\ncolumns that would change, in messages:\n" + columns.render(width))
	}
	if len(c.Samples) > 0 {
		samples := table{indent: "  ", titles: []string{"MESSAGE", "CHANGE", "BEFORE", "AFTER", "COLUMNS"}}
		for _, s := range c.Samples {
			samples.row(printable(s.At), changeTexts()[s.Change], identityText(s.Before), identityText(s.After), strings.Join(s.Columns, ", "))
		}
		b.WriteString("\nsamples:\n" + samples.render(width))
	}
	if c.Removed > 0 {
		fmt.Fprintf(&b, "\n%d messages were removed by retention meanwhile\n", c.Removed)
	}
	return b.String()
}

func identityText(i *job.Identity) string {
	if i == nil {
		return "-"
	}
	return printable(i.SubscriptionAction) + " " + i.EventTimestamp.Format(clock) + "Z"
}

// outcomesText counts the messages by outcome.
func outcomesText(counts job.Counts) string {
	lines := table{right: true}
	lines.row("messages", counts[job.Messages])
	for _, name := range []string{job.Stored, job.Filtered, job.DeadLettered, job.Skipped} {
		lines.row("  "+strings.ReplaceAll(name, "_", " "), counts[name])
	}
	return leftTitles(lines)
}

// changeTexts describes each change.
func changeTexts() map[sink.Change]string {
	return map[sink.Change]string{
		sink.Unchanged:       "as before",
		sink.Superseded:      "as before, hidden by a later delivery",
		sink.Added:           "new event",
		sink.Restored:        "event that a departing delivery had hidden",
		sink.Altered:         "same event, other columns",
		sink.Moved:           "another event than before",
		sink.ToDeadLetter:    "stored before, dead letter now",
		sink.FromDeadLetter:  "dead letter before, stored now",
		sink.ToFiltered:      "stored before, filtered now",
		sink.FromFiltered:    "filtered before, stored now",
		sink.AddedDeadLetter: "new dead letter",
		sink.AlteredLetter:   "dead letter for another reason",
		sink.ResolvedDropped: "dead letter before, filtered now",
	}
}

// changesText counts the messages by what changes about them, in a fixed order.
func changesText(messages map[sink.Change]uint64) string {
	lines := table{right: true}
	texts := changeTexts()
	for _, change := range []sink.Change{
		sink.Unchanged, sink.Superseded, sink.Added, sink.Restored, sink.Altered, sink.Moved, sink.ToDeadLetter, sink.FromDeadLetter, sink.ToFiltered,
		sink.FromFiltered, sink.AddedDeadLetter, sink.AlteredLetter, sink.ResolvedDropped,
	} {
		if n := messages[change]; n > 0 {
			lines.row("  "+texts[change], n)
		}
	}
	if len(lines.rows) == 0 {
		return ""
	}
	return "\nchanges, in messages:\n" + leftTitles(lines)
}

// leftTitles renders names on the left and numbers on the right.
func leftTitles(t table) string {
	width := 0
	for _, row := range t.rows {
		width = max(width, len(row[0]))
	}
	for _, row := range t.rows {
		row[0] += strings.Repeat(" ", width-len(row[0]))
	}
	return t.render(0)
}

// joinedList joins the parts of a sentence.
func joinedList(all []string) string { return strings.Join(all, "; ") }
