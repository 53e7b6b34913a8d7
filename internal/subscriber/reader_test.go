package subscriber_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/internal/subscriber"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

var servers testbed.Servers

func TestMain(m *testing.M) { os.Exit(servers.Run(m)) }

// TestReader_OfAWorld reads subscribers of a world by user id and compares the reports
// with the views.
func TestReader_OfAWorld(t *testing.T) {
	tier.Full(t, "reads many subscribers of a world")
	for _, protocol := range []string{"native", "http"} {
		t.Run(protocol, func(t *testing.T) {
			s := servers.Fixture(t, testbed.Config{Protocol: protocol, Seed: 12, Subscribers: 120, State: true})
			s.Publish()
			s.Ingest()
			s.RefreshState()
			reader := subscriber.New(s.Analyst, schemas.Options{Database: s.Topic})
			// A report costs a dozen queries, so not every subscriber is read. One with a
			// failed payment is.
			limit := map[string]int{"native": 30, "http": 5}[protocol]
			var users []string
			s.Must(statement.Each(t.Context(), s.Analyst, fmt.Sprintf(`SELECT user_id FROM subscription_state WHERE user_id != '' GROUP BY user_id
				ORDER BY max(NOT closed AND failed_payments > 0) DESC, user_id LIMIT %d`, limit), func(row driver.Rows) error {
				users = append(users, "")
				return row.Scan(&users[len(users)-1])
			}))
			if len(users) != limit {
				t.Fatalf("users: %d", len(users))
			}
			var events, subscriptions, failed int
			for _, user := range users {
				report, err := reader.Read(t.Context(), user)
				if err != nil {
					t.Fatalf("%s: %v", user, err)
				}
				if report.FoundBy != "user_id" || !slices.Contains(report.Users, user) {
					t.Fatalf("%s: %+v", user, report)
				}
				for _, one := range report.Subscriptions {
					subscriptions++
					events += len(one.Timeline)
					if one.Summary == "" || one.State == nil {
						t.Fatalf("%s: %+v", one.ID, one)
					}
					if slices.Contains(one.Marks, subscriber.MarkFailed) {
						failed++
					}
					if !slices.IsSortedFunc(one.Timeline, func(a, b subscriber.Event) int { return a.At.Compare(b.At) }) {
						t.Errorf("%s: the timeline is not in order", one.ID)
					}
				}
			}
			var wantEvents, wantSubscriptions, wantFailed uint64
			of := fmt.Sprintf("has(%s, user_id)", statement.Texts(users))
			s.One("SELECT count(), uniqExact(subscription_id) FROM piano_subscriber_event_stream WHERE subscription_id IN (SELECT subscription_id FROM piano_subscriber_event_stream WHERE "+of+")", &wantEvents, &wantSubscriptions)
			s.One("SELECT countIf(NOT closed AND failed_payments > 0) FROM subscription_state WHERE "+of, &wantFailed)
			// A subscription of two user ids is in two reports.
			if uint64(events) < wantEvents || uint64(subscriptions) < wantSubscriptions || uint64(failed) < wantFailed || wantFailed == 0 {
				t.Errorf("reports: %d events of %d subscriptions, %d failed; want %d, %d, %d", events, subscriptions, failed, wantEvents, wantSubscriptions, wantFailed)
			}
		})
	}
}

