package schemas_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/sandbox/world/metrics"
	"github.com/pianola/pianola/schemas"
)

// martsDatabase has the events of an input, and what the snapshot knows.
type martsDatabase struct {
	*testing.T
	conn driver.Conn
	in   metrics.Input
}

func newMarts(t *testing.T, in metrics.Input) *martsDatabase {
	m := &martsDatabase{T: t, conn: stateDatabase(t), in: in}
	m.insertEvents()
	m.insertSnapshot()
	m.setTimezone()
	m.refresh("subscriptions_refresh")
	return m
}

// setTimezone fills the calendar, as pianola migrate does.
func (m *martsDatabase) setTimezone() {
	m.Helper()
	db := clickhouse.OpenDB(server.Options(m, clickhouse.Native))
	defer func() { _ = db.Close() }()
	migrator, err := migrate.New(db, "piano", zap.NewNop())
	if err != nil {
		m.Fatal(err)
	}
	if changed, err := migrator.SetTimezone(m.Context(), m.in.Zone); err != nil || changed != (m.in.Zone != time.UTC) {
		m.Fatal(changed, err)
	}
}

func (m *martsDatabase) exec(sql string) {
	m.Helper()
	if err := m.conn.Exec(m.Context(), sql); err != nil {
		m.Fatalf("%v\n%s", err, sql)
	}
}

func (m *martsDatabase) refresh(view string) {
	m.Helper()
	m.exec("SYSTEM REFRESH VIEW piano." + view)
	m.exec("SYSTEM WAIT VIEW piano." + view)
}

func money4(v schemas.Decimal4) decimal.Decimal { return decimal.New(int64(v), -4) }

func (m *martsDatabase) insertEvents() {
	m.Helper()
	batch, err := m.conn.PrepareBatch(m.Context(), `INSERT INTO piano.subscription_events (event_id, subscription_id, user_id, event_timestamp, subscription_action,
		next_billed_at, trial_period_ended_at, transaction_value, term_type, billing_period, upgrade_to_subscription_id, term_name, resource_name,
		billing_country_code, experience_name, version, synced_at)`)
	if err != nil {
		m.Fatal(err)
	}
	internal := []string{}
	for _, s := range m.in.Subscriptions {
		if s.Internal {
			internal = append(internal, s.ID)
		}
		for _, e := range s.Events {
			var value *decimal.Decimal
			if e.Value.Valid {
				value = new(money4(e.Value.Decimal4))
			}
			id := uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%s %d %s", s.ID, e.At, e.Action))
			if err := batch.Append(id, s.ID, e.UserID, instant(e.At), e.Action, maybe(e.NextBilledAt), maybe(e.TrialEndsAt), value, text(e.TermType), text(e.Period),
				text(e.ChangeTo), text(e.TermName), text(e.Resource), text(e.Country), text(e.Experience), uint64(1), time.Now()); err != nil {
				m.Fatal(err)
			}
		}
	}
	if err := batch.Send(); err != nil {
		m.Fatal(err)
	}
	for _, id := range internal {
		m.exec("INSERT INTO piano.filtered_subscriptions SELECT '" + id + "', 2, now64(3)")
	}
	// The others are visible: what was filtered has a lower version than their events, or the
	// same one and was written earlier.
	m.exec(`INSERT INTO piano.filtered_subscriptions SELECT DISTINCT subscription_id, cityHash64(subscription_id) % 2, toDateTime64(0, 3)
		FROM piano.subscription_events WHERE subscription_id NOT IN (SELECT subscription_id FROM piano.filtered_subscriptions)`)
}

