package business

import (
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

// by selects the column by which revenue is divided.
func by() page.Choice {
	return page.Choice{Name: "by", Label: "Divided by", Options: figures.Query{Keep: optionsKeep, SQL: `
SELECT value
FROM values('value String', ('term'), ('resource'), ('country'), ('experience'))`}}
}

// part is the value of the selected column.
const part = `multiIf({by:String} = 'resource', resource_name, {by:String} = 'country', country, {by:String} = 'experience', experience_name, term_name)`

// term selects one term. The empty value is all, so the others have a sign in front.
func term() page.Choice {
	return page.Choice{Name: "term", Label: "Term", Options: figures.Query{Keep: optionsKeep, SQL: `
SELECT value, label
FROM
(
    SELECT '' AS value, 'all terms' AS label, 1 AS first, 0 AS payments
    UNION ALL
    SELECT concat('=', term_name), if(term_name = '', '(not known)', leftUTF8(term_name, 40)), 0, sum(charge_count)
    FROM revenue_by_month
    GROUP BY term_name
)
ORDER BY first DESC, payments DESC, label
LIMIT 200`}}
}

const inTerm = `({term:String} = '' OR concat('=', term_name) = {term:String})`

func revenue() page.PanelPage {
	where := inCurrency + ` AND ` + inTerm + ` AND ` + inMonths("month")
	return page.PanelPage{
		Title: "Revenue", Usual: usualMonths, Spans: monthSpans,
		About:   "Money by the month of its event: what was charged and refunded, not revenue recognised over a period. Term, resource, country and experience are the latest known at the event.",
		Choices: []page.Choice{currency(), by(), term()},
		Panels: []page.Panel{
			{
				ID: "months", Title: "Charges and refunds by month", Sources: []string{"revenue_by_month"},
				About: "Charges are the sum of positive values; a charge on two events of one instant counts once. Refunds are the sum of negative values. Failed payments count nowhere." + perCurrency,
				Draw:  page.Stacked{X: "month", Up: []string{"charges", "refunds"}, Immature: progress, Waiting: progressMeans},
				Query: figures.Query{SQL: `
SELECT month, sum(r.charges) AS charges, sum(r.refunds) AS refunds, charges + refunds AS net, sum(r.charge_count) AS charge_count, sum(r.refund_count) AS refund_count,
    ` + isProgress + `
FROM revenue_by_month AS r
WHERE ` + where + `
GROUP BY month
` + everyMonth},
			},
			{
				ID: "parts", Title: "Charges by month and part", Sources: []string{"revenue_by_month"},
				About: "The six parts with the most charges in this time, and all others together." + perCurrency,
				Draw:  page.Stacked{X: "month", Part: "part", Rank: "rank", Value: "charges", Immature: progress, Waiting: progressMeans},
				Query: figures.Query{SQL: `
WITH ranked AS
(
    SELECT ` + part + ` AS part, sum(charges) AS charged
    FROM revenue_by_month
    WHERE ` + where + `
    GROUP BY part
    ORDER BY charged DESC, part
    LIMIT 6
)
SELECT month, if(place = 0, 7, place) AS rank, if(place = 0, '(all others)', name) AS part, sum(r.charges) AS charges, sum(r.refunds) AS refunds, sum(r.charge_count) AS charge_count,
    ` + isProgress + `
FROM
(
    SELECT month, ` + part + ` AS name, indexOf((SELECT groupArray(part) FROM ranked), name) AS place, charges, refunds, charge_count
    FROM revenue_by_month
    WHERE ` + where + `
) AS r
GROUP BY month, rank, part
ORDER BY month, rank`},
			},
			{
				ID: "whole", Title: "Charges and refunds by part", Sources: []string{"revenue_by_month"},
				About: "All months of this time together. The drawing has the first 20 parts, the table 1,000." + perCurrency,
				Draw:  page.Ranking{Label: "part", Series: []string{"charges"}},
				Query: figures.Query{SQL: `
SELECT ` + part + ` AS part, sum(r.charges) AS charges, sum(r.refunds) AS refunds, charges + refunds AS net, sum(r.charge_count) AS charge_count, sum(r.refund_count) AS refund_count
FROM revenue_by_month AS r
WHERE ` + where + `
GROUP BY part
ORDER BY charges DESC, part
LIMIT 1000`},
			},
		},
	}
}