// TestReader_Read is one subscriber with everything, under ids that contain what a
// statement could misread.
func TestReader_Read(t *testing.T) {
	s := servers.Fixture(t, testbed.Config{Protocol: "native", State: true})
	reader := subscriber.New(s.Analyst, schemas.Options{Database: s.Topic})
	const id, user, address = `RC'1\', "x"] --`, `u'1\`, "Kari.Normann@Example.com"
	hash, _ := transform.HashAddress(address)
	quote := func(text string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'" }
	event := func(subscription, at, action, value, next string) {
		s.Exec(fmt.Sprintf(`INSERT INTO subscription_events (event_id, subscription_id, user_id, event_timestamp, subscription_action, transaction_value, next_billed_at,
			term_type, billing_period, user_email_hash_sha256, version, synced_at, source, source_name, source_offset)
			SELECT generateUUIDv4(), %s, %s, %s, %s, %s, %s, 'payment', '1 month', '%s', 1, now64(3), 'kafka', 'events', 7`,
			quote(subscription), quote(user), quote(at), quote(action), value, next, hash))
	}
	event(id, "2026-01-03 10:00:00", schemas.Created, "99", "'2026-02-03 10:00:00'")
	event(id, "2026-02-03 10:00:00", schemas.PaymentFailed, "99", "now() + INTERVAL 3 DAY")
	event("RC2", "2026-01-01 00:00:00", schemas.Created, "10", "'2026-02-01 00:00:00'")
	event("RC2", "2026-01-20 00:00:00", schemas.Canceled, "NULL", "NULL")
	event("RC3", "2026-01-20 00:00:00", schemas.Created, "5", "NULL") // another user's, below
	s.Exec("ALTER TABLE subscription_events UPDATE user_id = 'other', user_email_hash_sha256 = NULL WHERE subscription_id = 'RC3'")
	s.Exec(`INSERT INTO snapshot_runs (snapshot_id, source, state, as_of, whole, written_at) SELECT toUUID('00000000-0000-0000-0000-000000000001'), 'api', 'complete', now64(3) - 60, true, now64(3)`)
	s.Exec(`INSERT INTO subscription_snapshots (snapshot_id, subscription_id, user_id, subscription_status, regular_price, currency, autorenew)
		SELECT toUUID('00000000-0000-0000-0000-000000000001'), ` + quote(id) + `, ` + quote(user) + `, 'active', 99, 'DKK', true`)
	s.Exec(`INSERT INTO drift (subscription_id, kind, stream_value, api_value, severity, first_seen_at) SELECT ` + quote(id) + `, 'status', 'fail_and_retry', 'active', 'drift', now64(3)`)
	s.Exec(`INSERT INTO dead_letters (source, source_name, source_offset, reason, subscription_id, decided_at) SELECT 'kafka', 'events', 9, 'invalid_value', ` + quote(id) + `, now64(3)`)
	s.Exec(`INSERT INTO filtered_subscriptions (subscription_id, version, filtered_at) SELECT 'RC2', 5, now64(3)`)

	for by, key := range map[string]string{"subscription_id": id, "user_id": user, "user_email_hash_sha256": " " + strings.ToUpper(address) + "\n"} {
		t.Run(by, func(t *testing.T) {
			report, err := reader.Read(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if report.FoundBy != by || !slices.Equal(report.Users, []string{user}) || report.Read == nil || report.Read.Rows == 0 {
				t.Errorf("%+v", report)
			}
			if by == "user_email_hash_sha256" && report.Key != hash {
				t.Errorf("the key is shown as %q", report.Key)
			}
			want := 2
			if by == "subscription_id" {
				want = 1
			}
			if len(report.Subscriptions) != want {
				t.Fatalf("subscriptions: %+v", report.Subscriptions)
			}
			one := report.Subscriptions[0] // the live one is first
			if one.ID != id || !strings.HasPrefix(one.Summary, "payment failed once since 3 Feb 2026, next retry ") {
				t.Errorf("%s: %q", one.ID, one.Summary)
			}
			for _, mark := range []subscriber.Mark{subscriber.MarkDeadLetters, subscriber.MarkFailed, subscriber.MarkDrift} {
				if !slices.Contains(one.Marks, mark) {
					t.Errorf("no mark %q in %v", mark, one.Marks)
				}
			}
			if len(one.Timeline) != 2 || one.Timeline[1].Source != "events/0/7" || one.API == nil || one.API.Status != "active" || len(one.Disagreements) != 1 {
				t.Errorf("%+v", one)
			}
			if len(one.Money) != 1 || one.Money[0].Paid.String() != "99" || one.Money[0].Currency != "DKK" || one.Money[0].Payments != 1 {
				t.Errorf("money %+v", one.Money)
			}
			if want == 2 {
				if ended := report.Subscriptions[1]; ended.ID != "RC2" || ended.Summary != "ended 20 Jan 2026: cancelled" || !slices.Contains(ended.Marks, subscriber.MarkInternal) || ended.API != nil {
					t.Errorf("%+v", ended)
				}
			}
		})
	}
	for name, key := range map[string]string{"unknown id": "RC9", "unknown address": "nobody@example.com", "pattern": "RC%"} {
		t.Run(name, func(t *testing.T) {
			if _, err := reader.Read(t.Context(), key); !errors.Is(err, subscriber.ErrUnknown) || strings.Contains(err.Error(), key) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("events that a replay has removed", func(t *testing.T) {
		s.Exec("INSERT INTO subscription_events SELECT * REPLACE (1 AS is_deleted) FROM subscription_events FINAL WHERE subscription_id = 'RC3'")
		if _, err := reader.Read(t.Context(), "RC3"); !errors.Is(err, subscriber.ErrUnknown) {
			t.Errorf("%v", err)
		}
	})
}
