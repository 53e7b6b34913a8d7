package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// clock is how tables show an instant: UTC, to the second.
const clock = "2006-01-02 15:04:05"

func instant(t time.Time) string { return t.UTC().Format(clock) }

// orDash is a text that may be absent, in a table.
func orDash(text *string) string {
	if text == nil || *text == "" {
		return "-"
	}
	return printable(*text)
}

// String is the counts, then the rows.
func (l listing) String() string {
	if l.Total == 0 {
		return "no dead letters\n"
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "COUNT\tREASON\tFIELD\tFIRST\tLAST")
	for _, c := range l.Counts {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", c.Count, printable(c.Reason), orDash(c.Field), instant(c.First), instant(c.Last))
	}
	_ = w.Flush() // into memory
	if len(l.DeadLetters) == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "\nthe latest %d of %d; pianola dlq show AT shows one whole\n", len(l.DeadLetters), l.Total)
	w = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tREASON\tFIELD\tSUBSCRIPTION\tMESSAGE TIME\tDECIDED\tTRIES\tDETAIL")
	for _, one := range l.DeadLetters {
		detail := one.Detail
		if one.ResolvedAt != nil {
			detail = "resolved " + instant(*one.ResolvedAt)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", printable(one.At), printable(one.Reason), orDash(one.Field), orDash(one.SubscriptionID),
			instant(one.MessageTime), instant(one.DecidedAt), one.Attempts, printable(detail))
	}
	_ = w.Flush() // into memory
	return b.String()
}

// String is one dead letter whole.
func (l letter) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(w, "%s\t%s\n", name, value) }
	row("at", printable(l.At))
	row("source", printable(l.Source))
	row("reason", printable(l.Reason))
	row("field", orDash(l.Field))
	row("detail", printable(l.Detail))
	row("subscription", orDash(l.SubscriptionID))
	row("message time", instant(l.MessageTime))
	row("decided", instant(l.DecidedAt))
	row("tries", fmt.Sprint(l.Attempts))
	if l.ResolvedAt != nil {
		row("resolved", instant(*l.ResolvedAt))
	} else {
		row("resolved", "no")
	}
	row("payload sha-256", orDash(l.PayloadSHA256))
	_ = w.Flush() // into memory
	if l.Meaning != "" {
		fmt.Fprintf(&b, "\n%s\n", l.Meaning)
	}
	fmt.Fprintf(&b, "\npayload, redacted:\n%s\n", orDash(l.Payload))
	return b.String()
}
