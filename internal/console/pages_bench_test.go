package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/console/assets"
	"github.com/pianola/pianola/internal/console/business"
	"github.com/pianola/pianola/internal/console/care"
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/operate"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/plans"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/internal/offsets"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/schemas"
)

// BenchmarkPages opens the pages over tables as they are after three years with 50 million
// events, each time without answers that were kept. It reports wall times, which depend on the
// machine, and what does not: rows and granules that ClickHouse read for a page, and its CPU
// as a share of that of a reference, which hashes 20 million numbers in the same run.
//
//	go test -run '^$' -bench Pages -benchtime 20x -timeout 1h ./internal/console
//
// PIANOLA_BENCH_SUBSCRIPTIONS is how many subscriptions the state has (default 8,000,000).
func BenchmarkPages(b *testing.B) {
	subscriptions := 8_000_000
	if text := os.Getenv("PIANOLA_BENCH_SUBSCRIPTIONS"); text != "" {
		var err error
		if subscriptions, err = strconv.Atoi(text); err != nil {
			b.Fatal("PIANOLA_BENCH_SUBSCRIPTIONS is not a number")
		}
	}
	m := newMeasured(b)
	grow(b, m.conn, m.options, subscriptions)
	reference := m.cost(b, func() {
		if err := m.conn.Exec(ch.Context(b.Context(), ch.WithSettings(ch.Settings{"log_comment": figures.Comment, "max_threads": 1})),
			"SELECT sum(cityHash64(number)) FROM numbers(20000000) FORMAT Null"); err != nil {
			b.Fatal(err)
		}
	})
	b.Logf("the reference took %v of CPU", reference.cpu)
	for _, path := range m.paths() {
		b.Run(path, func(b *testing.B) {
			var took []time.Duration
			pages := m.open(b)
			total := m.cost(b, func() {
				for b.Loop() {
					b.StopTimer()
					pages = m.open(b) // keeps no answer of another one
					b.StartTimer()
					begun := time.Now()
					pages.get(b, path)
					took = append(took, time.Since(begun))
				}
			})
			slices.Sort(took)
			n := float64(len(took))
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
			b.ReportMetric(float64(total.cpu)/float64(reference.cpu)/n, "CPU/reference")
			b.ReportMetric(float64(total.cpu.Milliseconds())/n, "CPU-ms")
			b.ReportMetric(float64(total.rows)/n, "rows")
			b.ReportMetric(float64(total.granules)/n, "granules")
			b.ReportMetric(float64(total.queries)/n, "queries")
		})
	}
}

// measured is a server of its own, since only that keeps its logs.
type measured struct {
	server  *clickhouse.Server
	conn    driver.Conn
	options schemas.Options
}

func newMeasured(b *testing.B) *measured {
	b.Helper()
	c := clickhouse.Loopback(b.TempDir())
	c.Access.Users = []clickhouse.User{clickhouse.Owner(engine.User, engine.Password)}
	c.Settings.Logs = true
	server, err := clickhouse.Start(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Close() }) // its files are temporary
	m := &measured{server: server, options: schemas.Options{Database: "piano"}}
	m.conn = m.connect(b, "default")
	engine.MigrateWithState(b, m.conn, m.options)
	return m
}

func (m *measured) connect(b *testing.B, database string) driver.Conn {
	b.Helper()
	conn, err := ch.Open(&ch.Options{Addr: []string{m.server.NativeAddr()}, Auth: ch.Auth{Database: database, Username: engine.User, Password: engine.Password}, ReadTimeout: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() }) // it has only asked
	return conn
}

// cost is what the queries of the console cost ClickHouse.
type cost struct {
	cpu                     time.Duration
	rows, granules, queries uint64
}

func (m *measured) cost(b *testing.B, do func()) (c cost) {
	b.Helper()
	var since string
	if err := m.conn.QueryRow(b.Context(), "SELECT toString(now64(6))").Scan(&since); err != nil {
		b.Fatal(err)
	}
	do()
	if err := m.conn.Exec(b.Context(), "SYSTEM FLUSH LOGS query_log"); err != nil {
		b.Fatal(err)
	}
	var micros uint64
	if err := m.conn.QueryRow(b.Context(), `SELECT sum(ProfileEvents['UserTimeMicroseconds'] + ProfileEvents['SystemTimeMicroseconds']), sum(read_rows), sum(ProfileEvents['SelectedMarks']), count()
		FROM system.query_log WHERE type = 'QueryFinish' AND log_comment = '`+figures.Comment+`' AND event_time_microseconds >= '`+since+`'`).
		Scan(&micros, &c.rows, &c.granules, &c.queries); err != nil {
		b.Fatal(err)
	}
	if c.queries == 0 {
		b.Fatal("the log of queries does not have it")
	}
	c.cpu = time.Duration(micros) * time.Microsecond
	return c
}

// consolePages are the pages over the database, with nothing kept.
type consolePages struct{ mux *http.ServeMux }

