package business

import (
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

// trialCohorts has one row a month; two panels show it.
var trialCohorts = figures.Query{SQL: `
SELECT cohort, if(immature, '` + page.NotYetDue + `', 'due') AS state, trials, converted, lapsed, open, round(100 * conversion_rate, 1) AS conversion_percent
FROM trials_by_month
WHERE ` + inCurrency + ` AND ` + inMonths("cohort") + `
ORDER BY cohort`}

func trials() page.PanelPage {
	return page.PanelPage{
		Title: "Trials", Usual: usualMonths, Spans: monthSpans,
		About:   "Trials by the month of their start. The first charge after a trial converts it. After a plan change that is a charge of the new subscription. A cohort is not yet due while one of its trials is open and less than 30 days past its end.",
		Choices: []page.Choice{currency()},
		Panels: []page.Panel{
			{
				ID: "funnel", Title: "From the trial to the first charge", Sources: []string{"subscription_trials"},
				About: "All cohorts of this time. Percentages are of cohorts that are due." + perCurrency,
				Draw:  page.Funnel{Step: "step", Due: "due", NotYetDue: "not_yet_due"},
				Query: figures.Query{SQL: `
SELECT one.1 AS step, one.2 AS due, one.3 AS not_yet_due
FROM
(
    SELECT sumIf(started, NOT waits) AS started_due, sumIf(started, waits) AS started_later, sumIf(charged, NOT waits) AS charged_due, sumIf(charged, waits) AS charged_later,
        sumIf(ended, NOT waits) AS ended_due, sumIf(ended, waits) AS ended_later, sumIf(still_open, NOT waits) AS open_due, sumIf(still_open, waits) AS open_later
    FROM
    (
        SELECT cohort, max(immature) AS waits, count() AS started, countIf(outcome = 'converted') AS charged, countIf(outcome = 'lapsed') AS ended, countIf(outcome = 'open') AS still_open
        FROM subscription_trials
        WHERE ` + inCurrency + ` AND ` + inMonths("cohort") + `
        GROUP BY cohort
    )
    HAVING count() > 0
)
ARRAY JOIN
[
    ('trials started', started_due, started_later), ('converted', charged_due, charged_later),
    ('lapsed without a charge', ended_due, ended_later), ('open', open_due, open_later)
] AS one`},
				Empty: "No trial started in this time.",
			},
			{
				ID: "cohorts", Title: "Trials by cohort", Sources: []string{"trials_by_month"},
				About: "The outcome of the trials that started in each month. Cohorts that are not yet due are hatched." + perCurrency,
				Draw:  page.Stacked{X: "cohort", Up: []string{"converted", "lapsed", "open"}, Immature: "state"},
				Query: trialCohorts,
			},
			{
				ID: "rate", Title: "Conversion rate by cohort", Sources: []string{"trials_by_month"},
				About: "Converted ÷ trials, in percent. Cohorts that are not yet due have no rate." + perCurrency,
				Draw:  page.Stacked{X: "cohort", Up: []string{"conversion_percent"}, Immature: "state"},
				Query: trialCohorts,
			},
		},
	}
}
