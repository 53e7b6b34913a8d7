package conversion_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/promo/conversion"
	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/schemas"
)

// server is the engine that the package's tests share.
var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

type object = map[string]any

// world is a database, and a Piano with promotions and conversions.
type world struct {
	*testing.T
	conn   driver.Conn
	tables schemas.Options
	reader conversion.Reader
	now    time.Time

	mu          sync.Mutex
	promotions  []object
	conversions []object
	windows     []string // date_from of each list of conversions
	failAfter   int      // windows, after which lists of conversions are refused; 0 for never
}

func newWorld(t *testing.T) *world {
	t.Helper()
	conn, tables := server.Database(t)
	w := &world{T: t, conn: conn, tables: tables, now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}
	fake := httptest.NewServer(w)
	t.Cleanup(fake.Close)
	c := piano.Defaults()
	c.BaseURL, c.AID, c.Token, c.Rate, c.PageSize = fake.URL, "app", "canary-token", 10_000, 5
	api, err := piano.New(c, nil, zap.NewNop(), piano.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	w.reader = conversion.Reader{Store: store.Store{Conn: conn, Tables: tables, Log: zap.NewNop()}, API: api, Now: func() time.Time { return w.now }}
	return w
}

func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	w.mu.Lock()
	defer w.mu.Unlock()
	key, rows := "promotions", w.promotions
	if strings.HasSuffix(r.URL.Path, "/conversion/list") {
		from, _ := strconv.ParseInt(r.Form.Get("date_from"), 10, 64)
		to, _ := strconv.ParseInt(r.Form.Get("date_to"), 10, 64)
		w.windows = append(w.windows, time.Unix(from, 0).UTC().Format(time.DateOnly))
		if w.failAfter > 0 && len(w.windows) > w.failAfter {
			_ = json.NewEncoder(out).Encode(object{"code": 2})
			return
		}
		key, rows = "conversions", nil
		for _, c := range w.conversions {
			if at, _ := c["create_date"].(int64); at >= from && at < to || c["create_date"] == "canary" {
				rows = append(rows, c)
			}
		}
	}
	offset, _ := strconv.Atoi(r.Form.Get("offset"))
	limit, _ := strconv.Atoi(r.Form.Get("limit"))
	page := append([]object{}, rows[min(offset, len(rows)):min(offset+limit, len(rows))]...)
	_ = json.NewEncoder(out).Encode(object{"code": 0, key: page, "total": len(rows), "count": len(page)})
}

func (w *world) exec(sql string) {
	w.Helper()
	if err := w.conn.Exec(w.Context(), sql); err != nil {
		w.Fatalf("%v\n%s", err, sql)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// rows are the rows of a query, each as one text.
func (w *world) rows(query string) []string {
	w.Helper()
	return w.rowsOf(w.Context(), query)
}

// rowsOf are those under a context with parameters.
func (w *world) rowsOf(ctx context.Context, query string) []string {
	w.Helper()
	rows, err := w.conn.Query(ctx, query)
	w.must(err)
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		var one string
		w.must(rows.Scan(&one))
		all = append(all, one)
	}
	w.must(rows.Err())
	return all
}

// computed says that the state is complete at a time.
func (w *world) computed(at string) {
	w.Helper()
	w.exec("INSERT INTO " + w.tables.Table("subscriptions") + " (subscription_id, progress, refresh, is_deleted) SELECT '', ('" + at + "', '" + at + "', toUUID('00000000-0000-0000-0000-000000000000'), []), 1, 1")
}

// subscription writes one of a month for 100 NOK. columns are assignments in SQL.
func (w *world) subscription(id, charges string, columns ...string) {
	w.Helper()
	var payments []string
	for _, c := range strings.Fields(charges) {
		day, value, _ := strings.Cut(c, "=")
		payments = append(payments, fmt.Sprintf("('%s', %s, true, '', '', '', '')", day, value))
	}
	names := []string{"subscription_id", "user_id", "counts", "refresh", "status", "currency", "regular_price", "period_months", "payments", "started_at", "first_event_at"}
	first, _, _ := strings.Cut(charges+"=", "=")
	if first == "" {
		first = "2026-01-01"
	}
	values := []string{"'" + id + "'", "'u" + id + "'", "true", "1", "'active'", "'NOK'", "100", "1", "[" + strings.Join(payments, ", ") + "]", "'" + first + "'", "'" + first + "'"}
	for _, c := range columns {
		name, value, _ := strings.Cut(c, " = ")
		if i := slices.Index(names, name); i >= 0 {
			values[i] = value
			continue
		}
		names, values = append(names, name), append(values, value)
	}
	w.exec("INSERT INTO " + w.tables.Table("subscriptions") + " (" + strings.Join(names, ", ") + ") SELECT " + strings.Join(values, ", "))
}

// ended are the columns of a subscription that ended.
func ended(day, reason string) []string {
	return []string{"status = 'expired'", "closed = true", "ended_at = '" + day + "'", "end_reason = '" + reason + "'"}
}

// converted writes a conversion with a code.
func (w *world) converted(subscription, promotion, code, state, day string, prices ...string) {
	w.Helper()
	original, amount := "NULL", "NULL"
	if len(prices) == 2 {
		original, amount = prices[0], prices[1]
	}
	w.exec(fmt.Sprintf(`INSERT INTO %s (conversion_id, promotion_id, promo_code, code_state, subscription_id, original_price, amount, currency, created_at, read_at)
		SELECT 'C %[2]s %[3]s', '%[3]s', '%[4]s', '%[5]s', '%[2]s', %[7]s, %[8]s, 'NOK', '%[6]s', '2026-05-31'`, w.tables.Table("promo_conversions"), subscription, promotion, code, state, day, original, amount))
}

// synced says that a read of conversions has ended.
func (w *world) synced() {
	w.Helper()
	w.exec("INSERT INTO " + w.tables.Table("promo_conversions") + " (conversion_id, code_state, read_at) SELECT '', 'active', '2026-05-31'")
}

// rule writes a version of a promotion.
func (w *world) rule(promotion, code, prefix, periods, from string) {
	w.Helper()
	w.exec(fmt.Sprintf("INSERT INTO %s (promotion_id, promotion_name, fixed_code, code_prefix, discounted_periods, valid_from) SELECT '%s', 'Promotion %[2]s', '%s', '%s', %s, '%s'",
		w.tables.Table("promotion_rules"), promotion, code, prefix, periods, from))
}

// traits writes the codes of a file.
func (w *world) traits(codes ...string) {
	w.Helper()
	const file = "00000000-0000-0000-0000-000000000001"
	w.exec("INSERT INTO " + w.tables.Table("snapshot_runs") + " (snapshot_id, source, state, as_of, whole, written_at) SELECT '" + file + "', 'csv', 'complete', '2026-05-30', true, now64(3)")
	for i := 0; i < len(codes); i += 2 {
		w.exec("INSERT INTO " + w.tables.Table("subscription_snapshot_traits") + " (snapshot_id, subscription_id, promo_code) SELECT '" + file + "', '" + codes[i] + "', '" + codes[i+1] + "'")
	}
}
