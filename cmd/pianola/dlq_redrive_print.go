package main

import (
	"fmt"
	"strings"

	"github.com/pianola/pianola/internal/replay/deadletters"
)

// redriveText is a plan or a result, then the messages that Kafka no longer has.
func redriveText(r *deadletters.Report, width int) string {
	if r.Letters == 0 {
		return "no open dead letters\n"
	}
	groups := table{titles: []string{"TOPIC", "REASON", "DEAD LETTERS", "TO READ", "GONE"}}
	if r.Executed {
		groups.titles = []string{"TOPIC", "REASON", "DEAD LETTERS", "STORED", "FILTERED", "SKIPPED", "RESOLVED ELSEWHERE", "FAILED AGAIN", "GONE", "UNREAD"}
	}
	for _, g := range r.Groups {
		topic, reason := printable(g.Topic), printable(string(g.Reason))
		if r.Executed {
			groups.row(topic, reason, g.Letters, g.Stored, g.Filtered, g.Skipped, g.Elsewhere, g.Failed, g.Gone, g.Unread)
		} else {
			groups.row(topic, reason, g.Letters, g.ToRead(), g.Gone)
		}
	}
	var b strings.Builder
	b.WriteString(groups.render(width))
	b.WriteString(goneText(r.Gone))
	switch {
	case !r.Executed:
		b.WriteString("\ndry run; add --execute to redrive\n")
	case !r.Complete:
		b.WriteString("\nthe redrive ended early; finished work is durable, and the same command continues\n")
	case r.Open > 0:
		fmt.Fprintf(&b, "\n%d dead letters remain open\n", r.Open)
	}
	return b.String()
}

// goneText lists by cause the messages that Kafka no longer has.
func goneText(all []deadletters.Gone) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\ngone, no longer readable from Kafka:\n")
	for _, one := range all {
		fmt.Fprintf(&b, "  %d %s\n", one.Letters, one.Cause)
	}
	return b.String()
}
