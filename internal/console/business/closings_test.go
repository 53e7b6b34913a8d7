package business_test

import (
	"net/url"
	"testing"
)

// TestClosings_Restatements has a figure that was stated three times, and is gone at last.
func TestClosings_Restatements(t *testing.T) {
	conn, o := server.Database(t)
	for _, row := range []string{
		"'2026-01-01', 'DKK', 'closing_mrr', 10, '2026-02-01 00:05:00'", "'2026-01-01', 'DKK', 'closing_mrr', 12.5, '2026-02-03 00:05:00'", "'2026-01-01', 'DKK', 'closing_mrr', NULL, '2026-02-05 00:05:00'",
		"'2026-02-01', 'DKK', 'closing_mrr', 20, '2026-03-01 00:05:00'", "'2026-01-01', 'EUR', 'closing_mrr', 99, '2026-02-01 00:05:00'", "'2026-01-01', '', 'customers_closing', 7, '2026-02-01 00:05:00'",
	} {
		if err := conn.Exec(t.Context(), "INSERT INTO "+o.Table("month_closings")+" (month, currency, metric, value, as_of) SELECT "+row); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Exec(t.Context(), "INSERT INTO "+o.Table("mrr_movements")+" (month, currency) SELECT '2026-01-01', 'DKK'"); err != nil {
		t.Fatal(err)
	}
	c := comparison{site: open(t, o.Database), currency: "DKK"}
	closing := url.Values{"figure": {"closing_mrr"}}
	c.same("closings", "stated", closing, "month first latest difference times", [][]any{{"2026-01-01", 10, nil, nil, 3}, {"2026-02-01", 20, 20, 0, 1}})
	c.same("closings", "restatements", closing, "month stated_at before after difference", [][]any{
		{"2026-01-01", "2026-02-05 00:05:00", 12.5, nil, nil}, {"2026-01-01", "2026-02-03 00:05:00", 10, 12.5, 2.5},
	})
	c.same("closings", "stated", url.Values{"figure": {"customers_closing"}}, "month first latest", [][]any{{"2026-01-01", 7, 7}})
}
