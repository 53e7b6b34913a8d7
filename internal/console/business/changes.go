package business

import (
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

func planChanges() page.PanelPage {
	byMonth := figures.Query{SQL: `
SELECT month,
    countIf(outcome = 'effective' AND direction = 'upgrade') AS upgrades, countIf(outcome = 'effective' AND direction = 'downgrade') AS downgrades,
    countIf(outcome = 'pending') AS pending, countIf(outcome = 'void') AS void,
    sumIf(mrr_after - mrr_before, outcome = 'effective' AND direction = 'upgrade' AND currency_after = currency) AS upgrade_mrr,
    sumIf(mrr_after - mrr_before, outcome = 'effective' AND direction = 'downgrade' AND currency_after = currency) AS downgrade_mrr,
    ` + isProgress + `
FROM subscription_changes
WHERE counts AND ` + inCurrency + ` AND ` + inMonths("month") + `
GROUP BY month
` + everyMonth}
	return page.PanelPage{
		Title: "Plan changes", Usual: usualMonths, Spans: monthSpans,
		About:   "Upgrades and downgrades of live subscriptions, by the month of their announcement. The direction is what the event says, not the sign of the difference.",
		Choices: []page.Choice{currency()},
		Panels: []page.Panel{
			{
				ID: "months", Title: "Plan changes by month", Sources: []string{"subscription_changes"},
				About: "Pending has not taken effect yet. Void was replaced by another change, or the subscription ended otherwise." + perCurrency,
				Draw:  page.Stacked{X: "month", Up: []string{"upgrades", "downgrades", "pending", "void"}, Immature: progress, Waiting: progressMeans},
				Query: byMonth,
				Empty: "No plan change was announced in this time.",
			},
			{
				ID: "mrr", Title: "Change of MRR by plan changes", Sources: []string{"subscription_changes"},
				About: "MRR after − MRR before of the effective changes. A change in place has an MRR after from its next renewal on. A change to another currency is left out, and empty means that no MRR after is known." + perCurrency,
				Draw:  page.Stacked{X: "month", Up: []string{"upgrade_mrr", "downgrade_mrr"}, Immature: progress, Waiting: progressMeans},
				Query: byMonth,
				Empty: "No plan change was announced in this time.",
			},
		},
	}
}
