package business_test

import (
	"encoding/csv"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
)

var (
	quoted    = regexp.MustCompile(`="[^"]*"`)
	forbidden = regexp.MustCompile(`<(script>|style|img|image)|<[a-z][^>]* (on[a-z]+|style)=`)
	scriptURL = regexp.MustCompile(`(?i)="\s*javascript:`)
)

// markup finds what the Content-Security-Policy of the console forbids, and elements that
// only a text of the marts has. All values of attributes are in double quotes.
func markup(body string) string {
	return forbidden.FindString(quoted.ReplaceAllString(body, `=""`)) + scriptURL.FindString(body)
}

// TestPages_Empty opens every page of a new database.
func TestPages_Empty(t *testing.T) {
	_, o := server.Database(t)
	s := open(t, o.Database)
	for _, path := range paths() {
		body := s.get(path).Body.String()
		if strings.Contains(body, "could not be read") {
			t.Errorf("%s: %s", path, body[strings.Index(body, "could not be read"):][:200])
		}
		for _, address := range s.tables(path, body) {
			if records, err := csv.NewReader(s.get(address).Body).ReadAll(); err != nil || len(records) != 1 {
				t.Errorf("%s: %d lines, %v", address, len(records), err)
			}
		}
	}
}

// TestPages_HostileTexts has markup and formulas in every text of the marts.
func TestPages_HostileTexts(t *testing.T) {
	conn, o := server.Database(t)
	hostile := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(2)>`, `'; DROP TABLE promo_codes; --`, `=HYPERLINK("http://x.example","y")`, `+1`, `-2+3`, `@SUM(A1)`, "\t=1", "\r=1", `</svg><style>*{}</style>`, `{{ .Now }}`, `\N`,
	}
	fill(t, conn, o, hostile)
	s := open(t, o.Database)
	for _, path := range paths() {
		for _, choices := range []string{"", "?" + url.Values{"by": {"country"}, "term": {"=" + hostile[1]}, "currency": {hostile[7]}, "figure": {hostile[1]}, "reading": {hostile[0]}}.Encode()} {
			body := s.get(path + choices).Body.String()
			if found := markup(body); found != "" {
				t.Errorf("%s%s: markup of a text is in the page: %q", path, choices, found)
			}
			if strings.Contains(body, "could not be read") {
				t.Errorf("%s%s: %s", path, choices, body[strings.Index(body, "could not be read"):][:200])
			}
			if choices != "" {
				continue
			}
			for _, address := range s.tables(path, body) {
				records, err := csv.NewReader(s.get(address).Body).ReadAll()
				if err != nil {
					t.Errorf("%s: %v", address, err)
				}
				for _, record := range records {
					for _, field := range record {
						if field != "" && strings.ContainsRune("=+@\t\r", rune(field[0])) || strings.HasPrefix(field, "-2+") {
							t.Errorf("%s: %q is a formula", address, field)
						}
					}
				}
			}
		}
	}
	if rows := s.rows("promo-codes", "codes", nil); len(rows) != 1 {
		t.Errorf("%d codes in one currency, want 1", len(rows))
	}
	if body := s.get("/business/promo-codes").Body.String(); !strings.Contains(body, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Error("the text of a code is not in its page")
	}
}

// fill writes a row with each text into each mart.
func fill(t *testing.T, conn driver.Conn, o schemas.Options, texts []string) {
	t.Helper()
	from := o.Database + ".texts"
	if err := conn.Exec(t.Context(), "CREATE TABLE "+from+" (number UInt8, text String) ENGINE = Memory"); err != nil {
		t.Fatal(err)
	}
	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO "+from)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		if err := batch.Append(uint8(i), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
	for table, row := range map[string]string{
		"mrr_movements":            `(month, currency, kind, churn_kind, customers, customers_once, entered, left, amount, as_of) SELECT toStartOfMonth(now()), text, 'new', '', 1, 1, 100 - number, 0, 5, now64(3)`, // the first text is the usual currency,
		"subscription_day_changes": `(day, currency, live, in_trial, failing, paying, mrr, overdue, overdue_mrr, as_of) SELECT today(), text, 2, 1, 1, 1, 5, 1, 5, now64(3)`,
		"subscription_ends":        `(subscription_id, ended_at, month, customer, currency, kind, mrr_before, paid, left_none, as_of) SELECT text, now(), toStartOfMonth(now()), text, text, text, 1, true, true, now64(3)`,
		"dunning_episodes":         `(subscription_id, started_at, month, customer, currency, failures, mrr, outcome, as_of) SELECT text, now(), toStartOfMonth(now()), text, text, 1, 1, 'open', now64(3)`,
		"customer_retention":       `(cohort, month, age, customers, active, unbroken, immature, as_of) SELECT toStartOfMonth(now()) - toIntervalMonth(number), toStartOfMonth(now()), number, 1, 1, 1, true, now64(3)`,
		"revenue_by_month":         `(month, currency, term_name, resource_name, country, experience_name, charges, refunds, charge_count, refund_count, as_of) SELECT toStartOfMonth(now()), text, text, text, text, text, 10, -1, 1, 1, now64(3)`,
		"subscription_changes":     `(subscription_id, announced_at, month, direction, customer, currency, counts, outcome, mrr_before, mrr_after, currency_after, as_of) SELECT text, now(), toStartOfMonth(now()), 'upgrade', text, text, true, 'effective', 1, 2, text, now64(3)`,
		"subscription_trials":      `(subscription_id, started_at, cohort, customer, currency, outcome, immature, as_of) SELECT text, now(), toStartOfMonth(now()), text, text, 'open', true, now64(3)`,
		"subscriptions_at_risk":    `(subscription_id, customer, currency, autorenew_off, failing, overdue, in_trial, trial_ends_at, current_period_ends_at, mrr, as_of) SELECT text, text, text, true, true, true, true, now(), now(), 1, now64(3)`,
		"promo_codes":              `(promo_code, currency, subscriptions, redeemed, as_of) SELECT text, text, 2, 1, now64(3)`,
		"month_closings":           `(month, currency, metric, value, as_of) SELECT toStartOfMonth(now()), text, text, 1, now64(3)`,
	} {
		if err := conn.Exec(t.Context(), "INSERT INTO "+o.Table(table)+" "+row+" FROM "+from); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
	}
}
