package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano/customer"
)

// carePlanText is what was read, what would be sent, and what that changes.
func carePlanText(p *actions.Plan, width int) string {
	var b strings.Builder
	values := table{titles: []string{"VALUE", "NOW", "AFTER"}, indent: "  "}
	names := maps.Clone(p.Before)
	for name := range p.After {
		if _, ok := names[name]; !ok {
			names = withName(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		values.row(cell(name), cell(p.Before[name]), cell(p.After[name]))
	}
	fmt.Fprintf(&b, "%s, user %s\n", p.Label, cell(p.UserID))
	if len(values.rows) > 0 {
		b.WriteString(values.render(width))
	}
	if p.Request != nil {
		fmt.Fprintf(&b, "request: %s", p.Request.Endpoint)
		for _, name := range slices.Sorted(maps.Keys(p.Request.Parameters)) {
			fmt.Fprintf(&b, " %s=%s", name, printable(p.Request.Parameters[name]))
		}
		b.WriteString("\n")
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(&b, "note: %s\n", printable(warning))
	}
	fmt.Fprintf(&b, "plan: %s: %s\n", p.Outcome, printable(p.Why))
	if p.Possible() {
		b.WriteString("dry run; add --execute --reason TEXT to send the request\n")
	}
	return b.String()
}

func withName(names map[string]string, name string) map[string]string {
	if names == nil {
		names = map[string]string{}
	}
	names[name] = ""
	return names
}

// executionText are the steps, what is true afterwards, and the outcome.
func executionText(r *actions.Report) string {
	var b strings.Builder
	for _, s := range r.Steps {
		if s.Step != "final" {
			fmt.Fprintf(&b, "  %s  %s  %s  %s\n", s.At.Format(time.RFC3339), s.Step, s.Request, printable(s.Answer))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.After)) {
		if r.After[name] != r.Before[name] {
			fmt.Fprintf(&b, "now: %s is %s\n", printable(name), cell(r.After[name]))
		}
	}
	fmt.Fprintf(&b, "%s: %s\naction id in actions_log: %s\n", r.Outcome, printable(r.Why), r.ActionID)
	return b.String()
}

// lineText is the line of one item of a job.
func lineText(l actions.Line) string {
	repeated := ""
	if l.Repeated {
		repeated = " (before)"
	}
	return fmt.Sprintf("%d  %s  %s  %s%s: %s\n", l.Line, cell(l.Key), cell(l.UserID), l.Outcome, repeated, printable(l.Why))
}

// lineJSON is that line for machines: one object a line.
func lineJSON(l actions.Line) string {
	text, _ := json.Marshal(l) // texts and numbers only
	return string(text) + "\n"
}

// bulkText counts the outcomes of a job.
func bulkText(counts map[actions.Outcome]int, lines int, job string, executed bool) string {
	var parts []string
	for _, o := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", o, counts[o]))
	}
	text := fmt.Sprintf("job %s, %d lines: %s\n", job, lines, strings.Join(parts, ", "))
	if !executed {
		text += "dry run; add --execute --reason TEXT to send the requests\n"
	}
	return text
}

// shownSubscription is a subscription as subscription show prints it.
type shownSubscription struct {
	Subscription actions.Subscription `json:"subscription"`
	Values       map[string]string    `json:"values"`
	Payments     []shownPayment       `json:"payments"`
	Actions      []shownDecision      `json:"actions"`
}

type shownPayment struct {
	ID         string     `json:"payment_id"`
	CreatedAt  *time.Time `json:"created_at"`
	Amount     string     `json:"amount"`
	Remaining  string     `json:"remaining"`
	Currency   string     `json:"currency"`
	Status     string     `json:"status"`
	Refundable *bool      `json:"refundable"`
}

type shownDecision struct {
	Action  actions.Kind `json:"action"`
	Allowed bool         `json:"allowed"`
	Why     string       `json:"why"`
}

func shownText(s shownSubscription, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "subscription %s, user %s, as Piano has it now\n", cell(s.Subscription.ID), cell(s.Subscription.UserID))
	values := table{indent: "  "}
	for _, name := range slices.Sorted(maps.Keys(s.Values)) {
		values.row(name, cell(s.Values[name]))
	}
	b.WriteString(values.render(width))
	payments := table{titles: []string{"PAYMENT", "DATE", "AMOUNT", "REMAINING", "CURRENCY", "STATUS", "REFUNDABLE"}, indent: "  "}
	for _, p := range s.Payments {
		payments.row(cell(p.ID), dateText(p.CreatedAt), cell(p.Amount), cell(p.Remaining), cell(p.Currency), cell(p.Status), flagText(p.Refundable))
	}
	if len(payments.rows) > 0 {
		b.WriteString(payments.render(width))
	}
	can := table{titles: []string{"ACTION", "POSSIBLE", "WHY NOT"}, indent: "  "}
	for _, d := range s.Actions {
		possible := "yes"
		if !d.Allowed {
			possible = "no"
		}
		can.row(string(d.Action), possible, printable(d.Why))
	}
	b.WriteString(can.render(width))
	return b.String()
}

// accessText lists the accesses of a user.
func accessText(all []customer.Access, more bool, width int) string {
	t := table{titles: []string{"ACCESS", "RESOURCE", "NAME", "STARTS", "ENDS", "VALID", "REVOCABLE"}}
	for _, one := range all {
		ends := "never"
		if one.ExpiresAt != nil {
			ends = dateText(one.ExpiresAt)
		}
		t.row(cell(one.ID), cell(one.ResourceID), cell(one.ResourceName), dateText(one.StartsAt), ends, flagText(&one.Granted), flagText(one.CanRevoke))
	}
	text := t.render(width)
	if len(all) == 0 {
		text = "the user has no access; Piano does not list revoked ones\n"
	}
	if more {
		text += "the user has more accesses; they are not listed\n"
	}
	return text
}
