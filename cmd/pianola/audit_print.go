package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/pianola/pianola/internal/audit"
)

// auditText is one line a partition, then what was found in sentences.
func auditText(r *audit.Report) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "PARTITION\tFROM\tTO\tCOMMITTED\tLOG END\tBEHIND\tMESSAGES\tSTORED\tFILTERED\tDEAD\tSKIPPED\tREAD AGAIN\tGAPS\tLOST\t")
	for _, p := range r.Partitions {
		committed, end, behind := "-", "-", "-"
		if p.Kafka != nil {
			end, behind = fmt.Sprint(p.Kafka.LogEnd), fmt.Sprint(p.Kafka.Behind)
			if p.Kafka.Committed >= 0 {
				committed = fmt.Sprint(p.Kafka.Committed)
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", printable(p.String()), p.Start, p.Next, committed, end, behind,
			p.Messages, p.Stored, p.Filtered, p.DeadLettered, p.Skipped, p.ReadAgain, p.Gaps, len(p.Lost))
	}
	_ = w.Flush() // into memory
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "\n%s\n", title)
		}
		for _, line := range lines {
			fmt.Fprintf(&b, "  %s\n", printable(line))
		}
	}
	var wrong []string
	for _, f := range r.Findings {
		wrong = append(wrong, fmt.Sprintf("%s: %s", f.Kind, f.Text))
	}
	section("wrong", wrong)
	section("worth knowing", r.Notes)
	fmt.Fprintf(&b, "\n%s\n", auditVerdict(r))
	return b.String()
}

// auditVerdict is the last line: what has been shown.
func auditVerdict(r *audit.Report) string {
	if !r.Clean {
		return fmt.Sprintf("%d findings", len(r.Findings))
	}
	verdict := fmt.Sprintf("nothing is wrong: every committed offset of group %s is accounted for, and the ids of %d rows are as computed",
		printable(r.Group), r.Events)
	if r.Deep {
		var messages uint64
		for _, p := range r.Partitions {
			if p.Reread != nil {
				messages += p.Reread.Messages
			}
		}
		verdict += fmt.Sprintf("; %d messages were read again and each is in its place", messages)
	}
	return verdict
}
