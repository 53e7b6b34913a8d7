package business

import (
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

func atRisk() page.PanelPage {
	reasons := figures.Query{SQL: `
SELECT one.1 AS reason, one.2 AS subscriptions, one.3 AS mrr
FROM
(
    SELECT
        count() AS all, sum(mrr) AS all_mrr,
        countIf(autorenew_off) AS off, sumIf(mrr, autorenew_off) AS off_mrr,
        countIf(failing) AS failed, sumIf(mrr, failing) AS failed_mrr,
        countIf(overdue) AS late, sumIf(mrr, overdue) AS late_mrr,
        countIf(in_trial) AS trials, sumIf(mrr, in_trial) AS trials_mrr
    FROM subscriptions_at_risk
    WHERE ` + inCurrency + `
    HAVING all > 0
)
ARRAY JOIN
[
    ('any reason', all, all_mrr), ('auto-renew off', off, off_mrr), ('payment failing', failed, failed_mrr),
    ('overdue by seven days', late, late_mrr), ('in trial', trials, trials_mrr)
] AS one`}
	return page.PanelPage{
		Title:   "At risk",
		About:   "Live subscriptions of terms that count, with a sign that they may end. These are counts: no page names a subscriber. A subscription with two reasons counts in both.",
		Choices: []page.Choice{currency()},
		Panels: []page.Panel{
			{
				ID: "reasons", Title: "Subscriptions at risk by reason", Sources: []string{"subscriptions_at_risk"},
				About: "Every trial is here, since each of them may lapse." + perCurrency,
				Draw:  page.Ranking{Label: "reason", Series: []string{"subscriptions"}},
				Query: reasons,
				Empty: "No subscription is at risk.",
			},
			{
				ID: "mrr", Title: "MRR at risk by reason", Sources: []string{"subscriptions_at_risk"},
				About: "MRR of these subscriptions. It is zero in a trial." + perCurrency,
				Draw:  page.Ranking{Label: "reason", Series: []string{"mrr"}},
				Query: reasons,
				Empty: "No subscription is at risk.",
			},
			{
				ID: "when", Title: "When they end", Sources: []string{"subscriptions_at_risk"},
				About: "Subscriptions with auto-renew off, by the end of their period. Trials, by their own end: a trial with auto-renew off is a trial here." + perCurrency,
				Draw:  page.Ranking{Label: "end", Series: []string{"autorenew_off", "trials"}},
				Query: figures.Query{SQL: `
SELECT multiIf(isNull(ends_at), 'not known', days < 0, 'already past', days < 7, 'within 7 days', days < 30, 'in 8 to 30 days', 'later') AS end,
    countIf(NOT in_trial) AS autorenew_off, countIf(in_trial) AS trials, sum(mrr) AS mrr
FROM
(
    SELECT in_trial, mrr, if(in_trial, trial_ends_at, current_period_ends_at) AS ends_at, dateDiff('second', as_of, ends_at) / 86400 AS days
    FROM subscriptions_at_risk
    WHERE ` + inCurrency + ` AND (autorenew_off OR in_trial)
)
GROUP BY end
ORDER BY indexOf(['already past', 'within 7 days', 'in 8 to 30 days', 'later', 'not known'], end)`},
				Empty: "No subscription has auto-renew off or is in a trial.",
			},
		},
	}
}