func (m *martsDatabase) insertSnapshot() {
	m.Helper()
	const id = "00000000-0000-0000-0000-000000000001"
	m.exec("INSERT INTO piano.snapshot_runs (snapshot_id, source, state, as_of, whole, written_at) SELECT '" + id + "', 'api', 'complete', now64(3) - 60, true, now64(3)")
	batch, err := m.conn.PrepareBatch(m.Context(), `INSERT INTO piano.subscription_snapshots (snapshot_id, subscription_id, subscription_status, regular_price, currency, billing_period)`)
	if err != nil {
		m.Fatal(err)
	}
	for _, s := range m.in.Subscriptions {
		var price *decimal.Decimal
		if s.Snapshot.Price.Valid {
			price = new(money4(s.Snapshot.Price.Decimal4))
		}
		if err := batch.Append(id, s.ID, "active", price, text(s.Snapshot.Currency), text(s.Snapshot.Period)); err != nil {
			m.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		m.Fatal(err)
	}

	// A file of some subscriptions has the codes; the whole snapshot stays the latest.
	const file = "00000000-0000-0000-0000-000000000002"
	m.exec("INSERT INTO piano.snapshot_runs (snapshot_id, source, state, as_of, whole, written_at) SELECT '" + file + "', 'csv', 'complete', now64(3) - 60, false, now64(3)")
	batch, err = m.conn.PrepareBatch(m.Context(), `INSERT INTO piano.subscription_snapshot_traits (snapshot_id, subscription_id, promo_code)`)
	if err != nil {
		m.Fatal(err)
	}
	for _, s := range m.in.Subscriptions {
		if err := batch.Append(file, s.ID, text(s.Snapshot.PromoCode)); err != nil {
			m.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		m.Fatal(err)
	}
}

// TestMarts_EqualTheTruth compares every cell of the marts with the metrics that are
// computed in Go from the same lives: of simulated years, and of random events.
func TestMarts_EqualTheTruth(t *testing.T) {
	tier.Full(t, "computes every mart of several worlds")
	for seed := uint64(1); seed <= uint64(tier.Times(2, 5)); seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			cfg := world.Defaults()
			cfg.Seed, cfg.Subscribers = seed, 400
			w, err := world.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			truth := w.Truth()
			newMarts(t, truth.MetricsInput(0, zoneOf(t, seed), func(id string) metrics.Snapshot {
				s := truth.Snapshot(id)
				if s.Plan != "" { // the table has what the plan says, in columns
					_, plan, _ := strings.Cut(s.Plan, " ")
					s.Currency, _, _ = strings.Cut(plan, "|")
					s.Plan = ""
				}
				return s
			})).compare()
		})
		t.Run(fmt.Sprintf("random events, seed %d", seed), func(t *testing.T) {
			m := newMarts(t, randomGroups(seed, zoneOf(t, seed), false))
			m.compare()
			m.compareClosings()
		})
		t.Run(fmt.Sprintf("random events with a late Created, seed %d", seed), func(t *testing.T) {
			// Ends and episodes are what was known then. The metrics in Go take them from the
			// state at the end of all events.
			m := newMarts(t, randomGroups(seed, zoneOf(t, seed), true))
			m.compareDays()
			m.compareRevenue()
		})
	}
}

