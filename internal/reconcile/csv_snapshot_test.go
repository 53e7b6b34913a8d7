package reconcile

import (
	"slices"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/piano/subscriptionlog"
	"github.com/pianola/pianola/transform"
)

// csvLog is a file of these lines under a header of some columns.
func csvLog(t *testing.T, lines ...string) *subscriptionlog.Reader {
	t.Helper()
	config := transform.Defaults()
	config.InternalEmailDomains = []string{"publisher.example"}
	rules, err := transform.New(config)
	if err != nil {
		t.Fatal(err)
	}
	content := "Term name,Subscription ID,Subscription status,Start date,User ID (UID),User email,First name,Term type,Billing period," +
		"Regular price,Auto-renew,Auto-renew disablement date,Total charged,Days subscribed,Charge count\n" + strings.Join(lines, "\n")
	log, err := subscriptionlog.Open(strings.NewReader(content), int64(len(content)), rules)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func TestSnapshot_StoresWhatAFileSays(t *testing.T) {
	s := testStore(t)
	of, err := s.fromCSV(t.Context(), csvLog(t,
		`for a@example.com,A,Cancelled,2026-01-01 00:00:00 +0100,u1,canary@example.com,Canary,Payment,1 month,6.02,FALSE,,6.0200,31,1`,
		`,B,Expired,2026-01-01,u2,canary@example.com,Canary,Dynamic,whenever,,FALSE,2026-02-01,,,`,
		`,I,Active,2026-01-01,u3,canary@publisher.example,Canary,Payment,,,,,,,`,
		`for a@example.com,A,Cancelled,2026-01-01 00:00:00 +0100,u1,canary@example.com,Canary,Payment,1 month,6.02,FALSE,,6.0200,31,1`), noon)
	if err != nil {
		t.Fatal(err)
	}
	if of.Source != "csv" || !of.AsOf.Equal(noon) || of.Rows != 2 || of.Filtered != 1 || of.Repeated != 1 || of.UnreadPlans != 1 || of.Pages != 0 {
		t.Errorf("got %+v", of)
	}
	got := texts(t, s.conn, `SELECT toString(tuple(* EXCEPT synced_at)) FROM `+s.tables.Table("piano_api_subscriptions")+` ORDER BY subscription_id`)
	want := []string{
		"('A','u1','2025-12-31 23:00:00.000','1 month','cancelled','payment',6.02,false,NULL,'canceled')",
		"('B','u2','2026-01-01 00:00:00.000',NULL,'expired','dynamic',NULL,false,'2026-02-01 00:00:00.000','auto_renew_off')",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	traits := texts(t, s.conn, `SELECT toString((subscription_id, started_at, days_subscribed, subscription_status, autorenew, total_charged, billing_period,
		term_name, term_type, user_id, promo_code)) FROM `+s.tables.Table("subscription_traits")+` ORDER BY subscription_id`)
	want = []string{
		"('A','2025-12-31 23:00:00.000',31,'Cancelled',false,6.02,'1 month','" + transform.Guard("for a@example.com") + "','Payment','u1',NULL)",
		"('B','2026-01-01 00:00:00.000',NULL,'Expired',false,NULL,'whenever',NULL,'Dynamic','u2',NULL)",
	}
	if !slices.Equal(traits, want) {
		t.Errorf("traits: got\n%s\nwant\n%s", strings.Join(traits, "\n"), strings.Join(want, "\n"))
	}
	for _, table := range []string{"subscription_snapshots", "subscription_snapshot_traits"} {
		for _, row := range texts(t, s.conn, `SELECT toString(tuple(*)) FROM `+s.tables.Table(table)) {
			if strings.Contains(row, "@") || strings.Contains(strings.ToLower(row), "canary") {
				t.Errorf("%s holds something personal: %s", table, row)
			}
		}
	}
}

func TestSnapshot_AFileIsShownWholeOrNotAtAll(t *testing.T) {
	s := testStore(t)
	s.take(t, named("A", "B"))
	lines := make([]string, 0, blockRows+2)
	for _, id := range numberedIDs(0, blockRows+1) {
		lines = append(lines, ","+id+",Active,2026-01-01,u,,,Payment,,,,,,,")
	}
	lines = append(lines, `,Z,Active,canary,u,,,Payment,,,,,,,`)
	_, err := s.fromCSV(t.Context(), csvLog(t, lines...), noon.AddDate(1, 0, 0))
	if err == nil || !strings.Contains(err.Error(), "line 10003, column Start date") || strings.Contains(err.Error(), "canary") {
		t.Fatalf("got %v", err)
	}
	if got := s.shown(t); got != "A active, B active" {
		t.Errorf("got %q", got)
	}
	if err := s.prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"subscription_snapshots", "subscription_snapshot_traits"} {
		left := texts(t, s.conn, `SELECT subscription_id FROM `+s.tables.Table(table)+` WHERE subscription_id LIKE 'S%' LIMIT 3`)
		if len(left) > 0 {
			t.Errorf("%s still has %v", table, left)
		}
	}
}
