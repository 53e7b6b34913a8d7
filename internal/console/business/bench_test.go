package business_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
)

// BenchmarkPages opens every page over marts as they are after three years with 50 million
// events, without answers that were kept. p95-ms is of whole pages.
func BenchmarkPages(b *testing.B) {
	conn, o := server.Database(b)
	grow(b, conn, o)
	for _, path := range paths() {
		b.Run(path, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				b.StopTimer()
				s := open(b, o.Database) // keeps no answer of another one
				b.StartTimer()
				start := time.Now()
				s.get(path)
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
}

// grow fills the marts: 8 million subscriptions, four currencies, 37 months until now.
func grow(b *testing.B, conn driver.Conn, o schemas.Options) {
	b.Helper()
	const (
		month    = `toStartOfMonth(today()) - toIntervalMonth(number % 37)`
		currency = `['DKK', 'EUR', 'USD', 'unknown'][number % 4 + 1]`
		id       = `concat('RC', leftPad(toString(number), 10, '0'))`
		customer = `concat('u', leftPad(toString(number % 6000000), 9, '0'))`
	)
	for table, row := range map[string]string{
		"mrr_movements": `(month, currency, kind, churn_kind, customers, customers_once, entered, left, amount, as_of)
			SELECT ` + month + `, ` + currency + `, kind, if(kind = 'churn', 'voluntary', ''), 500, 500, if(kind = 'new', 500, 0), if(kind = 'churn', 300, 0), 9000, now64(3)
			FROM numbers(148) ARRAY JOIN ['', 'new', 'discovered', 'reactivation', 'expansion', 'contraction', 'churn'] AS kind`,
		"subscription_day_changes": `(day, currency, live, in_trial, failing, paying, mrr, overdue, overdue_mrr, as_of)
			SELECT today() - intDiv(number, 4), ` + currency + `, 900, 30, 20, 850, 9000, 5, 40, now64(3) FROM numbers(4400)`,
		"subscription_ends": `(subscription_id, ended_at, month, customer, currency, kind, mrr_before, paid, left_none, won_back_at, won_back_days, as_of)
			SELECT ` + id + `, ` + month + ` + toIntervalSecond(number % 2000000), ` + month + `, ` + customer + `, ` + currency + `,
				['voluntary', 'voluntary', 'involuntary', 'unknown', 'trial', 'plan_change'][number % 6 + 1], 9, true, number % 5 > 0, if(number % 13 = 0, now(), NULL), if(number % 13 = 0, 40, NULL), now64(3)
			FROM numbers(4000000)`,
		"dunning_episodes": `(subscription_id, started_at, month, customer, currency, failures, mrr, outcome, ended_at, hours, as_of)
			SELECT ` + id + `, ` + month + ` + toIntervalSecond(number % 2000000), ` + month + `, ` + customer + `, ` + currency + `, 2, 9, ['recovered', 'recovered', 'lost', 'plan_change'][number % 4 + 1], now(), number % 800, now64(3)
			FROM numbers(2000000)`,
		"customer_retention": `(cohort, month, age, customers, active, unbroken, immature, as_of)
			SELECT toStartOfMonth(today()) - toIntervalMonth(number) AS first, first + toIntervalMonth(age), age, 90000, 80000, 70000, age = number, now64(3) FROM numbers(37) ARRAY JOIN range(number + 1) AS age`,
		"revenue_by_month": `(month, currency, term_name, resource_name, country, experience_name, charges, refunds, charge_count, refund_count, as_of)
			SELECT ` + month + `, ` + currency + `, concat('Term ', toString(number % 101)), concat('Resource ', toString(number % 7)), toString(number % 43), concat('Experience ', toString(number % 11)), 90, -1, 9, 1, now64(3)
			FROM numbers(500000)`,
		"subscription_changes": `(subscription_id, announced_at, month, direction, customer, currency, counts, outcome, effective_at, mrr_before, mrr_after, currency_after, as_of)
			SELECT ` + id + `, ` + month + ` + toIntervalSecond(number % 2000000), ` + month + `, ['upgrade', 'downgrade'][number % 2 + 1], ` + customer + `, ` + currency + `, true, 'effective', now(), 9, 12, ` + currency + `, now64(3)
			FROM numbers(500000)`,
		"subscription_trials": `(subscription_id, started_at, cohort, customer, currency, ends_at, outcome, immature, as_of)
			SELECT ` + id + `, ` + month + ` + toIntervalSecond(number % 2000000), ` + month + `, ` + customer + `, ` + currency + `, now(), ['converted', 'lapsed', 'open'][number % 3 + 1], number % 37 = 0, now64(3)
			FROM numbers(3000000)`,
		"subscriptions_at_risk": `(subscription_id, customer, currency, autorenew_off, failing, overdue, in_trial, trial_ends_at, current_period_ends_at, mrr, as_of)
			SELECT ` + id + `, ` + customer + `, ` + currency + `, number % 2 = 0, number % 7 = 0, number % 9 = 0, number % 3 = 0, if(number % 3 = 0, now() + number % 4000000, NULL), now() + number % 9000000, 9, now64(3)
			FROM numbers(800000)`,
		"promo_codes": `(promo_code, currency, subscriptions, redeemed, full_price, not_yet_due, charges, as_of)
			SELECT concat('CODE', toString(intDiv(number, 4))), ` + currency + `, number, number, 1, 1, 99, now64(3) FROM numbers(8000)`,
		"month_closings": `(month, currency, metric, value, as_of)
			SELECT ` + month + `, ` + currency + `, metric, number, now64(3) - toIntervalDay(intDiv(number, 148)) FROM numbers(1480) ARRAY JOIN ['closing_mrr', 'opening_mrr', 'new_mrr', 'arpu', 'ltv', 'charges', 'refunds', 'churned_mrr'] AS metric`,
	} {
		if err := conn.Exec(b.Context(), "INSERT INTO "+o.Table(table)+" "+row); err != nil {
			b.Fatalf("%s: %v", table, err)
		}
	}
}