// zoneOf is UTC for odd seeds. Days of the other zone begin elsewhere, and one has no
// midnight.
func zoneOf(t *testing.T, seed uint64) *time.Location {
	t.Helper()
	if seed%2 == 1 {
		return time.UTC
	}
	zone, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// randomGroups draws groups of four subscriptions with events of every kind at few instants,
// so that many fall together. The subscriptions of a group change to each other and share
// users. With lateCreated a Created may be later than other events.
func randomGroups(seed uint64, zone *time.Location, lateCreated bool) metrics.Input {
	r := rand.New(rand.NewPCG(seed, 14))
	in := metrics.Input{Zone: zone}
	const day = schemas.Millis(24 * 60 * 60 * 1000)
	start := schemas.Millis(time.Date(2018, 9, 3, 3, 0, 0, 0, time.UTC).UnixMilli())
	at := func() schemas.Millis { return start + schemas.Millis(r.IntN(17))*5*day }
	maybe := func() schemas.NullMillis {
		if r.IntN(2) == 0 {
			return schemas.NullMillis{}
		}
		return schemas.NullMillis{Millis: at(), Valid: true}
	}
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	for group := range 150 {
		name := func(of string) string {
			if of == "" {
				return ""
			}
			return fmt.Sprintf("%03d%s", group, of)
		}
		for _, id := range []string{"A", "B", "C", "D"} {
			s := metrics.Subscription{ID: name(id), Internal: r.IntN(30) == 0}
			s.Snapshot = metrics.Snapshot{Currency: pick("", "DKK", "EUR"), Period: pick("", "1 month", "1 year"), PromoCode: pick("", "spring ", "SPRING", "å10")}
			if r.IntN(2) == 0 {
				s.Snapshot.Price = schemas.NullDecimal4{Decimal4: 7_0000, Valid: true}
			}
			seen := map[string]bool{} // an event is identified by instant and action
			for range r.IntN(12) {
				e := metrics.Event{
					At: at(), Action: pick(append(schemas.Actions(), "Paused")...), UserID: name(pick("", "u", "u", "v")), NextBilledAt: maybe(), TrialEndsAt: maybe(),
					TermType: pick("", "payment", "payment", "dynamic", "gift"), Period: pick("", "1 month", "1 year", "2 weeks"), ChangeTo: name(pick("", "A", "B", "C", "E")),
					TermName: pick("", "x", "y"), Resource: pick("", "r"), Country: pick("", "DK", "NO"), Experience: pick("", "e"),
				}
				if v := r.IntN(6); v > 0 {
					e.Value = schemas.NullDecimal4{Decimal4: []schemas.Decimal4{0, -5_0000, 0, 0, 10_0000, 12_3400}[v], Valid: true}
				}
				if key := fmt.Sprint(e.At, e.Action); !seen[key] {
					seen[key] = true
					s.Events = append(s.Events, e)
				}
			}
			if !lateCreated {
				makeCreatedFirst(s.Events)
			}
			in.Subscriptions = append(in.Subscriptions, s)
		}
	}
	return in
}

// makeCreatedFirst moves the earliest Created to the time of the first event.
func makeCreatedFirst(events []metrics.Event) {
	created, first := -1, -1
	for i, e := range events {
		if e.Action == schemas.Created && (created < 0 || e.At < events[created].At) {
			created = i
		}
		if first < 0 || e.At < events[first].At {
			first = i
		}
	}
	if created >= 0 {
		events[created].At = events[first].At
	}
}

// compare compares every mart.
func (m *martsDatabase) compare() {
	m.compareDays()
	m.compareMovements()
	m.compareEnds()
	m.compareDunning()
	m.compareRetention()
	m.compareRevenue()
	m.compareChanges()
	m.compareTrials()
	m.compareAtRisk()
	m.comparePromoCodes()
	m.compareFreshness()
	m.compareSessions()
}

// compareSessions reads the views with the other value of join_use_nulls, as some clients do,
// and the time of their figures alone. ClickHouse leaves out what a query does not need, so
// a column alone may have another type. The view freshness is of the moment of the query.
func (m *martsDatabase) compareSessions() {
	m.Helper()
	for _, view := range schemas.MartViews() {
		if view == "freshness" {
			continue
		}
		whole, from := "toString(tuple(*))]), ' ')", " FROM piano."+view+" SETTINGS join_use_nulls = "
		m.same(view+" with join_use_nulls", m.rows(whole+from+"1"), m.rows(whole+from+"0"))
		if len(m.rows("toString(as_of)]), ' ')"+from+"0")) == 0 {
			m.Errorf("%s has no row", view)
		}
	}
}

type movementKey struct {
	month, currency, kind, churn string
}

type movementSum struct {
	customers uint64
	amount    string
}

func (m *martsDatabase) compareMovements() {
	want := m.truthOf("mrr_movements")
	m.compareMRR(want.MRR)
	m.compareCustomers(want.Customers)
	sums := map[movementKey]movementSum{}
	amounts := map[movementKey]schemas.Decimal4{}
	for _, v := range want.Movements {
		k := movementKey{v.Month, v.Currency, string(v.Kind), string(v.Churn)}
		amounts[k] += v.Amount
		one := sums[k]
		one.customers++
		one.amount = money4(amounts[k]).StringFixed(4)
		sums[k] = one
	}
	rows, err := m.conn.Query(m.Context(), "SELECT formatDateTime(month, '%Y-%m'), currency, kind, churn_kind, customers, toString(toDecimal128(amount, 4)), amount FROM piano.mrr_movements WHERE kind != ''")
	if err != nil {
		m.Fatal(err)
	}
	defer rows.Close()
	got := map[movementKey]movementSum{}
	for rows.Next() {
		var k movementKey
		var s movementSum
		var amount decimal.Decimal
		if err := rows.Scan(&k.month, &k.currency, &k.kind, &k.churn, &s.customers, &s.amount, &amount); err != nil {
			m.Fatal(err)
		}
		s.amount = amount.StringFixed(4)
		got[k] = s
	}
	if err := rows.Err(); err != nil {
		m.Fatal(err)
	}
	m.Logf("%d movements in %d rows", len(want.Movements), len(sums))
	wrong := 0
	for k, w := range sums {
		if got[k] != w {
			if wrong++; wrong < 15 {
				m.Errorf("%v: got %v, want %v", k, got[k], w)
			}
		}
	}
	for k, g := range got {
		if _, ok := sums[k]; !ok {
			if wrong++; wrong < 15 {
				m.Errorf("%v: got %v, want none", k, g)
			}
		}
	}
}

// rows reads a query as text, one line a row.
func (m *martsDatabase) rows(query string) []string {
	m.Helper()
	rows, err := m.conn.Query(m.Context(), "SELECT arrayStringConcat(arrayMap((x) -> ifNull(x, 'NULL'), ["+query)
	if err != nil {
		m.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			m.Fatal(err)
		}
		all = append(all, line)
	}
	if err := rows.Err(); err != nil {
		m.Fatal(err)
	}
	return all
}