func (m *measured) open(b *testing.B) consolePages {
	b.Helper()
	conn := m.connect(b, m.options.Database)
	set, err := assets.Load()
	if err != nil {
		b.Fatal(err)
	}
	reader, err := figures.New(conn, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	sections := []page.Section{business.New(), care.New(care.Deps{}), operate.New(operate.Deps{
		Offsets: func(context.Context) (*offsets.Report, error) { return &offsets.Report{}, nil },
		Letters: letters.New(conn, m.options.Database), Plans: plans.NewBook(time.Now, zap.NewNop(), func() {}), Now: time.Now,
		Jobs: job.NewStore(job.Deps{Conn: conn, Database: m.options.Database, Instance: "benchmark", Heartbeat: job.DefaultHeartbeat, Now: time.Now, Log: zap.NewNop()}),
	})}
	renderer, err := page.NewRenderer(reader, time.Now, zap.NewNop(), set, sections, false)
	if err != nil {
		b.Fatal(err)
	}
	pages := consolePages{http.NewServeMux()}
	for _, section := range sections {
		for _, one := range section.Pages {
			pages.mux.HandleFunc(one.Pattern, one.Handle(renderer))
		}
	}
	return pages
}

func (p consolePages) get(b *testing.B, address string) {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, address, nil)
	w := httptest.NewRecorder()
	p.mux.ServeHTTP(w, r.WithContext(role.With(r.Context(), role.Identity{User: "test", Roles: role.Roles()})))
	if w.Code != http.StatusOK {
		b.Fatalf("%s: %d %s", address, w.Code, w.Body)
	}
}

// paths are the pages that read tables, without those of one user, which wait for Piano.
func (m *measured) paths() (all []string) {
	for _, one := range business.New().Pages {
		all = append(all, one.Pattern[len("GET "):])
	}
	return append(all, "/", "/?span=24h", "/coverage", "/dead-letters", "/dead-letters/letter?at=benchmark/0/0", "/reconciliation", "/jobs",
		"/care/users", "/care/users?sort=latest", "/care/users?status=fail_and_retry&sort=failed")
}

// grow fills the tables: marts of 8 million subscriptions, four currencies and 37 months
// until now; the state of these subscriptions; a ledger of a million flushes in one day.
func grow(b *testing.B, conn driver.Conn, o schemas.Options, subscriptions int) {
	b.Helper()
	const (
		month    = `toStartOfMonth(today()) - toIntervalMonth(number % 37)`
		currency = `['DKK', 'EUR', 'USD', 'unknown'][number % 4 + 1]`
		id       = `concat('RC', leftPad(toString(number), 10, '0'))`
		customer = `concat('u', leftPad(toString(number % 6000000), 9, '0'))`
	)
	all := strconv.Itoa(subscriptions)
	for table, row := range map[string]string{
		"subscriptions": `(subscription_id, user_id, status, closed, autorenew, term_type, counts, term_name, resource_name, country, currency, price, events, first_event_at, last_event_at, started_at, current_period_ends_at, refresh)
			SELECT concat('RC', leftPad(toString(cityHash64(number)), 20, '0')), concat('u', toString(cityHash64(number % intDiv(` + all + ` * 3, 4)))), ['active', 'active', 'active', 'fail_and_retry', 'expired'][number % 5 + 1], number % 5 = 4, number % 3 > 0, 'payment', true,
				concat('Term ', toString(number % 101)), concat('Resource ', toString(number % 7)), toString(number % 43), ` + currency + `, 9, 6, now64(3) - toIntervalDay(number % 1000 + 30), now64(3) - toIntervalSecond(number % 2000000), now64(3) - toIntervalDay(number % 1000 + 30), now64(3) + toIntervalDay(number % 30), 1
			FROM numbers(` + all + `)`,
		"ingest_ledger": `(source, source_name, source_partition, kind, start_offset, next_offset, messages, stored, last_offset, last_timestamp, insert_token, written_at)
			SELECT 'kafka', 'benchmark', number % 12, 'flush', intDiv(number, 12) * 100, intDiv(number, 12) * 100 + 100, 100, 100, intDiv(number, 12) * 100 + 99, now64(3) - toIntervalMillisecond(85 * (1000000 - number)), toString(number), now64(3) - toIntervalMillisecond(85 * (1000000 - number))
			FROM numbers(1000000)`,
		"dead_letters": `(source, source_name, source_partition, source_offset, reason, field, message_time, decided_at, attempts, resolved_at)
			SELECT 'kafka', 'benchmark', number % 12, number, ['invalid_json', 'missing_field', 'invalid_timestamp'][number % 3 + 1], if(number % 3 = 0, NULL, 'event_timestamp'), now64(3) - toIntervalSecond(number * 10), now64(3) - toIntervalSecond(number * 10), 1, if(number % 50 = 0, NULL, now64(3))
			FROM numbers(200000)`,
		"drift": `(subscription_id, kind, severity, first_seen_at, compared_as_of, closed_at)
			SELECT concat('RC', leftPad(toString(cityHash64(number)), 20, '0')), ['status', 'price'][number % 2 + 1], ['drift', 'information'][number % 2 + 1], now64(3) - toIntervalHour(number), now64(3), if(number % 10 = 0, NULL, now64(3))
			FROM numbers(20000)`,
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
