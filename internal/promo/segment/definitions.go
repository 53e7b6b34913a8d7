package segment

import _ "embed"

//go:embed full_price.sql
var fullPriceSQL string

// Definition is a named rule.
type Definition struct {
	Name       string      `json:"name"`
	Text       string      `json:"text"`
	Parameters []Parameter `json:"parameters"` // with those of every definition

	// where is a condition on s, a visible subscription, and p, the facts of its user.
	// query.go has their columns. A user is in the segment with at least one such row.
	where string
	// needsCodes: it is wrong as long as nobody has read who redeemed a code.
	needsCodes bool
}

func days(text, standard string, least int) Parameter {
	return Parameter{Name: "days", Type: Integer, Min: least, Max: 3650, Default: standard, Text: text}
}

// lastEnd is the condition of people without a live subscription, whose last one ended
// within days.
const lastEnd = "p.live = 0 AND s.closed AND s.ended_at = p.last_end AND s.ended_at >= at - toIntervalDay({days:UInt32}) AND s.end_reason != 'plan_change'"

// Definitions are all definitions, in the order of the documentation.
func Definitions() []Definition {
	own := []Definition{
		{
			Name: "never_redeemed", Text: "Eligible for a promo code: no live subscription, the last one ended within the days, and no subscription of the user was ever paid with a code.",
			Parameters: []Parameter{days("days since the end of the last subscription", "730", 1)},
			where:      lastEnd + " AND NOT p.redeemed", needsCodes: true,
		},
		{
			Name: "ended", Text: "No live subscription, and the last one ended within the days, for any reason.",
			Parameters: []Parameter{days("days since the end of the last subscription", "30", 1)},
			where:      lastEnd,
		},
		{
			Name: "voluntary_churn", Text: "No live subscription, and the last one ended within the days because it was cancelled or auto-renew was off. It had been paid.",
			Parameters: []Parameter{days("days since the end of the last subscription", "30", 1)},
			where:      lastEnd + " AND s.end_reason IN ('cancelled', 'auto_renew_off') AND s.paid",
		},
		{
			Name: "involuntary_churn", Text: "No live subscription, and the last one ended within the days after failed payments.",
			Parameters: []Parameter{days("days since the end of the last subscription", "30", 1)},
			where:      lastEnd + " AND s.end_reason = 'payment_failed'",
		},
		{
			Name: "trial_not_converted", Text: "No live subscription, and the last one ended within the days after a trial without a charge.",
			Parameters: []Parameter{days("days since the end of the trial", "30", 1)},
			where:      lastEnd + " AND s.end_reason = 'trial_not_converted'",
		},
		{
			Name: "payment_failing", Text: "A live subscription whose payment fails and is tried again.",
			Parameters: []Parameter{{Name: "failures", Type: Integer, Min: 1, Max: 50, Default: "1", Text: "failed payments at least"}},
			where:      "s.live AND s.status = 'fail_and_retry' AND s.failed_payments >= {failures:UInt32}",
		},
		{
			Name: "trial_ending", Text: "In a trial that ends within the days.",
			Parameters: []Parameter{days("days until the end of the trial", "7", 0)},
			where:      "s.live AND s.in_trial AND s.trial_ends_at >= at AND s.trial_ends_at <= at + toIntervalDay({days:UInt32})",
		},
		{
			Name: "autorenew_off", Text: "A live subscription with auto-renew off, whose period ends within the days.",
			Parameters: []Parameter{days("days until the end of the period", "30", 0)},
			where:      "s.live AND s.autorenew = false AND s.current_period_ends_at >= at AND s.current_period_ends_at <= at + toIntervalDay({days:UInt32})",
		},
		{
			Name: "at_risk", Text: "A live subscription with auto-renew off, a failing payment, or past its period by seven days.",
			where: "s.live AND (s.autorenew = false OR s.status = 'fail_and_retry' OR s.overdue)",
		},
		{
			Name: "full_price", Text: "A live subscription that has been charged the list price or more at every charge of the last months, and at the last charge before them.",
			Parameters: []Parameter{{Name: "months", Type: Integer, Min: 1, Max: 120, Default: "12", Text: "months at the full price at least"}},
			where:      fullPriceSQL,
		},
		{
			Name: "discounted", Text: "A live subscription whose last charge was below the list price: the step-up is still to come.",
			where: "s.live AND NOT s.in_trial AND notEmpty(s.charges) AND s.charges[-1].2 < s.regular_price",
		},
		{
			Name: "redeemed_code", Text: "A subscription that was paid with this promo code, live or not.",
			Parameters: []Parameter{{Name: "code", Type: Text, Required: true, Text: "text of the promo code, in any case"}},
			where:      "s.redeemed AND has(s.codes, upperUTF8({code:String}))", needsCodes: true,
		},
	}
	for i := range own {
		own[i].Parameters = append(own[i].Parameters, filters()...)
	}
	return own
}

// find returns a definition by its name.
func find(name string) (Definition, bool) {
	for _, d := range Definitions() {
		if d.Name == name {
			return d, true
		}
	}
	return Definition{}, false
}