// same compares two lists of lines as sets, and shows the first differences.
func (m *martsDatabase) same(what string, got, want []string) {
	m.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if slices.Equal(got, want) {
		m.Logf("%s: %d rows", what, len(want))
		return
	}
	left := map[string]int{}
	for _, line := range want {
		left[line]++
	}
	shown := 0
	for _, line := range got {
		if left[line]--; left[line] < 0 && shown < 12 {
			shown++
			m.Errorf("%s: has    %s", what, line)
		}
	}
	shown = 0
	for _, line := range want {
		if left[line]--; left[line] >= 0 && shown < 12 {
			shown++
			m.Errorf("%s: lacks  %s", what, line)
		}
	}
	m.Errorf("%s: %d rows, want %d", what, len(got), len(want))
}

// columns makes the list of a query from the names of columns: decimals have four digits.
func columns(names ...string) string {
	for i, name := range names {
		names[i] = "toString(" + name + ")"
	}
	return strings.Join(names, ", ")
}

func fixed(v schemas.NullDecimal4) string {
	if !v.Valid {
		return "NULL"
	}
	return four(v.Decimal4)
}

// four is an amount as ClickHouse writes it, without zeros at its end.
func four(v schemas.Decimal4) string { return money4(v).String() }

func (m *martsDatabase) compareMRR(want []metrics.MRR) {
	m.Helper()
	var lines []string
	for _, r := range want {
		lines = append(lines, fmt.Sprint(r.Month+"-01 ", r.Currency, " ", r.Complete, " ", four(r.Opening), " ", four(r.New), " ", four(r.Discovered), " ", four(r.Reactivation), " ",
			four(r.Expansion), " ", four(r.Contraction), " ", four(r.Churn), " ", four(r.ChurnVoluntary), " ", four(r.ChurnInvoluntary), " ", four(r.ChurnUnknown), " ", four(r.Closing), " ", four(r.OverdueMRR), " ",
			r.OpeningCustomers, " ", r.NewCustomers, " ", r.DiscoveredCustomers, " ", r.ReactivatedCustomers, " ", r.ExpandedCustomers, " ", r.ContractedCustomers, " ", r.ChurnedCustomers, " ",
			r.ClosingCustomers, " ", fixed(r.ARPU), " ", fixed(r.LTV)))
	}
	m.same("mrr_by_month", m.rows(columns("month", "currency", "complete", "opening_mrr", "new_mrr", "discovered_mrr", "reactivation_mrr", "expansion_mrr", "contraction_mrr",
		"churned_mrr", "churned_voluntary_mrr", "churned_involuntary_mrr", "churned_unknown_mrr", "closing_mrr", "overdue_mrr", "opening_customers", "new_customers", "discovered_customers",
		"reactivated_customers", "expanded_customers", "contracted_customers", "churned_customers", "closing_customers", "arpu", "ltv")+"]), ' ') FROM piano.mrr_by_month"), lines)
}

func (m *martsDatabase) compareCustomers(want []metrics.Customers) {
	m.Helper()
	var lines []string
	for _, r := range want {
		lines = append(lines, fmt.Sprint(r.Month+"-01 ", r.Complete, " ", r.Opening, " ", r.New, " ", r.Discovered, " ", r.Reactivated, " ", r.Churned, " ",
			r.ChurnedVoluntary, " ", r.ChurnedInvoluntary, " ", r.ChurnedUnknown, " ", r.Closing))
	}
	m.same("customers_by_month", m.rows(columns("month", "complete", "opening", "new", "discovered", "reactivated", "churned", "churned_voluntary", "churned_involuntary", "churned_unknown", "closing")+
		"]), ' ') FROM piano.customers_by_month"), lines)
}

