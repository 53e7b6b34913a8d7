package world_test

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// database makes Pianola's schema and returns a connection to it by each protocol.
func database(t *testing.T) map[string]driver.Conn {
	t.Helper()
	ctx := t.Context()
	db := chgo.OpenDB(server.Options(t, chgo.Native))
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE piano SYNC"); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	engine.Migrate(t, server.Connect(t), schemas.Options{Database: "piano"})
	conns := map[string]driver.Conn{}
	for name, o := range map[string]*chgo.Options{"native": server.Options(t, chgo.Native), "http": server.Options(t, chgo.HTTP)} {
		o.Auth.Database = "piano"
		conn, err := chgo.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		conns[name] = conn
	}
	return conns
}

func instant(m schemas.Millis) time.Time { return time.UnixMilli(int64(m)).UTC() }

func orNull(m schemas.NullMillis) *time.Time {
	if !m.Valid {
		return nil
	}
	at := instant(m.Millis)
	return &at
}

func textOrNull(b []byte) *string {
	if b == nil {
		return nil
	}
	s := string(b)
	return &s
}

// insert sends rows with clickhouse-go's types, so that it shares no code with the
// comparison.
func insert(t *testing.T, conn driver.Conn, into string, rows func(add func(...any))) {
	t.Helper()
	batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO "+into)
	if err != nil {
		t.Fatal(err)
	}
	rows(func(values ...any) {
		if err := batch.Append(values...); err != nil {
			t.Fatal(err)
		}
	})
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
}

func fill(t *testing.T, conn driver.Conn, w *world.World, tr *world.Truth) {
	t.Helper()
	topic, now := w.Config().Topic, w.Config().End
	insert(t, conn, "subscription_events", func(add func(...any)) {
		for r := range tr.Rows() {
			var money *decimal.Decimal
			if r.TransactionValue.Valid {
				d := decimal.New(int64(r.TransactionValue.Decimal4), -4)
				money = &d
			}
			var number *int32
			if r.SubscriptionPeriodNumber.Valid {
				number = &r.SubscriptionPeriodNumber.Int32
			}
			add(uuid.UUID(r.ID), string(r.SubscriptionID), string(r.UserID), instant(r.EventTimestamp), string(r.SubscriptionAction),
				textOrNull(r.EventName), textOrNull(r.ResourceName), orNull(r.NextBilledAt), textOrNull(r.BillingPeriod), textOrNull(r.TermType),
				textOrNull(r.TermName), money, orNull(r.TrialPeriodEndedAt), textOrNull(r.TrialDuration), textOrNull(r.BillingCountryCode),
				number, textOrNull(r.PaymentMode), textOrNull(r.UpgradeToSubscriptionID), textOrNull(r.UserEmailHashSHA256), r.IsInternalUser,
				textOrNull(r.ExperienceName), string(r.SubscriptionActionRaw), r.Version, now, "kafka", topic, uint32(0), r.Partition, r.Offset, uint8(0))
		}
	})
	insert(t, conn, "dead_letters", func(add func(...any)) {
		for _, d := range tr.DeadLetters {
			var field, id *string
			if d.Field != "" {
				field = &d.Field
			}
			if d.SubscriptionID != "" {
				id = &d.SubscriptionID
			}
			var sum *string
			if d.Reason != schemas.RejectedByServer {
				hash := hex.EncodeToString(d.SHA256[:])
				sum = &hash
			}
			var resolved *time.Time
			if d.Resolved {
				resolved = &now
			}
			add("kafka", topic, uint32(0), d.Partition, d.Offset, string(d.Reason), field, "a fixed sentence", id, "{}", sum,
				instant(d.MessageTime), now, uint32(1), resolved, nil, nil)
		}
	})
	insert(t, conn, "filtered_subscriptions", func(add func(...any)) {
		for _, id := range tr.FilteredSubscriptions {
			add(id, tr.FilteredVersions[id], now)
		}
	})
	insert(t, conn, "ingest_ledger", func(add func(...any)) {
		// Any distribution of the outcomes will do, if each row balances and the sums
		// are correct.
		c := tr.Counts
		left := []*int{&c.Stored, &c.Filtered, &c.DeadLettered, &c.Skipped}
		for p, end := range tr.Ends {
			var counts [4]uint64
			room := int(end)
			for i, n := range left {
				take := min(room, *n)
				counts[i], *n, room = uint64(take), *n-take, room-take
			}
			add("kafka", topic, uint32(0), int32(p), "flush", "", int64(0), end, uint64(end), counts[0], counts[1], counts[2], counts[3],
				end-1, now, "", "token", "", "instance", now, now)
		}
	})
}

