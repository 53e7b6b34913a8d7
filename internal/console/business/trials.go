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
		About:   "Trials by the month of their start. A trial is converted by the first charge after it, also of the subscription that took over by a plan change. A cohort is not yet due while one of its trials is open and less than 30 days past its end.",
		Choices: []page.Choice{currency()},
		Panels: []page.Panel{
			{
				ID: "funnel", Title: "From the trial to the first charge", Sources: []string{"trials_by_month"},
				About: "All cohorts of this time. Percentages are of cohorts that are due." + perCurrency,
				Draw:  page.Funnel{Step: "step", Due: "due", NotYetDue: "not_yet_due"},
				Query: figures.Query{SQL: `
SELECT one.1 AS step, one.2 AS due, one.3 AS not_yet_due
FROM
(
    SELECT sumIf(trials, NOT immature) AS trials_due, sumIf(trials, immature) AS trials_later, sumIf(converted, NOT immature) AS converted_due, sumIf(converted, immature) AS converted_later,
        sumIf(lapsed, NOT immature) AS lapsed_due, sumIf(lapsed, immature) AS lapsed_later, sumIf(open, NOT immature) AS open_due, sumIf(open, immature) AS open_later
    FROM trials_by_month
    WHERE ` + inCurrency + ` AND ` + inMonths("cohort") + `
    HAVING trials_due + trials_later > 0
)
ARRAY JOIN
[
    ('trials started', trials_due, trials_later), ('converted', converted_due, converted_later),
    ('lapsed without a charge', lapsed_due, lapsed_later), ('open', open_due, open_later)
] AS one`},
				Empty: "No trial started in this time.",
			},
			{
				ID: "cohorts", Title: "Trials by cohort", Sources: []string{"trials_by_month"},
				About: "What became of the trials that started in each month. Cohorts that are not yet due are hatched." + perCurrency,
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
