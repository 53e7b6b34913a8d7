package business

import (
	"time"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

// monthSpans are the times of pages with months.
var monthSpans = []string{"3mo", "12mo", "36mo"}

// usualMonths shows the last twelve complete months and the one in progress.
const usualMonths = "12mo"

// inMonths is the condition that a month belongs to the time of the page. Months are local
// ones: their labels are compared, and a page until now has the month in progress.
func inMonths(column string) string {
	return column + ` >= toStartOfMonth({from:DateTime('UTC')}) AND (` + column + ` < toDate({to:DateTime('UTC')}) OR {to:DateTime('UTC')} > now('UTC'))`
}

// inDays is the same for days.
const inDays = `day >= toDate({from:DateTime('UTC')}) AND (day < toDate({to:DateTime('UTC')}) OR {to:DateTime('UTC')} > now('UTC'))`

// inCurrency is the condition of every page with money.
const inCurrency = `currency = {currency:String}`

// optionsKeep is how long the values of a choice are shown again. Few are new.
const optionsKeep = time.Minute

// currency has the one with the most customers first.
func currency() page.Choice {
	return page.Choice{Name: "currency", Label: "Currency", Options: figures.Query{Keep: optionsKeep, SQL: `
SELECT m.currency
FROM mrr_movements AS m
GROUP BY m.currency
ORDER BY sum(toInt64(m.entered)) - sum(toInt64(m.left)) DESC, m.currency`}}
}

// perCurrency is the sentence of every panel whose figures are of one currency.
const perCurrency = " In the selected currency."

// progress is the column that hatches the month in progress.
const progress = "in_progress"

// progressMeans is its legend.
const progressMeans = "month in progress"

// everyMonth orders by month and adds those between that have no row.
const everyMonth = `ORDER BY month WITH FILL STEP INTERVAL 1 MONTH`

// isProgress is whether a month is still in progress.
const isProgress = `month = (SELECT max(day) FROM analytics_calendar FINAL WHERE toDayOfMonth(day) = 1 AND starts_at < now64(3, 'UTC')) AS in_progress`
