package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/promo/conversion"
	"github.com/pianola/pianola/internal/promo/experiment"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/promo/stats"
)

func promotionsText(all []promotion.Promotion, width int) string {
	t := &table{titles: []string{"PROMOTION", "STATUS", "DISCOUNT", "PERIODS", "USES", "CODE", "FROM", "TO", "NAME"}}
	for _, p := range all {
		periods, uses := "all", fmt.Sprint(p.Uses)
		if p.Periods != nil {
			periods = fmt.Sprint(*p.Periods)
		}
		if p.UsesAllowed != nil {
			uses += " of " + fmt.Sprint(*p.UsesAllowed)
		}
		t.row(printable(p.ID), printable(p.Status), discountText(&p), periods, uses, codeText(&p), dateText(p.StartsAt), dateText(p.EndsAt), printable(p.Name))
	}
	return t.render(width)
}

func discountText(p *promotion.Promotion) string {
	if p.Percentage != nil && p.Discount == promotion.Percentage {
		return p.Percentage.String() + " %"
	}
	var amounts []string
	for _, a := range p.Amounts {
		amounts = append(amounts, a.Amount.String()+" "+printable(a.Currency))
	}
	return cell(strings.Join(amounts, ", "))
}

// codeText is what a list shows of the codes of a promotion.
func codeText(p *promotion.Promotion) string {
	switch {
	case p.FixedCode != "":
		return printable(p.Masked().FixedCode)
	case p.Prefix != "":
		return printable(p.Prefix) + "…"
	}
	return "-"
}

func codesText(all []promotion.Code, counts map[promotion.State]int, width int) string {
	t := &table{titles: []string{"CODE ID", "CODE", "STATE", "CLAIMED", "USER", "CREATED"}}
	for _, c := range all {
		t.row(printable(c.ID), printable(c.Text), printable(string(c.State)), dateText(c.ClaimedAt), cell(printable(c.UserID)), dateText(c.CreatedAt))
	}
	var parts []string
	for _, s := range promotion.States() {
		parts = append(parts, fmt.Sprintf("%s: %d", s, counts[s]))
	}
	return t.render(width) + strings.Join(parts, ", ") + "\n"
}

func promotionReportText(r *promotion.Report, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Action, r.Outcome)
	if r.Why != "" {
		fmt.Fprintf(&b, "%s\n", printable(r.Why))
	}
	for _, q := range r.Requests {
		fmt.Fprintf(&b, "request %s\n", q.Endpoint)
		t := &table{indent: "  "}
		for _, name := range slices.Sorted(maps.Keys(q.Parameters)) {
			t.row(name, printable(q.Parameters[name]))
		}
		b.WriteString(t.render(width))
	}
	if p := r.Promotion; p != nil {
		fmt.Fprintf(&b, "promotion %s: %s, %s\n", printable(p.ID), printable(p.Name), discountText(p))
	}
	if len(r.Differences) > 0 {
		t := &table{titles: []string{"DIFFERS", "WANTED", "IN PIANO"}, indent: "  "}
		for _, d := range r.Differences {
			t.row(d.Field, cell(printable(d.Want)), cell(printable(d.Got)))
		}
		b.WriteString(t.render(width))
	}
	return b.String()
}

