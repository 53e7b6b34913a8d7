package business

import (
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

// monthly has the movements of each month; several panels show it.
var monthly = figures.Query{SQL: `
SELECT month, opening_mrr, new_mrr, discovered_mrr, reactivation_mrr, expansion_mrr, contraction_mrr, churned_mrr, closing_mrr, overdue_mrr,
    opening_customers, new_customers, discovered_customers, reactivated_customers, expanded_customers, contracted_customers, churned_customers, closing_customers,
    NOT complete AS in_progress
FROM mrr_by_month
WHERE ` + inCurrency + ` AND ` + inMonths("month") + `
ORDER BY month`}

// relative has the ratios of each month; two panels show it.
var relative = figures.Query{SQL: `
SELECT month, opening_mrr,
    if(complete AND opening_mrr > 0, round(100 * toFloat64(opening_mrr + expansion_mrr - contraction_mrr - churned_mrr) / toFloat64(opening_mrr), 2), NULL) AS net_percent,
    if(complete AND opening_mrr > 0, round(100 * toFloat64(opening_mrr - contraction_mrr - churned_mrr) / toFloat64(opening_mrr), 2), NULL) AS gross_percent,
    closing_customers, arpu, ltv, NOT complete AS in_progress
FROM mrr_by_month
WHERE ` + inCurrency + ` AND ` + inMonths("month") + `
ORDER BY month`}

// total adds up the movements. A closing of mrr_by_month is the sum of all until then.
func total(figure string) figures.Query {
	return figures.Query{SQL: `
WITH (SELECT max(as_of) FROM mrr_movements) AS figures_as_of
SELECT ` + figure + `, concat('at ', formatDateTime(figures_as_of, '%Y-%m-%d %H:%i'), ' UTC')
FROM mrr_movements AS m
WHERE ` + inCurrency + `
HAVING count() > 0`}
}

const (
	netMRR    = `if(m.kind IN ('contraction', 'churn'), -m.amount, m.amount)`
	thisMonth = `m.month = (SELECT max(day) FROM analytics_calendar FINAL WHERE toDayOfMonth(day) = 1 AND starts_at < figures_as_of)`
)

func recurring() page.PanelPage {
	return page.PanelPage{
		Title: "Recurring revenue", Usual: usualMonths, Spans: monthSpans,
		About:   "Monthly recurring revenue (MRR): the monthly price of the live subscriptions that count. It is zero in a trial, refunds never change it, and a failing subscription counts until it expires.",
		Choices: []page.Choice{currency()},
		Tiles: []page.Tile{
			{Label: "MRR", Query: total("round(sum(" + netMRR + "), 2)")},
			{Label: "customers with MRR", Query: total("sum(toInt64(m.entered)) - sum(toInt64(m.left))"), Link: "/business/subscribers"},
			{Label: "change of MRR this month", Query: total("round(sumIf(" + netMRR + ", " + thisMonth + "), 2)")},
		},
		Panels: []page.Panel{
			{
				ID: "waterfall", Title: "How the revenue changed", Sources: []string{"mrr_by_month"},
				About: "From the beginning of the first month to the end of the last one. Movements are net changes of a customer between two month ends, added up over the months." + perCurrency,
				Draw:  page.Waterfall{Step: "step", Amount: "amount", Level: "is_level"},
				Query: figures.Query{SQL: `
SELECT one.1 AS step, one.2 AS amount, one.3 AS is_level
FROM
(
    SELECT min(month) AS first, max(month) AS last, argMin(opening_mrr, month) AS opening, argMax(closing_mrr, month) AS closing,
        sum(new_mrr) AS new, sum(discovered_mrr) AS discovered, sum(reactivation_mrr) AS reactivation,
        sum(expansion_mrr) AS expansion, sum(contraction_mrr) AS contraction,
        sum(churned_voluntary_mrr) AS voluntary, sum(churned_involuntary_mrr) AS involuntary, sum(churned_unknown_mrr) AS unknown
    FROM mrr_by_month
    WHERE ` + inCurrency + ` AND ` + inMonths("month") + `
    HAVING count() > 0
)
ARRAY JOIN
[
    (concat('opening of ', formatDateTime(first, '%Y-%m')), opening, true),
    ('new', new, false), ('discovered', discovered, false), ('reactivation', reactivation, false), ('expansion', expansion, false),
    ('contraction', -contraction, false),
    ('churn, voluntary', -voluntary, false), ('churn, involuntary', -involuntary, false), ('churn, unknown', -unknown, false),
    (concat('closing of ', formatDateTime(last, '%Y-%m')), closing, true)
] AS one`},
			},
			{
				ID: "mrr", Title: "MRR at month ends", Sources: []string{"mrr_by_month"},
				About: "The closing of each month; of the month in progress, MRR now." + perCurrency,
				Draw:  page.Stacked{X: "month", Up: []string{"closing_mrr"}, Immature: progress, Waiting: progressMeans},
				Query: monthly,
			},
			{
				ID: "movements", Title: "Movements by month", Sources: []string{"mrr_by_month"},
				About: "Opening + new + discovered + reactivation + expansion − contraction − churned = closing. Discovered is revenue of customers who began before the stream." + perCurrency,
				Draw: page.Stacked{X: "month", Up: []string{"new_mrr", "discovered_mrr", "reactivation_mrr", "expansion_mrr"}, Down: []string{"contraction_mrr", "churned_mrr"},
					Immature: progress, Waiting: progressMeans},
				Query: monthly,
			},
			{
				ID: "kept", Title: "Share of the opening revenue that is left", Sources: []string{"mrr_by_month"},
				About: "Percent at the end of each complete month. Net counts expansion, gross does not. New and returning customers are in neither." + perCurrency,
				Draw:  page.Lines{X: "month", Series: []string{"net_percent", "gross_percent"}},
				Query: relative,
			},
			{
				ID: "value", Title: "MRR and lifetime value of a customer", Sources: []string{"mrr_by_month"},
				About: "ARPU is closing MRR ÷ customers with MRR. LTV is ARPU ÷ the mean churn rate of the last three complete months; it is empty without churn." + perCurrency,
				Draw:  page.Lines{X: "month", Series: []string{"arpu"}},
				Query: relative,
			},
		},
	}
}
