package business

import (
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

// daily has one row a day; two panels show it.
var daily = figures.Query{SQL: `
SELECT day, live, paying, in_trial, failing, overdue, mrr, NOT complete AS in_progress
FROM subscriptions_by_day
WHERE ` + inCurrency + ` AND ` + inDays + `
ORDER BY day`}

// latest sums the changes of one column until now. It is the last day of
// subscriptions_by_day.
func latest(column string) figures.Query {
	return figures.Query{SQL: `
SELECT sum(` + column + `), concat('at ', formatDateTime(max(as_of), '%Y-%m-%d %H:%i'), ' UTC')
FROM subscription_day_changes
WHERE ` + inCurrency + `
HAVING count() > 0`}
}

func subscribers() page.PanelPage {
	return page.PanelPage{
		Title: "Subscribers", Usual: "3mo", Spans: []string{"30d", "3mo", "12mo", "36mo"},
		About:   "Subscriptions of terms that count (payment and dynamic), at the end of each day. A subscription in several groups counts in each of them.",
		Choices: []page.Choice{currency()},
		Tiles: []page.Tile{
			{Label: "live", Query: latest("live")},
			{Label: "paying", Query: latest("paying"), Link: "/business/mrr"},
			{Label: "in trial", Query: latest("in_trial"), Link: "/business/trials"},
			{Label: "payment failing", Query: latest("failing"), Link: "/business/dunning"},
			{Label: "overdue", Query: latest("overdue"), Link: "/business/at-risk"},
		},
		Panels: []page.Panel{
			{
				ID: "live", Title: "Live and paying subscriptions by day", Sources: []string{"subscriptions_by_day"},
				About: "Live is every status but the closed ones. Paying means recurring revenue above zero." + perCurrency,
				Draw:  page.Lines{X: "day", Series: []string{"live", "paying"}},
				Query: daily,
			},
			{
				ID: "trouble", Title: "In trial, failing and overdue by day", Sources: []string{"subscriptions_by_day"},
				About: "Failing means in fail_and_retry. Overdue means seven days past the end of the period." + perCurrency,
				Draw:  page.Lines{X: "day", Series: []string{"in_trial", "failing", "overdue"}},
				Query: daily,
			},
			{
				ID: "customers", Title: "Customers by month", Sources: []string{"customers_by_month"},
				About: "Customers with recurring revenue at month ends, over all currencies, each counted once. Discovered customers began before the stream. Who came and left within a month is not here.",
				Draw:  page.Stacked{X: "month", Up: []string{"new", "discovered", "reactivated"}, Down: []string{"churned"}, Immature: progress, Waiting: progressMeans},
				Query: figures.Query{SQL: `
SELECT month, opening, new, discovered, reactivated, churned, closing, NOT complete AS in_progress
FROM customers_by_month
WHERE ` + inMonths("month") + `
ORDER BY month`},
			},
		},
	}
}
