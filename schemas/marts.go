package schemas

import "slices"

// Marts are the tables of metrics. The refreshable view that computes one has its name
// followed by RefreshSuffix.
func Marts() []string {
	return []string{
		"mrr_movements", "subscription_ends", "dunning_episodes", "customer_retention", "subscription_day_changes", "revenue_by_month",
		"subscription_changes", "subscription_trials", "subscriptions_at_risk", "promo_codes", MonthClosings,
	}
}

// MonthClosings is the mart that its view appends to. The others are replaced as a whole.
const MonthClosings = "month_closings"

// Marts are those of the package, for the migrations.
func (clauses) Marts() []string { return Marts() }

// RefreshSuffix follows the name of a mart in the name of its refreshable view.
const RefreshSuffix = "_refresh"

// MartViews are the views of metrics. They read marts.
func MartViews() []string {
	return []string{"mrr_by_month", "customers_by_month", "subscriptions_by_day", "trials_by_month", "freshness"}
}

// IsMart reports whether a table or view is a mart.
func IsMart(name string) bool {
	return slices.Contains(Marts(), name) || slices.Contains(MartViews(), name)
}