func definitionsText(all []segment.Definition, width int) string {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "%s\n  %s\n", d.Name, d.Text)
		t := &table{indent: "  "}
		for _, p := range d.Parameters {
			limits := p.Type
			if p.Type == segment.Integer {
				limits = fmt.Sprintf("%d to %d, default %s", p.Min, p.Max, p.Default)
			} else if p.Required {
				limits += ", required"
			}
			t.row(p.Name, limits, p.Text)
		}
		b.WriteString(t.render(width) + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func previewsText(all []*segment.Preview, width int) string {
	t := &table{titles: []string{"SEGMENT", "USERS", "SUBSCRIPTIONS", "WITHOUT USER", "MRR", "AS OF (UTC)"}}
	for _, p := range all {
		var money []string
		for _, currency := range slices.Sorted(maps.Keys(p.MRR)) {
			money = append(money, strconv.FormatFloat(p.MRR[currency], 'f', 2, 64)+" "+printable(currency))
		}
		t.row(printable(p.Segment.String()), p.Users, p.Subscriptions, p.WithoutUser, cell(strings.Join(money, ", ")), p.AsOf.UTC().Format("2006-01-02 15:04:05"))
	}
	return t.render(width)
}

func runsText(all []segment.Run, width int) string {
	t := &table{titles: []string{"SEGMENT", "USERS", "WITHOUT USER", "AS OF (UTC)", "RUN"}}
	for _, r := range all {
		t.row(printable(r.Segment), r.Users, r.WithoutUser, r.AsOf.UTC().Format("2006-01-02 15:04:05"), r.ID)
	}
	return t.render(width)
}

func experimentText(e *experiment.Experiment, created bool, width int) string {
	var b strings.Builder
	state := "plan"
	if created {
		state = "created"
	}
	fmt.Fprintf(&b, "%s: %s\nsegment %s\nconversion within %d days: from %s to %s, renewal within %d days\n", e.ID, state, printable(e.Segment), e.ConversionDays, percent(&e.Baseline), percent(&e.Target), e.RenewalDays)
	t := &table{titles: []string{"ARM", "WEIGHT", "PROMOTION", "PEOPLE NEEDED"}, indent: "  "}
	for _, arm := range e.Arms {
		t.row(arm.Name, arm.Weight, cell(arm.PromotionID), arm.Planned)
	}
	b.WriteString(t.render(width))
	return b.String()
}

func experimentsText(all []experiment.Experiment, width int) string {
	t := &table{titles: []string{"EXPERIMENT", "SEGMENT", "ARMS", "CREATED", "BY"}}
	for _, e := range all {
		var arms []string
		for _, arm := range e.Arms {
			arms = append(arms, arm.Name)
		}
		t.row(printable(e.ID), printable(e.Segment), printable(strings.Join(arms, ", ")), e.CreatedAt.Format(time.DateOnly), printable(e.CreatedBy))
	}
	return t.render(width)
}

func assignmentText(d *experiment.Assignment, width int) string {
	verb := "would be added"
	if d.Executed {
		verb = "were added"
	}
	t := &table{titles: []string{"ARM", "BEFORE", "ADDED", "PLANNED"}, indent: "  "}
	var added uint64
	for _, arm := range d.Arms {
		t.row(arm.Arm, arm.Before, arm.Added, arm.Planned)
		added += arm.Added
	}
	return fmt.Sprintf("%s: %d users of %s as of %s UTC %s\n", d.Experiment, added, printable(d.Segment), d.AsOf.UTC().Format("2006-01-02 15:04:05"), verb) + t.render(width)
}

func experimentReportText(r *experiment.Report, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s as of %s UTC\nsizes of the arms: chi-square %.2f, p %.3g\n", r.Experiment.ID, r.AsOf.Format("2006-01-02 15:04:05"), r.SizeCheck.ChiSquare, r.SizeCheck.P)
	t := &table{titles: []string{"ARM", "ASSIGNED", "PROMOTION", "USED ANOTHER ARM'S CODE"}, indent: "  "}
	for _, arm := range r.Arms {
		other := "not read from Piano"
		if arm.OtherCode != nil {
			other = fmt.Sprint(*arm.OtherCode)
		}
		t.row(arm.Name, arm.Assigned, cell(arm.PromotionID), other)
	}
	b.WriteString(t.render(width))
	outcomeText(&b, "conversion", &r.Conversion, width)
	outcomeText(&b, "full-price renewal", &r.Renewal, width)
	return b.String()
}

func outcomeText(b *strings.Builder, name string, o *experiment.Outcome, width int) {
	fmt.Fprintf(b, "\n%s within %d days: %s\n", name, o.Days, strings.ReplaceAll(string(o.Verdict), "_", " "))
	if o.Reason != "" {
		fmt.Fprintf(b, "  %s\n", o.Reason)
	}
	t := &table{titles: []string{"ARM", "DUE", "NOT YET DUE", "PLANNED", "DID", "RATE", intervalTitle(o.Confidence)}, indent: "  "}
	for _, arm := range o.Arms {
		did, interval := "-", "-"
		if arm.Successes != nil {
			did, interval = fmt.Sprint(*arm.Successes), intervalText(*arm.Interval, 100, " %")
		}
		t.row(arm.Arm, arm.Due, arm.NotYetDue, arm.Planned, did, percent(arm.Rate), interval)
	}
	b.WriteString(t.render(width))
	if len(o.Rates)+len(o.Revenue) == 0 {
		return
	}
	t = &table{titles: []string{"ARM − CONTROL", "DIFFERENCE", intervalTitle(o.ComparisonConfidence), "P", "P CORRECTED", ""}, indent: "  "}
	for _, c := range o.Rates {
		t.row(c.Arm+", rate", percent(&c.Difference), intervalText(c.Interval, 100, " %"), fmt.Sprintf("%.3g", c.P), fmt.Sprintf("%.3g", c.Corrected), significance(c.Significant))
	}
	for _, m := range o.Revenue {
		t.row(m.Arm+", "+printable(m.Currency)+" for each user", fmt.Sprintf("%.2f", m.Difference), intervalText(m.Interval, 1, ""), fmt.Sprintf("%.3g", m.P), fmt.Sprintf("%.3g", m.Corrected), significance(m.Significant))
	}
	b.WriteString(t.render(width))
}

// intervalTitle names the confidence of intervals.
func intervalTitle(confidence float64) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(100*confidence, 'f', 2, 64), "0"), ".") + " % INTERVAL"
}

