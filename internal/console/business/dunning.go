package business

import (
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

// episodes has one row a month. A month is not yet due while one of its episodes is open.
const episodes = `
    SELECT month, countIf(outcome = 'open') > 0 AS immature, count() AS episodes,
        countIf(outcome = 'recovered') AS recovered, countIf(outcome = 'lost') AS lost, countIf(outcome = 'plan_change') AS plan_change, countIf(outcome = 'open') AS open,
        countIf(outcome = 'recovered' AND hours <= 7 * 24) AS within_7_days, countIf(outcome = 'recovered' AND hours <= 14 * 24) AS within_14_days,
        countIf(outcome = 'recovered' AND hours <= 30 * 24) AS within_30_days,
        sum(mrr) AS mrr_at_start, sumIf(mrr, outcome = 'recovered') AS mrr_recovered, sumIf(mrr, outcome = 'lost') AS mrr_lost, sumIf(mrr, outcome = 'open') AS mrr_open
    FROM dunning_episodes
    WHERE ` + inCurrency + ` AND `

func dunning() page.PanelPage {
	perMonth := episodes + inMonths("month") + `
    GROUP BY month`
	byMonth := figures.Query{SQL: `
SELECT month, if(immature, '` + page.NotYetDue + `', 'due') AS state, episodes, recovered, lost, plan_change, open,
    within_7_days, within_14_days, within_30_days, if(immature, NULL, round(100 * within_30_days / episodes, 1)) AS recovery_percent,
    mrr_at_start, mrr_recovered, mrr_lost, mrr_open
FROM
(` + perMonth + `
)
` + everyMonth + ` INTERPOLATE (state AS 'due')`}
	return page.PanelPage{
		Title: "Failed payments", Usual: usualMonths, Spans: monthSpans,
		About:   "An episode is one stay of a subscription in fail_and_retry, by the month of its first failed payment. A charge or a resume recovers it. Any end but a plan change loses it. What is paid after the end is a win-back.",
		Choices: []page.Choice{currency()},
		Panels: []page.Panel{
			{
				ID: "funnel", Title: "From the failed payment to recovery", Sources: []string{"dunning_episodes"},
				About: "Recovered within N days means at most N × 24 hours after the first failure. A month is not yet due while one of its episodes is open. Percentages are of months that are due." + perCurrency,
				Draw:  page.Funnel{Step: "step", Due: "due", NotYetDue: "not_yet_due"},
				Query: figures.Query{SQL: `
SELECT one.1 AS step, one.2 AS due, one.3 - one.2 AS not_yet_due
FROM
(
    SELECT
        [sumIf(episodes, NOT immature), sumIf(within_7_days, NOT immature), sumIf(within_14_days, NOT immature), sumIf(within_30_days, NOT immature),
            sumIf(recovered, NOT immature), sumIf(lost, NOT immature), sumIf(plan_change, NOT immature), sumIf(open, NOT immature)] AS of_due_months,
        [sum(episodes), sum(within_7_days), sum(within_14_days), sum(within_30_days), sum(recovered), sum(lost), sum(plan_change), sum(open)] AS of_all_months
    FROM
    (` + perMonth + `
    )
    HAVING count() > 0
)
ARRAY JOIN arrayZip(['payment failed', 'recovered within 7 days', 'recovered within 14 days', 'recovered within 30 days', 'recovered at all', 'lost', 'ended by plan change', 'open'], of_due_months, of_all_months) AS one`},
				Empty: "No payment failed in this time.",
			},
			{
				ID: "months", Title: "Episodes by month and outcome", Sources: []string{"dunning_episodes"},
				About: "Months that are not yet due are hatched. The recovery rate counts recoveries within 30 days." + perCurrency,
				Draw:  page.Stacked{X: "month", Up: []string{"recovered", "lost", "plan_change", "open"}, Immature: "state"},
				Query: byMonth,
				Empty: "No payment failed in this time.",
			},
			{
				ID: "rate", Title: "Recovery rate within 30 days", Sources: []string{"dunning_episodes"},
				About: "Recovered within 30 days ÷ episodes, in percent. Months that are not yet due have no rate." + perCurrency,
				Draw:  page.Stacked{X: "month", Up: []string{"recovery_percent"}, Immature: "state"},
				Query: byMonth,
				Empty: "No payment failed in this time.",
			},
			{
				ID: "mrr", Title: "MRR of failed payments by outcome", Sources: []string{"dunning_episodes"},
				About: "MRR at the start of each episode." + perCurrency,
				Draw:  page.Stacked{X: "month", Up: []string{"mrr_recovered", "mrr_lost", "mrr_open"}, Immature: "state"},
				Query: byMonth,
				Empty: "No payment failed in this time.",
			},
		},
	}
}