func TestTruth_Compare(t *testing.T) {
	tier.Full(t, "changes the tables many times")
	conns := database(t)
	cfg := world.Defaults()
	cfg.Subscribers = 600
	w := with(t, cfg)
	tr := w.Truth()
	fill(t, conns["native"], w, tr)
	compare := func(t *testing.T, protocol string) world.Report {
		t.Helper()
		report, err := tr.Compare(t.Context(), conns[protocol])
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	for protocol := range conns {
		t.Run("tables with the truth are equal to it over "+protocol, func(t *testing.T) {
			if report := compare(t, protocol); !report.Equal() || len(report.Checks) != 6 {
				t.Error(report.String())
			}
		})
	}
	t.Run("a range that was read again is reported, but not a difference", func(t *testing.T) {
		if err := conns["native"].Exec(t.Context(), "INSERT INTO ingest_ledger SELECT * REPLACE ('again' AS insert_token) FROM ingest_ledger WHERE source_partition = 1"); err != nil {
			t.Fatal(err)
		}
		if report := compare(t, "native"); !report.Equal() || report.ReadAgain != tr.Ends[1] {
			t.Errorf("%d offsets read again, want %d\n%s", report.ReadAgain, tr.Ends[1], report.String())
		}
	})
	var row world.Row
	for r := range tr.Rows() {
		row = *r
	}
	id := "'" + string(row.SubscriptionID) + "'"
	// Each case damages the tables further. The check must report it.
	for _, c := range []struct {
		name, sql, check, says string
	}{
		{"a changed column", "INSERT INTO subscription_events SELECT * REPLACE ('Somewhere' AS resource_name, version + 1 AS version) FROM subscription_events FINAL WHERE event_id = '" +
			uuid.UUID(row.ID).String() + "'", "view piano_subscriber_event_stream", "resource_name is Somewhere"},
		{"and its version", "SELECT 1", "table subscription_events", "version is"},
		{"an unexpected event", "INSERT INTO subscription_events SELECT * REPLACE ('AAA' AS subscription_id, generateUUIDv4() AS event_id) FROM subscription_events FINAL LIMIT 1",
			"table subscription_events", "unexpected"},
		{"a missing row", "ALTER TABLE subscription_events DELETE WHERE subscription_id = " + id + " SETTINGS mutations_sync = 1",
			"view piano_subscriber_event_stream", "missing: " + string(row.SubscriptionID)},
		{"another reason", "INSERT INTO dead_letters SELECT * REPLACE ('guess' AS reason, decided_at + 1 AS decided_at) FROM dead_letters FINAL LIMIT 1",
			"table dead_letters", "guess"},
		{"a plaintext address", "INSERT INTO dead_letters SELECT * REPLACE ('to kim@example.com' AS payload, decided_at + 2 AS decided_at) FROM dead_letters FINAL LIMIT 1",
			"plaintext addresses", "dead letter"},
		{"an unexpected id", "INSERT INTO filtered_subscriptions VALUES ('ZZZ', 1, now())", "table filtered_subscriptions", "unexpected: ZZZ"},
		{"an unexpected range", "INSERT INTO ingest_ledger SELECT * REPLACE (next_offset AS start_offset, next_offset + 5 AS next_offset, 'other' AS insert_token) FROM ingest_ledger LIMIT 1",
			"table ingest_ledger", "do not balance"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := conns["native"].Exec(t.Context(), c.sql); err != nil {
				t.Fatal(err)
			}
			report := compare(t, "http")
			if report.Equal() {
				t.Fatal("equal")
			}
			for _, check := range report.Checks {
				if check.Name == c.check {
					if text := check.String(); !strings.Contains(text, c.says) {
						t.Errorf("%q does not say %q", text, c.says)
					}
					return
				}
			}
			t.Fatalf("no check is called %s", c.check)
		})
	}
	t.Run("a cancelled comparison is an error", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if report, err := tr.Compare(ctx, conns["native"]); err == nil {
			t.Errorf("no error; equal: %t", report.Equal())
		}
	})
}
