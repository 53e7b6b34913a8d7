package business

import (
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

// customerChurn has the customers of all currencies; two panels show it.
var customerChurn = figures.Query{SQL: `
SELECT month, opening, churned, churned_voluntary, churned_involuntary, churned_unknown, round(100 * churn_rate, 2) AS churn_percent, NOT complete AS in_progress
FROM customers_by_month
WHERE ` + inMonths("month") + `
ORDER BY month`}

func churn() page.PanelPage {
	return page.PanelPage{
		Title: "Churn", Usual: usualMonths, Spans: monthSpans,
		About:   "Voluntary: cancelled, or expired with auto-renew off. Involuntary: expired after a failed payment. Unknown: everything else, never voluntary by default.",
		Choices: []page.Choice{currency()},
		Panels: []page.Panel{
			{
				ID: "mrr", Title: "Churned MRR by kind", Sources: []string{"mrr_by_month"},
				About: "MRR of customers without MRR at the month end. The kind is that of the customer's last end of the month which had MRR." + perCurrency,
				Draw:  page.Stacked{X: "month", Up: []string{"voluntary", "involuntary", "unknown"}, Immature: progress, Waiting: progressMeans},
				Query: figures.Query{SQL: `
SELECT month, churned_mrr, churned_voluntary_mrr AS voluntary, churned_involuntary_mrr AS involuntary, churned_unknown_mrr AS unknown, NOT complete AS in_progress
FROM mrr_by_month
WHERE ` + inCurrency + ` AND ` + inMonths("month") + `
ORDER BY month`},
			},
			{
				ID: "customers", Title: "Churned customers by kind", Sources: []string{"customers_by_month"},
				About: "Customers with MRR at the beginning of the month and none at its end, over all currencies. The end of a trial that never paid is not churn.",
				Draw:  page.Stacked{X: "month", Up: []string{"churned_voluntary", "churned_involuntary", "churned_unknown"}, Immature: progress, Waiting: progressMeans},
				Query: customerChurn,
			},
			{
				ID: "rate", Title: "Customer churn rate", Sources: []string{"customers_by_month"},
				About: "Churned customers ÷ customers with MRR at the opening, in percent, over all currencies. The month in progress still grows.",
				Draw:  page.Stacked{X: "month", Up: []string{"churn_percent"}, Immature: progress, Waiting: progressMeans},
				Query: customerChurn,
			},
			{
				ID: "ends", Title: "Ends of subscriptions by kind", Sources: []string{"subscription_ends"},
				About: "Each end of a subscription that was paid before. A customer with another subscription is here and not above. The table also has trials that lapsed and plan changes." + perCurrency,
				Draw:  page.Stacked{X: "month", Up: []string{"voluntary", "involuntary", "unknown"}, Immature: progress, Waiting: progressMeans},
				Query: figures.Query{SQL: `
SELECT month, countIf(kind = 'voluntary' AND paid) AS voluntary, countIf(kind = 'involuntary' AND paid) AS involuntary, countIf(kind = 'unknown' AND paid) AS unknown,
    countIf(kind NOT IN ('trial', 'plan_change') AND NOT paid) AS never_paid, countIf(kind = 'trial') AS trials, countIf(kind = 'plan_change') AS plan_changes,
    sumIf(mrr_before, kind NOT IN ('trial', 'plan_change')) AS mrr_before,
    ` + isProgress + `
FROM subscription_ends
WHERE ` + inCurrency + ` AND ` + inMonths("month") + `
GROUP BY month
` + everyMonth},
			},
			{
				ID: "returns", Title: "Win-backs by kind of the end", Sources: []string{"subscription_ends"},
				About: "Paid ends that left the customer no live subscription, and how many of these customers have MRR again. There is no time limit, so recent ends may still return." + perCurrency,
				Draw:  page.Ranking{Label: "kind", Series: []string{"won_back", "not_returned"}},
				Query: figures.Query{SQL: `
SELECT kind, count() AS ends, countIf(won_back_at IS NOT NULL) AS won_back, countIf(won_back_at IS NULL) AS not_returned,
    round(100 * won_back / ends, 1) AS won_back_percent, quantileExactIf(0.5)(won_back_days, won_back_at IS NOT NULL) AS median_days
FROM subscription_ends
WHERE paid AND left_none AND kind != 'plan_change' AND ` + inCurrency + ` AND ` + inMonths("month") + `
GROUP BY kind
ORDER BY ends DESC, kind`},
			},
		},
	}
}
