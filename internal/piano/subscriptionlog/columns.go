package subscriptionlog

import (
	"slices"
	"strings"
	"unicode"
)

// column is a known column. All others are dropped.
type column struct {
	name     string // as Piano writes it
	required bool
	set      func(r *reading, c *cell)
}

// reading is a row while it is parsed.
type reading struct {
	Row
	uid, email string // unchanged, for the filter only
}

const userColumn = "User ID (UID)"

// columns are all known columns.
var columns = slices.Concat(traits, others)

// TraitNames are the names of the thirty traits as Piano writes them, in the order of its
// log and of the fields of Traits.
func TraitNames() []string {
	names := make([]string, len(traits))
	for i, c := range traits {
		names[i] = c.name
	}
	return names
}

// traits are the thirty columns that customers sync. A snapshot would be wrong without the
// required ones: id and status are the row; without the user id internal users could not
// be filtered; without term type and start date, subscriptions that the stream never had
// would count as lost.
var traits = []column{
	{"Subscription ID", true, func(r *reading, c *cell) { r.SubscriptionID = c.id() }},
	{"Create date", false, func(r *reading, c *cell) { r.CreatedAt = c.instant() }},
	{"Start date", true, func(r *reading, c *cell) { r.StartedAt = c.instant() }},
	{"End date", false, func(r *reading, c *cell) { r.EndedAt = c.instant() }},
	{"Days subscribed", false, func(r *reading, c *cell) { r.DaysSubscribed = c.count() }},
	{"Subscription status", true, func(r *reading, c *cell) { r.SubscriptionStatus = c.present() }},
	{"Upgrade status", false, func(r *reading, c *cell) { r.UpgradeStatus = c.words() }},
	{"Trial status", false, func(r *reading, c *cell) { r.TrialStatus = c.words() }},
	{"Trial period end date", false, func(r *reading, c *cell) { r.TrialPeriodEndedAt = c.instant() }},
	{"Auto-renew", false, func(r *reading, c *cell) { r.AutoRenew = c.flag() }},
	{"Auto-renew disablement date", false, func(r *reading, c *cell) { r.AutoRenewDisabledAt = c.instant() }},
	{"Billing period", false, func(r *reading, c *cell) { r.BillingPeriod = c.words() }},
	{"Total charged", false, func(r *reading, c *cell) { r.TotalCharged = c.amount() }},
	{"Next billing date", false, func(r *reading, c *cell) { r.NextBilledAt = c.instant() }},
	{"Renewed", false, func(r *reading, c *cell) { r.Renewed = c.words() }},
	{"Currently in grace period", false, func(r *reading, c *cell) { r.InGracePeriod = c.flag() }},
	{"Grace period start date", false, func(r *reading, c *cell) { r.GracePeriodStartedAt = c.instant() }},
	{"Grace period extended to", false, func(r *reading, c *cell) { r.GracePeriodExtendedTo = c.instant() }},
	{userColumn, true, func(r *reading, c *cell) { r.uid, r.UserID = c.text, c.key() }},
	{"Access expiration date", false, func(r *reading, c *cell) { r.AccessExpiresAt = c.instant() }},
	{"Resource ID (RID)", false, func(r *reading, c *cell) { r.ResourceID = c.key() }},
	{"Resource name", false, func(r *reading, c *cell) { r.ResourceName = c.words() }},
	{"Term ID", false, func(r *reading, c *cell) { r.TermID = c.key() }},
	{"Term name", false, func(r *reading, c *cell) { r.TermName = c.words() }},
	{"Term type", true, func(r *reading, c *cell) { r.Traits.TermType = c.words() }},
	{"Template ID", false, func(r *reading, c *cell) { r.TemplateID = c.key() }},
	{"Template name", false, func(r *reading, c *cell) { r.TemplateName = c.words() }},
	{"Offer ID", false, func(r *reading, c *cell) { r.OfferID = c.key() }},
	{"Offer name", false, func(r *reading, c *cell) { r.OfferName = c.words() }},
	{"Promo code", false, func(r *reading, c *cell) { r.PromoCode = c.words() }},
}

// others are not traits.
var others = []column{
	{"Regular price", false, func(r *reading, c *cell) { r.RegularPrice = c.amount() }},
	{"Charge count", false, func(r *reading, c *cell) { r.ChargeCount = c.count() }},
	{"User email", false, func(r *reading, c *cell) { r.email = c.text }},
}

// sameName normalizes a column's name: its letters and digits, lower-cased.
func sameName(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// match finds the known columns of a header: one entry for each field, nil for unknown
// ones. line is the header's line.
func match(header []string, line int) ([]*column, error) {
	byName := make(map[string]*column, len(columns))
	for i := range columns {
		byName[sameName(columns[i].name)] = &columns[i]
	}
	found, matched := make(map[*column]bool, len(columns)), make([]*column, len(header))
	for i, name := range header {
		c := byName[sameName(name)]
		if c == nil {
			continue
		}
		if found[c] {
			return nil, &Error{Line: line, Column: c.name, cause: errTwice}
		}
		found[c], matched[i] = true, c
	}
	var missing []string
	for i := range columns {
		if c := &columns[i]; c.required && !found[c] {
			missing = append(missing, c.name)
		}
	}
	if len(missing) == 0 {
		return matched, nil
	}
	hint := "export the log with these columns, in English"
	if len(header) == 1 && strings.ContainsAny(header[0], ";\t|") {
		hint = "the fields of this file are not separated by commas; save it as it was exported"
	}
	return nil, &Error{Line: line, Hint: hint, cause: missingColumns(missing)}
}

type missingColumns []string

// Error names the columns.
func (m missingColumns) Error() string { return "columns are missing: " + strings.Join(m, ", ") }

// IsHeader reports whether names are the header of a subscription log: enough of the
// required columns that no other file has them.
func IsHeader(names []string) bool {
	var has int
	for _, name := range names {
		switch sameName(name) {
		case sameName("Subscription ID"), sameName("Subscription status"), sameName(userColumn):
			has++
		}
	}
	return has == 3
}
