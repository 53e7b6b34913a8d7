package business

import (
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

// reading selects one of the two readings of a return.
func reading() page.Choice {
	return page.Choice{Name: "reading", Label: "Customers who count", Options: figures.Query{Keep: optionsKeep, SQL: `
SELECT value, label
FROM values('value String, label String', ('active', 'with revenue at the month end'), ('unbroken', 'with revenue at every month end since'))`}}
}

func retention() page.PanelPage {
	return page.PanelPage{
		Title: "Retention", Usual: usualMonths, Spans: monthSpans,
		About:   "Customers by the month in which their MRR first rose above zero, over all currencies: a customer belongs to one cohort. Discovered customers, who began before the stream, belong to none.",
		Choices: []page.Choice{reading()},
		Panels: []page.Panel{
			{
				ID: "triangle", Title: "Retention by cohort", Sources: []string{"customer_retention"},
				About: "Percent of the cohort with revenue at the end of each month. The month in progress is not yet due.",
				Draw:  page.Triangle{Cohort: "cohort", Age: "age", Size: "customers", Percent: "percent", Immature: "state"},
				Query: figures.Query{SQL: `
SELECT cohort, month, age, customers, active, unbroken, round(100 * if({reading:String} = 'unbroken', unbroken, active) / nullIf(customers, 0), 1) AS percent,
    if(immature, '` + page.NotYetDue + `', 'due') AS state
FROM customer_retention
WHERE ` + inMonths("cohort") + `
ORDER BY cohort, age`},
				Empty: "No customer has had revenue in this time.",
			},
			{
				ID: "curve", Title: "Retention by age, all cohorts together", Sources: []string{"customer_retention"},
				About: "For each age, the customers that are left ÷ the customers of all cohorts that have reached it. Older ages have fewer cohorts. Months in progress are left out.",
				Draw:  page.Stacked{X: "age", Up: []string{"percent"}},
				Query: figures.Query{SQL: `
SELECT age, count() AS cohorts, sum(c.customers) AS customers, sum(c.active) AS active, sum(c.unbroken) AS unbroken,
    round(100 * if({reading:String} = 'unbroken', unbroken, active) / customers, 1) AS percent
FROM customer_retention AS c
WHERE NOT immature AND c.customers > 0 AND ` + inMonths("cohort") + `
GROUP BY age
ORDER BY age`},
			},
		},
	}
}
