package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/actions"
)

// actionText is the subscription, the request, the steps and the outcome.
func actionText(r *actions.Report, width int) string {
	var b strings.Builder
	if len(r.Candidates) > 0 || r.Subscription != nil {
		all := table{titles: []string{"SUBSCRIPTION", "USER", "STATUS", "TERM", "TYPE", "AUTO-RENEW", "NEXT BILL", "ENDS"}}
		row := func(s actions.Subscription, more ...any) {
			all.row(append([]any{cell(s.ID), cell(s.UserID), cell(s.Status), cell(s.TermID), cell(s.TermType),
				flagText(s.AutoRenew), dateText(s.NextBillAt), dateText(s.EndedAt)}, more...)...)
		}
		if len(r.Candidates) > 0 {
			all.titles = append(all.titles, "RESUME")
		} else {
			row(*r.Subscription)
		}
		for _, one := range r.Candidates {
			row(one.Subscription, printable(one.Why))
		}
		b.WriteString(all.render(width) + "\n")
	}
	if q := r.Request; q != nil {
		verb := "would send"
		if slices.ContainsFunc(r.Steps, func(s actions.Step) bool { return s.Step == "asked" }) {
			verb = "sent"
		}
		fmt.Fprintf(&b, "%s: POST %s", verb, q.Endpoint)
		for _, name := range slices.Sorted(maps.Keys(q.Parameters)) {
			fmt.Fprintf(&b, " %s=%s", name, printable(q.Parameters[name]))
		}
		b.WriteString("\n")
	}
	for _, s := range r.Steps {
		if s.Step != "final" {
			fmt.Fprintf(&b, "  %s  %s  %s  %s\n", s.At.Format(time.RFC3339), s.Step, s.Request, printable(s.Answer))
		}
	}
	fmt.Fprintf(&b, "%s: %s\n", r.Outcome, printable(r.Why))
	switch {
	case !r.Executed && r.Outcome == actions.Planned:
		b.WriteString("dry run; add --execute to send the request\n")
	case len(r.Steps) > 0:
		fmt.Fprintf(&b, "action id in actions_log: %s\n", r.ActionID)
	}
	return b.String()
}

// cell is a text of the API in a table: never empty, and limited in length.
func cell(text string) string {
	const maxCell = 41
	if text == "" {
		return "-"
	}
	return cut(printable(text), maxCell)
}

func flagText(b *bool) string {
	switch {
	case b == nil:
		return "-"
	case *b:
		return "on"
	default:
		return "off"
	}
}

func dateText(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Format(time.DateOnly)
}