func intervalText(i stats.Interval, times float64, unit string) string {
	return fmt.Sprintf("%.2f to %.2f%s", times*i.Low, times*i.High, unit)
}

func significance(yes bool) string {
	if yes {
		return "differs"
	}
	return "no difference found"
}

func promoReportText(r *conversion.Report, width int) string {
	var b strings.Builder
	when := func(at *time.Time) string {
		if at == nil {
			return "never"
		}
		return at.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	fmt.Fprintf(&b, "subscriptions as of %s, codes of Piano read: %s, traits as of: %s\n", when(&r.AsOf), when(r.CodesRead), when(r.TraitsAsOf))
	t := &table{titles: []string{"PROMOTION", "CURRENCY", "REDEEMED", "RESERVED", "RELEASED", "DUE", "NOT YET DUE", "FULL PRICE", "RATE", "STEP-UP LOSS", "DISCOUNT", "CHARGED", "REFUNDED"}}
	for _, p := range r.Promotions {
		t.row(promotionName(&p), printable(p.Currency), p.Redeemed, p.Reserved, p.Released, p.Due, p.NotYetDue, p.FullPrice, percent(p.Rate), percent(p.StepUpLoss),
			fmt.Sprintf("%.2f", p.Discount), fmt.Sprintf("%.2f", p.Charged), fmt.Sprintf("%.2f", p.Refunded))
	}
	b.WriteString(t.render(width))
	t = &table{titles: []string{"STILL THERE AFTER MONTHS", "CURRENCY", "1", "3", "6", "12"}}
	add := func(name, currency string, ages []conversion.Alive) {
		row := []any{name, currency}
		for _, age := range ages {
			row = append(row, fmt.Sprintf("%s of %d", percent(age.Rate), age.Due))
		}
		t.row(row...)
	}
	for _, p := range r.Promotions {
		add(promotionName(&p), printable(p.Currency), p.Retention)
	}
	for _, f := range r.FullPrice {
		add("began at the full price", printable(f.Currency), f.Retention)
	}
	fmt.Fprintf(&b, "\n%s\nPeople with codes differ from others: this describes and does not prove.\n", t.render(width))
	return b.String()
}

// promotionName is the best name that is known of a promotion.
func promotionName(p *conversion.Promotion) string {
	for _, text := range []string{p.Name, p.Code, p.ID} {
		if text != "" {
			return printable(text)
		}
	}
	return "unknown promotion"
}