// truthOf refreshes a mart and computes the metrics at the time of its figures.
func (m *martsDatabase) truthOf(view string) *metrics.Tables {
	m.Helper()
	m.refresh(view + schemas.RefreshSuffix)
	var asOf time.Time
	if err := m.conn.QueryRow(m.Context(), "SELECT max(as_of) FROM piano."+view).Scan(&asOf); err != nil {
		m.Fatal(err)
	}
	m.in.AsOf = schemas.Millis(asOf.UnixMilli())
	return metrics.Compute(m.in)
}

// owner is a customer as the tables name it.
func owner(c metrics.Customer) string {
	if c.User != "" {
		return c.User
	}
	return "subscription:" + c.Subscription
}

// moment is an instant as ClickHouse writes it.
func moment(at schemas.NullMillis) string {
	if !at.Valid {
		return "NULL"
	}
	return instant(at.Millis).Format("2006-01-02 15:04:05.000")
}

func (m *martsDatabase) compareDays() {
	m.Helper()
	var lines []string
	for _, r := range m.truthOf("subscription_day_changes").Days {
		lines = append(lines, fmt.Sprint(r.Day, " ", r.Currency, " ", r.Complete, " ", r.Live, " ", r.InTrial, " ", r.Failing, " ", r.Paying, " ", four(r.MRR), " ", r.Overdue, " ", four(r.OverdueMRR)))
	}
	m.same("subscriptions_by_day", m.rows(columns("day", "currency", "complete", "live", "in_trial", "failing", "paying", "mrr", "overdue", "overdue_mrr")+"]), ' ') FROM piano.subscriptions_by_day"), lines)
}

func (m *martsDatabase) compareEnds() {
	m.Helper()
	var lines []string
	for _, r := range m.truthOf("subscription_ends").Ends {
		days := "NULL"
		if r.WonBackAt.Valid {
			days = fmt.Sprint(r.WonBackDays)
		}
		lines = append(lines, fmt.Sprint(r.SubscriptionID, " ", moment(schemas.NullMillis{Millis: r.EndedAt, Valid: true}), " ", owner(r.Customer), " ", r.Currency, " ", r.Kind, " ",
			four(r.MRRBefore), " ", r.Paid, " ", r.LeftNone, " ", moment(r.WonBackAt), " ", days))
	}
	m.same("subscription_ends", m.rows(columns("subscription_id", "ended_at", "customer", "currency", "kind", "mrr_before", "paid", "left_none", "won_back_at", "won_back_days")+
		"]), ' ') FROM piano.subscription_ends"), lines)
}

func (m *martsDatabase) compareDunning() {
	m.Helper()
	var lines []string
	for _, r := range m.truthOf("dunning_episodes").Episodes {
		lines = append(lines, fmt.Sprint(r.SubscriptionID, " ", moment(schemas.NullMillis{Millis: r.StartedAt, Valid: true}), " ", owner(r.Customer), " ", r.Currency, " ", r.Failures, " ",
			four(r.MRR), " ", r.Outcome, " ", moment(r.EndedAt)))
	}
	m.same("dunning_episodes", m.rows(columns("subscription_id", "started_at", "customer", "currency", "failures", "mrr", "outcome", "ended_at")+"]), ' ') FROM piano.dunning_episodes"), lines)
}

func (m *martsDatabase) compareRetention() {
	m.Helper()
	var lines []string
	for _, r := range m.truthOf("customer_retention").Retention {
		lines = append(lines, fmt.Sprint(r.Cohort, "-01 ", r.Month, "-01 ", r.Age, " ", r.Customers, " ", r.Active, " ", r.Unbroken, " ", r.Immature))
	}
	m.same("customer_retention", m.rows(columns("cohort", "month", "age", "customers", "active", "unbroken", "immature")+"]), ' ') FROM piano.customer_retention"), lines)
}

