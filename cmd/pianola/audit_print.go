package main

import (
	"fmt"
	"strings"

	"github.com/pianola/pianola/internal/audit"
)

// auditText has one line for each partition, then the findings and the result.
func auditText(r *audit.Report, width int) string {
	partitions := table{right: true, titles: []string{"PARTITION", "FROM", "TO", "COMMITTED", "LOG END", "BEHIND", "OPEN TXN", "MESSAGES", "STORED",
		"FILTERED", "DEAD", "SKIPPED", "READ AGAIN", "GAPS", "LOST"}}
	for _, p := range r.Partitions {
		committed, end, behind, open := "-", "-", "-", "-"
		if p.Kafka != nil {
			end, behind, open = fmt.Sprint(p.Kafka.LogEnd), fmt.Sprint(p.Kafka.Behind), fmt.Sprint(p.Kafka.OpenTransaction)
			if p.Kafka.Committed >= 0 {
				committed = fmt.Sprint(p.Kafka.Committed)
			}
		}
		partitions.row(printable(p.String()), p.Start, p.Next, committed, end, behind, open,
			p.Messages, p.Stored, p.Filtered, p.DeadLettered, p.Skipped, p.ReadAgain, p.Gaps, len(p.Lost))
	}
	var b strings.Builder
	b.WriteString(partitions.render(width))
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "\n%s\n", title)
		}
		for _, line := range lines {
			fmt.Fprintf(&b, "  %s\n", printable(line))
		}
	}
	var findings []string
	for _, f := range r.Findings {
		findings = append(findings, fmt.Sprintf("%s: %s", f.Kind, f.Text))
	}
	section("findings", findings)
	section("notes", r.Notes)
	fmt.Fprintf(&b, "\n%s\n", auditResult(r))
	return b.String()
}

// auditResult is the last line.
func auditResult(r *audit.Report) string {
	if !r.Clean {
		return fmt.Sprintf("%d findings", len(r.Findings))
	}
	read, offsets := 0, int64(0)
	for _, p := range r.Partitions {
		if p.Kafka != nil && p.Kafka.Committed > 0 {
			read, offsets = read+1, offsets+p.Kafka.Committed
		}
	}
	if read == 0 && r.Events == 0 {
		return fmt.Sprintf("nothing to check: the topics have no records, and group %s has committed no offset", printable(r.Group))
	}
	result := fmt.Sprintf("no findings: the ledger covers every committed offset of group %s, %d in %d partitions, and the event ids of %d rows are correct",
		printable(r.Group), offsets, read, r.Events)
	if r.Deep {
		var messages uint64
		for _, p := range r.Partitions {
			if p.Reread != nil {
				messages += p.Reread.Messages
			}
		}
		result += fmt.Sprintf("; %d messages were read again, and the tables contain the outcome of each", messages)
	}
	return result
}

// jobAuditText is the account of a job's ranges, and what is wrong with them.
func jobAuditText(r *audit.JobReport, width int) string {
	ranges := table{right: true, titles: []string{"RANGE", "FROM", "TO", "CHUNKS", "MESSAGES", "STORED", "FILTERED", "DEAD", "SKIPPED", "GAPS"}}
	for _, one := range r.Ranges {
		ranges.row(printable(one.String()), one.From, one.To, one.Chunks, one.Messages, one.Stored, one.Filtered, one.DeadLettered, one.Skipped, one.Gaps)
	}
	var b strings.Builder
	b.WriteString(ranges.render(width))
	if r.Clean {
		fmt.Fprintf(&b, "\njob %s is %s, and its ledger rows cover its plan\n", r.JobID, r.State)
		return b.String()
	}
	b.WriteString("\nfindings\n")
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  %s\n", printable(fmt.Sprintf("%s: %s", f.Kind, f.Text)))
	}
	fmt.Fprintf(&b, "\n%d findings\n", len(r.Findings))
	return b.String()
}
