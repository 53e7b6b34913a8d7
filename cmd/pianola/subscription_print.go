package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pianola/pianola/internal/actions"
)

// actionText is what the API says, what is asked of it, the steps, and the outcome.
func actionText(r *actions.Report) string {
	var b strings.Builder
	if len(r.Candidates) > 0 || r.Subscription != nil {
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		row := func(s actions.Subscription, more string) {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s%s\n", cell(s.ID), cell(s.UserID), cell(s.Status), cell(s.TermID),
				cell(s.TermType), flagText(s.AutoRenew), dateText(s.NextBillAt), dateText(s.EndedAt), more)
		}
		const titles = "SUBSCRIPTION\tUSER\tSTATUS\tTERM\tTYPE\tAUTO-RENEW\tNEXT BILL\tENDS"
		if len(r.Candidates) > 0 {
			fmt.Fprintln(w, titles+"\tRESUME")
		} else {
			fmt.Fprintln(w, titles)
			row(*r.Subscription, "")
		}
		for _, one := range r.Candidates {
			row(one.Subscription, "\t"+printable(one.Why))
		}
		_ = w.Flush() // into memory
		b.WriteString("\n")
	}
	if q := r.Request; q != nil {
		verb := "would ask"
		if slices.ContainsFunc(r.Steps, func(s actions.Step) bool { return s.Step == "asked" }) {
			verb = "asked"
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
		b.WriteString("this is the plan; add --execute to do it\n")
	case len(r.Steps) > 0:
		fmt.Fprintf(&b, "actions_log has it as %s\n", r.ActionID)
	}
	return b.String()
}

// cell is a text of the API's in a table: never empty, and not of any length.
func cell(text string) string {
	const most = 40
	runes := []rune(printable(text))
	switch {
	case len(runes) == 0:
		return "-"
	case len(runes) > most:
		return string(runes[:most]) + "…"
	default:
		return string(runes)
	}
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