func (m *martsDatabase) compareRevenue() {
	m.Helper()
	var lines []string
	for _, r := range m.truthOf("revenue_by_month").Revenue {
		lines = append(lines, fmt.Sprint(r.Month, "-01 ", r.Currency, " ", r.Term, " ", r.Resource, " ", r.Country, " ", r.Experience, " ", four(r.Charges), " ", four(r.Refunds), " ",
			r.ChargeCount, " ", r.RefundCount))
	}
	m.same("revenue_by_month", m.rows(columns("month", "currency", "term_name", "resource_name", "country", "experience_name", "charges", "refunds", "charge_count", "refund_count")+
		"]), ' ') FROM piano.revenue_by_month"), lines)
}

func (m *martsDatabase) compareChanges() {
	m.Helper()
	var lines []string
	for _, r := range m.truthOf("subscription_changes").Changes {
		lines = append(lines, fmt.Sprint(r.SubscriptionID, " ", moment(schemas.NullMillis{Millis: r.AnnouncedAt, Valid: true}), " ", r.Direction, " ", cmp.Or(r.Target, "NULL"), " ",
			owner(r.Customer), " ", r.Currency, " ", r.Outcome, " ", moment(r.EffectiveAt), " ", four(r.MRRBefore), " ", fixed(r.MRRAfter), " ", r.CurrencyAfter))
	}
	m.same("subscription_changes", m.rows(columns("subscription_id", "announced_at", "direction", "change_to_subscription_id", "customer", "currency", "outcome", "effective_at",
		"mrr_before", "mrr_after", "currency_after")+"]), ' ') FROM piano.subscription_changes WHERE counts"), lines)
}

// compareTrials needs subscription_changes and mrr_movements.
func (m *martsDatabase) compareTrials() {
	m.Helper()
	want := m.truthOf("subscription_trials")
	var trials, cohorts []string
	followed := 0
	for _, r := range want.Trials {
		if r.ConvertedBy != "" && r.ConvertedBy != r.SubscriptionID {
			followed++
		}
		trials = append(trials, fmt.Sprint(r.SubscriptionID, " ", moment(schemas.NullMillis{Millis: r.StartedAt, Valid: true}), " ", r.Cohort, "-01 ", owner(r.Customer), " ", r.Currency, " ",
			moment(r.EndsAt), " ", r.Outcome, " ", moment(r.ConvertedAt), " ", cmp.Or(r.ConvertedBy, "NULL")))
	}
	m.same("subscription_trials", m.rows(columns("subscription_id", "started_at", "cohort", "customer", "currency", "ends_at", "outcome", "converted_at", "converted_subscription_id")+
		"]), ' ') FROM piano.subscription_trials"), trials)
	for _, r := range want.TrialCohorts {
		rate := "NULL"
		if r.Trials > 0 && !r.Immature {
			rate = fmt.Sprintf("%.12f", float64(r.Converted)/float64(r.Trials))
		}
		cohorts = append(cohorts, fmt.Sprint(r.Month, "-01 ", r.Currency, " ", r.Trials, " ", r.Converted, " ", r.Lapsed, " ", r.Open, " ", r.Immature, " ", rate))
	}
	m.same("trials_by_month", m.rows(columns("cohort", "currency", "trials", "converted", "lapsed", "open", "immature")+", if(conversion_rate IS NULL, NULL, toDecimalString(assumeNotNull(conversion_rate), 12))"+
		"]), ' ') FROM piano.trials_by_month"), cohorts)
	m.Logf("%d trials converted through a plan change", followed)
}

func (m *martsDatabase) compareAtRisk() {
	m.Helper()
	var asOf time.Time
	var got []string
	for _, line := range m.rows(columns("as_of", "subscription_id", "customer", "currency", "autorenew_off", "failing", "overdue", "in_trial", "trial_ends_at", "current_period_ends_at", "mrr") +
		"]), '|') FROM piano.subscriptions_at_risk") {
		at, rest, _ := strings.Cut(line, "|")
		var err error
		if asOf, err = time.Parse("2006-01-02 15:04:05.000", at); err != nil {
			m.Fatal(err)
		}
		got = append(got, rest)
	}
	m.in.AsOf = schemas.Millis(asOf.UnixMilli())
	var lines []string
	for _, r := range metrics.Compute(m.in).AtRisk {
		lines = append(lines, fmt.Sprint(r.SubscriptionID, "|", owner(r.Customer), "|", r.Currency, "|", r.AutoRenewOff, "|", r.Failing, "|", r.Overdue, "|", r.InTrial, "|", moment(r.TrialEndsAt), "|",
			moment(r.PeriodEndsAt), "|", four(r.MRR)))
	}
	m.same("subscriptions_at_risk", got, lines)
}

