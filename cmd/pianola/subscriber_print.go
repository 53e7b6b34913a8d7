package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/subscriber"
)

// subscriberText is the report for a person.
func subscriberText(r *subscriber.Report, width int) string {
	var b strings.Builder
	users := make([]string, len(r.Users))
	for i, id := range r.Users {
		users[i] = printable(id)
	}
	fmt.Fprintf(&b, "user %s, subscriptions: %d, as of %s UTC\n", textOr(new(strings.Join(users, ", ")), "without an id"), len(r.Subscriptions), r.AsOf.UTC().Format("2006-01-02 15:04:05"))
	if r.Truncated {
		fmt.Fprintf(&b, "more than %d subscriptions have this key; the others are not shown\n", subscriber.MaxSubscriptions)
	}
	for _, s := range r.Subscriptions {
		fmt.Fprintf(&b, "\n%s  %s\n", printable(s.ID), printable(s.Summary))
		b.WriteString(subscriptionFacts(s).render(width))
		b.WriteString(timelineTable(s.Timeline).render(width))
	}
	if r.Read != nil {
		fmt.Fprintf(&b, "\nrows read by ClickHouse: %d\n", r.Read.Rows)
	}
	return b.String()
}

// subscriptionFacts are the lines between the summary and the timeline.
func subscriptionFacts(s subscriber.Subscription) *table {
	facts := &table{indent: "  "}
	if len(s.Marks) > 0 {
		words := make([]string, len(s.Marks))
		for i, mark := range s.Marks {
			words[i] = string(mark)
		}
		facts.row("marks", strings.Join(words, ", "))
	}
	if st := s.State; st != nil {
		facts.row("status", fmt.Sprintf("%s, auto-renew %s, period ends %s", textOr(&st.Status, "unknown"), flagText(st.AutoRenew), dateText(st.PeriodEndsAt)))
		facts.row("term", fmt.Sprintf("%s, every %s, started %s", printable(textOr(st.TermType, "unknown type")), printable(textOr(st.BillingPeriod, "unknown period")), dateText(st.StartedAt)))
	}
	for _, m := range s.Money {
		text := fmt.Sprintf("paid %s %s (payments: %d)", subscriber.FormatAmount(m.Paid), printable(m.Currency), m.Payments)
		if m.Refunds > 0 {
			text += fmt.Sprintf(", refunded %s (refunds: %d)", subscriber.FormatAmount(m.Refunded), m.Refunds)
		}
		facts.row("money", text)
	}
	if a := s.API; a != nil {
		facts.row("api", fmt.Sprintf("%s, auto-renew %s, next bill %s, at %s UTC", printable(a.Status), flagText(a.AutoRenew), dateText(a.NextBillAt), a.AsOf.UTC().Format("2006-01-02 15:04")))
	} else {
		facts.row("api", "not in the latest complete snapshot")
	}
	for _, d := range s.Disagreements {
		facts.row("differs", fmt.Sprintf("%s (%s) since %s: stream %s, API %s", d.Kind, d.Severity, d.Since.UTC().Format(time.DateOnly),
			printable(textOr(d.Stream, "-")), printable(textOr(d.API, "-"))))
	}
	return facts
}

func timelineTable(events []subscriber.Event) *table {
	t := &table{titles: []string{"TIME (UTC)", "ACTION", "VALUE", "NEXT BILL", "TERM", "SOURCE"}, indent: "  "}
	for _, e := range events {
		action := printable(e.Action)
		if e.ChangeTo != nil {
			action += " to " + printable(*e.ChangeTo)
		}
		t.row(e.At.UTC().Format("2006-01-02 15:04:05"), action, amountText(e.Value), dateText(e.NextBilledAt), cell(textOr(e.TermName, "")), printable(e.Source))
	}
	return t
}

func amountText(d *decimal.Decimal) string {
	if d == nil {
		return "-"
	}
	return subscriber.FormatAmount(*d)
}

func textOr(text *string, otherwise string) string {
	if text == nil || *text == "" {
		return otherwise
	}
	return *text
}
