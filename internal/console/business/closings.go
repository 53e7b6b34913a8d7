package business

import (
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

// figure selects a figure that is stated for complete months.
func figure() page.Choice {
	return page.Choice{Name: "figure", Label: "Figure", Options: figures.Query{Keep: optionsKeep, SQL: `
SELECT metric, replaceAll(toString(metric), '_', ' ') AS label
FROM month_closings
GROUP BY metric
ORDER BY metric != 'closing_mrr', metric`}}
}

// ofFigure selects the figure. Customers are counted over all currencies.
const ofFigure = `metric = {figure:String} AND currency = if(startsWith({figure:String}, 'customers_'), '', {currency:String})`

func closings() page.PanelPage {
	return page.PanelPage{
		Title: "Month closings", Usual: usualMonths, Spans: monthSpans,
		About:   "The figures of complete months as they were stated. A row is added when a month closes, and again when a late event or a correction changes the figure. Figures of customers are over all currencies.",
		Choices: []page.Choice{currency(), figure()},
		Panels: []page.Panel{
			{
				ID: "stated", Title: "First and latest statement by month", Sources: []string{"month_closings"},
				About: "The figure as it was first stated and as it is stated now. The column times says how often it was stated.",
				Draw:  page.Stacked{X: "month", Up: []string{"latest"}},
				Query: figures.Query{SQL: `
SELECT month, argMin(tuple(value), c.as_of).1 AS first, argMax(tuple(value), c.as_of).1 AS latest, latest - first AS difference, count() AS times,
    min(c.as_of) AS first_stated_at, max(c.as_of) AS latest_stated_at
FROM month_closings AS c
WHERE ` + ofFigure + ` AND ` + inMonths("month") + `
GROUP BY month
ORDER BY month`},
				Empty: "No month has been closed in this time.",
			},
			{
				ID: "restatements", Title: "Restatements", Sources: []string{"month_closings"}, Wide: true,
				About: "Each change of the figure after its month was closed, the newest first. An empty value means that the figure was gone.",
				Query: figures.Query{SQL: `
SELECT as_of AS stated_at, month, before.1 AS before, value AS after, after - before AS difference
FROM
(
    SELECT as_of, month, value,
        lagInFrame(tuple(value)) OVER earlier AS before,
        row_number() OVER earlier AS place
    FROM month_closings
    WHERE ` + ofFigure + ` AND ` + inMonths("month") + `
    WINDOW earlier AS (PARTITION BY month ORDER BY as_of)
)
WHERE place > 1
ORDER BY stated_at DESC, month
LIMIT 500`},
				Empty: "Nothing has been restated.",
			},
		},
	}
}