func (m *martsDatabase) comparePromoCodes() {
	m.Helper()
	var lines []string
	for _, r := range m.truthOf("promo_codes").PromoCodes {
		lines = append(lines, fmt.Sprint(r.Code, " ", r.Currency, " ", r.Subscriptions, " ", r.Redeemed, " ", r.Reserved, " ", r.Released, " ", r.NewCustomers, " ", r.Live, " ", r.NotYetDue, " ",
			r.FullPrice, " ", r.Discounted, " ", four(r.FirstDiscount), " ", four(r.Charges), " ", four(r.Refunds), " ", four(r.MRR)))
	}
	m.same("promo_codes", m.rows(columns("promo_code", "currency", "subscriptions", "redeemed", "reserved", "released", "new_customers", "live", "not_yet_due", "full_price", "discounted",
		"first_discount", "charges", "refunds", "mrr")+"]), ' ') FROM piano.promo_codes"), lines)
}

// compareFreshness needs all marts.
func (m *martsDatabase) compareFreshness() {
	m.Helper()
	m.exec(`INSERT INTO piano.drift (subscription_id, kind, severity, last_seen_at, closed_at) VALUES
		('a', 'status', 'drift', '2026-01-02 00:00:00', NULL), ('b', 'status', 'drift', '2026-01-01 00:00:00', NULL),
		('c', 'status', 'drift', '2026-01-03 00:00:00', '2026-01-03 00:00:00'), ('a', 'next_bill', 'routine', '2026-01-01 00:00:00', NULL)`)
	m.exec(`INSERT INTO piano.reconciliation_runs (run_id, state, as_of) VALUES
		(generateUUIDv4(), 'complete', '2026-01-02 00:00:00'), (generateUUIDv4(), 'failed', '2026-01-03 00:00:00')`)
	m.refresh(schemas.MonthClosings + schemas.RefreshSuffix)
	one := func(query string) string { return m.rows("toString(" + query + ")]), ' ')")[0] }
	want := []string{
		"drift status 2026-01-02 00:00:00.000 drift 2", "drift next_bill 2026-01-01 00:00:00.000 routine 1",
		"reconciliation reconciliation_runs 2026-01-02 00:00:00.000  0",
		"events subscription_events " + one("(SELECT max(synced_at) FROM piano.subscription_events)") + "  0",
		"state subscription_state " + one("(SELECT max(complete_to) FROM piano.subscription_state)") + "  0",
		"snapshot piano_api_subscriptions " + one("(SELECT as_of FROM piano.snapshot_runs WHERE source = 'api')") + "  0",
		"traits subscription_traits " + one("(SELECT as_of FROM piano.snapshot_runs WHERE source = 'csv')") + "  0",
	}
	for _, mart := range schemas.Marts() {
		if one("(SELECT count() FROM piano."+mart+")") == "0" {
			continue // it has no time
		}
		want = append(want, "metrics "+mart+" "+one("(SELECT max(as_of) FROM piano."+mart+")")+"  0")
	}
	for _, view := range schemas.MartViews() {
		m.exec("SELECT * FROM piano." + view + " FORMAT Null") // as the declared types
	}
	m.same("freshness", m.rows(columns("part", "name", "as_of", "severity", "open")+"]), ' ') FROM piano.freshness WHERE age_seconds >= 0"), want)
}

