package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/letters"
)

// clock is the format of times in tables: UTC, to the second.
const clock = "2006-01-02 15:04:05"

func instant(t time.Time) string { return t.UTC().Format(clock) }

// orDash shows an optional text in a table.
func orDash(text *string) string {
	if text == nil || *text == "" {
		return "-"
	}
	return printable(*text)
}

// text is the counts, then the dead letters.
func (l listing) text(width int) string {
	if l.Total == 0 {
		return "no dead letters\n"
	}
	counts := table{titles: []string{"COUNT", "REASON", "FIELD", "FIRST", "LAST"}}
	for _, c := range l.Counts {
		counts.row(c.Count, printable(c.Reason), orDash(c.Field), instant(c.First), instant(c.Last))
	}
	if len(l.DeadLetters) == 0 {
		return counts.render(width)
	}
	latest := table{titles: []string{"AT", "REASON", "FIELD", "SUBSCRIPTION", "MESSAGE TIME", "DECIDED", "TRIES", "DETAIL"}}
	for _, one := range l.DeadLetters {
		detail := one.Detail
		if one.ResolvedAt != nil {
			detail = closedText(&one)
		}
		latest.row(printable(one.At), printable(one.Reason), orDash(one.Field), orDash(one.SubscriptionID),
			instant(one.MessageTime), instant(one.DecidedAt), one.Attempts, printable(detail))
	}
	return fmt.Sprintf("%s\nthe latest %d of %d; pianola dlq show AT prints one in full\n%s",
		counts.render(width), len(l.DeadLetters), l.Total, latest.render(width))
}

// closedText is when and how a dead letter was closed.
func closedText(l *letters.Letter) string {
	if l.DismissedBy != nil {
		return "dismissed " + instant(*l.ResolvedAt)
	}
	return "resolved " + instant(*l.ResolvedAt)
}

// letterText is one dead letter in full.
func letterText(l *letters.Letter) string {
	var fields table
	row := func(name, value string) { fields.row(name, value) }
	row("at", printable(l.At))
	row("source", printable(l.Source))
	row("reason", printable(l.Reason))
	row("field", orDash(l.Field))
	row("detail", printable(l.Detail))
	row("subscription", orDash(l.SubscriptionID))
	row("message time", instant(l.MessageTime))
	row("decided", instant(l.DecidedAt))
	row("tries", fmt.Sprint(l.Attempts))
	switch {
	case l.ResolvedAt == nil:
		row("resolved", "no")
	case l.DismissedBy == nil:
		row("resolved", instant(*l.ResolvedAt))
	default:
		row("dismissed", instant(*l.ResolvedAt))
		row("dismissed by", orDash(l.DismissedBy))
		row("reason given", orDash(l.DismissedWhy))
	}
	row("payload sha-256", orDash(l.PayloadSHA256))
	var b strings.Builder
	b.WriteString(fields.render(0))
	if l.Meaning != "" {
		fmt.Fprintf(&b, "\n%s\n", l.Meaning)
	}
	fmt.Fprintf(&b, "\npayload, redacted:\n%s\n", orDash(l.Payload))
	return b.String()
}