// closings are the figures of complete months by the metrics in Go. as_of is that of
// mrr_movements.
func (m *martsDatabase) closings() (lines []string) {
	m.Helper()
	of := m.truthOf("mrr_movements")
	line := func(month, currency, metric string, value any) {
		if text := fmt.Sprint(value); text != "NULL" {
			lines = append(lines, month+"-01|"+currency+"|"+metric+"|"+text)
		}
	}
	for i, r := range of.MRR {
		if !r.Complete {
			continue
		}
		sales := of.Sales[i]
		for metric, value := range map[string]any{
			"opening_mrr": four(r.Opening), "new_mrr": four(r.New), "discovered_mrr": four(r.Discovered), "reactivation_mrr": four(r.Reactivation), "expansion_mrr": four(r.Expansion),
			"contraction_mrr": four(r.Contraction), "churned_mrr": four(r.Churn), "churned_voluntary_mrr": four(r.ChurnVoluntary), "churned_involuntary_mrr": four(r.ChurnInvoluntary),
			"churned_unknown_mrr": four(r.ChurnUnknown), "closing_mrr": four(r.Closing), "overdue_mrr": four(r.OverdueMRR), "opening_customers": r.OpeningCustomers, "new_customers": r.NewCustomers,
			"discovered_customers": r.DiscoveredCustomers, "reactivated_customers": r.ReactivatedCustomers, "expanded_customers": r.ExpandedCustomers,
			"contracted_customers": r.ContractedCustomers, "churned_customers": r.ChurnedCustomers, "closing_customers": r.ClosingCustomers, "arpu": fixed(r.ARPU), "ltv": fixed(r.LTV),
			"charges": four(sales.Charges), "refunds": four(sales.Refunds), "charge_count": sales.ChargeCount, "refund_count": sales.RefundCount,
		} {
			line(r.Month, r.Currency, metric, value)
		}
	}
	for _, r := range of.Customers {
		if !r.Complete {
			continue
		}
		for metric, value := range map[string]any{
			"opening": r.Opening, "new": r.New, "discovered": r.Discovered, "reactivated": r.Reactivated, "churned": r.Churned, "churned_voluntary": r.ChurnedVoluntary,
			"churned_involuntary": r.ChurnedInvoluntary, "churned_unknown": r.ChurnedUnknown, "closing": r.Closing,
		} {
			line(r.Month, "", "customers_"+metric, value)
		}
	}
	return lines
}

// compareClosings states the figures twice. Between that, a late event comes and a currency
// goes. Both statements can be read afterwards.
func (m *martsDatabase) compareClosings() {
	m.Helper()
	rows := func() string { return m.rows("toString(count())]), ' ') FROM piano.month_closings")[0] }
	state := func() (lines []string, asOf string) {
		m.Helper()
		m.refresh("revenue_by_month" + schemas.RefreshSuffix)
		m.refresh("subscription_day_changes" + schemas.RefreshSuffix)
		lines = m.closings()
		m.refresh(schemas.MonthClosings + schemas.RefreshSuffix)
		return lines, moment(schemas.NullMillis{Millis: m.in.AsOf, Valid: true})
	}
	first, firstAsOf := state()
	stated := rows()
	if _, _ = state(); rows() != stated {
		m.Errorf("%s rows, then %s without a change", stated, rows())
	}
	late := schemas.Millis(time.Date(2018, 10, 7, 3, 0, 0, 0, time.UTC).UnixMilli())
	added := metrics.Subscription{ID: "late", Snapshot: metrics.Snapshot{Currency: "DKK"}, Events: []metrics.Event{
		{At: late, Action: schemas.Created, UserID: "late", TermType: "payment", Period: "1 month", Value: schemas.NullDecimal4{Decimal4: 40_0000, Valid: true}},
	}}
	whole := m.in.Subscriptions
	m.in.Subscriptions = []metrics.Subscription{added}
	m.insertEvents()
	m.exec("INSERT INTO piano.subscription_snapshots (snapshot_id, subscription_id, subscription_status, currency) VALUES ('00000000-0000-0000-0000-000000000001', 'late', 'active', 'DKK')")
	for i := range whole {
		if s := &whole[i]; s.Snapshot.Currency == "EUR" && !s.Internal {
			s.Internal = true
			m.exec("INSERT INTO piano.filtered_subscriptions SELECT '" + s.ID + "', 2, now64(3)")
		}
	}
	m.in.Subscriptions = append(whole, added)
	m.refresh(schemas.StateRefreshView)
	second, secondAsOf := state()
	if rows() == stated || slices.Equal(first, second) {
		m.Error("the late event restates nothing")
	}
	for at, want := range map[string][]string{firstAsOf: first, secondAsOf: second, "2018-12-31 00:00:00": nil} {
		m.same("month_figures_as_of "+at, m.rows(columns("month", "currency", "metric", "value")+"]), '|') FROM piano.month_figures_as_of(at = '"+at+"')"), want)
	}
}
