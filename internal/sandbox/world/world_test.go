package world_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

func build(t testing.TB, seed uint64, subscribers int) *world.World {
	t.Helper()
	cfg := world.Defaults()
	cfg.Seed, cfg.Subscribers = seed, subscribers
	return with(t, cfg)
}

func with(t testing.TB, cfg world.Config) *world.World {
	t.Helper()
	w, err := world.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// sum is a digest over all that a message is.
func sum(w *world.World) []byte {
	h := sha256.New()
	for m := range w.Messages() {
		fmt.Fprintf(h, "%d %d %q %d ", m.Partition, m.Time.UnixMilli(), m.Key, len(m.Value))
		h.Write(m.Value)
	}
	return h.Sum(nil)
}

func TestWorld_same_seed_gives_same_bytes(t *testing.T) {
	a, b := build(t, 7, 300), build(t, 7, 300)
	first := sum(a)
	if !bytes.Equal(first, sum(b)) {
		t.Error("two worlds of one seed differ")
	}
	if !bytes.Equal(first, sum(a)) {
		t.Error("the same world gives other messages the second time")
	}
	if a.Truth().Digest() != b.Truth().Digest() {
		t.Error("the truths of one seed differ")
	}
}

// People report problems by seed, so the bytes of a seed must not change by accident.
// A change on purpose needs a new digest here.
func TestWorld_bytes_of_a_seed_do_not_change(t *testing.T) {
	const pinned = "144aee8feb867a4584a2d84425aaae375ad5f54fbc521e1c7bfac0f5bfe113a0"
	w := build(t, 1, 500)
	if have := hex.EncodeToString(sum(w)); have != pinned {
		t.Errorf("the messages of seed 1 have the digest %s, want %s", have, pinned)
	}
	if n := w.Truth().Counts.Messages; n != w.Total() {
		t.Errorf("the truth counts %d messages, Total says %d", n, w.Total())
	}
}

func TestWorld_different_seeds_differ(t *testing.T) {
	a, b := build(t, 1, 300), build(t, 2, 300)
	if bytes.Equal(sum(a), sum(b)) {
		t.Error("two seeds give the same messages")
	}
	if a.Truth().Digest() == b.Truth().Digest() {
		t.Error("two seeds give the same truth")
	}
}

func TestWorld_messages_are_not_sorted_by_timestamp(t *testing.T) {
	w := build(t, 1, 2000)
	back := 0
	var last time.Time
	for m := range w.Messages() {
		if m.Time.Before(last) {
			back++
		}
		last = m.Time
		if m.Partition < 0 || int(m.Partition) >= w.Config().Partitions {
			t.Fatalf("partition %d", m.Partition)
		}
	}
	if back == 0 {
		t.Error("no record is stamped before the one sent before it: nothing is out of order")
	}
}

func TestTruth_counts_balance(t *testing.T) {
	for _, unknown := range []world.UnknownAction{world.KeepUnknown, world.DeadLetterUnknown, world.DropUnknown} {
		cfg := world.Defaults()
		cfg.Subscribers, cfg.UnknownAction = 2000, unknown
		tr := with(t, cfg).Truth()
		c := tr.Counts
		if c.Messages != c.Stored+c.Filtered+c.DeadLettered+c.Skipped || c.Stored != c.Rows+c.Redelivered {
			t.Errorf("%s: %+v does not balance", unknown, c)
		}
		if c.DeadLettered != len(tr.DeadLetters) {
			t.Errorf("%s: %d dead letters counted, %d kept", unknown, c.DeadLettered, len(tr.DeadLetters))
		}
		rows := 0
		var before []byte
		for row := range tr.Rows() {
			rows++
			key := fmt.Appendf(nil, "%s\x00%020d%x", row.SubscriptionID, row.EventTimestamp, row.ID)
			if bytes.Compare(before, key) >= 0 {
				t.Fatalf("%s: rows out of order, or one twice: %q after %q", unknown, key, before)
			}
			before = key
			if row.IsInternalUser {
				t.Errorf("%s: a stored row is internal", unknown)
			}
		}
		if rows != c.Rows {
			t.Errorf("%s: %d rows, %d counted", unknown, rows, c.Rows)
		}
		var ends int64
		for _, end := range tr.Ends {
			ends += end
		}
		if ends != int64(c.Messages) {
			t.Errorf("%s: the partitions end at %v, together not %d", unknown, tr.Ends, c.Messages)
		}
	}
}

func TestWorld_2000_subscribers_cover_every_reason_and_field(t *testing.T) {
	cfg := world.Defaults()
	cfg.Subscribers, cfg.UnknownAction, cfg.BadShare = 2000, world.DeadLetterUnknown, 0.05
	tr := with(t, cfg).Truth()
	columns := []string{"user_email", "email"}
	for _, c := range schemas.ContractColumns() {
		columns = append(columns, c.Name)
	}
	required := []string{"subscription_id", "event_timestamp", "subscription_action"}
	instants := []string{"event_timestamp", "next_billed_at", "trial_period_ended_at"}
	want := map[schemas.Reason][]string{
		schemas.InvalidJSON:         {""},
		schemas.NotAnObject:         {""},
		schemas.TooLarge:            {""},
		schemas.DuplicateField:      columns,
		schemas.InvalidType:         columns,
		schemas.MissingField:        required,
		schemas.InvalidTimestamp:    instants,
		schemas.TimestampOutOfRange: instants,
		schemas.UnknownAction:       {"subscription_action"},
		schemas.InvalidValue: {"subscription_id", "transaction_value", "subscription_period_number", "is_internal_user",
			"user_email_hash_sha256", "user_email", "email"},
	}
	for reason, fields := range want {
		for _, field := range fields {
			if tr.Reasons[world.ReasonField{Reason: reason, Field: field}] == 0 {
				t.Errorf("no dead letter for %s %q", reason, field)
			}
		}
	}
	for rf := range tr.Reasons {
		if !slices.Contains(want[rf.Reason], rf.Field) {
			t.Errorf("a dead letter for %s %q, which is not in the contract", rf.Reason, rf.Field)
		}
	}
	for _, reason := range schemas.Reasons() {
		if _, known := want[reason]; !known && reason != schemas.RejectedByServer {
			t.Errorf("this test does not know %s", reason)
		}
	}
}

func TestWorld_rows_have_every_action_term_and_shape(t *testing.T) {
	tr := build(t, 1, 2000).Truth()
	seen := map[string]int{}
	for row := range tr.Rows() {
		seen["action "+string(row.SubscriptionAction)]++
		seen["term "+string(row.TermType)]++
		seen["period "+string(row.BillingPeriod)]++
		seen["country "+string(row.BillingCountryCode)]++
		if row.UpgradeToSubscriptionID != nil {
			seen["names another subscription"]++
		}
		if len(row.UserID) == 0 {
			seen["no user"]++
		}
		if strings.HasPrefix(string(row.UserID), "sha256:") {
			seen["user id was an address"]++
		}
		if bytes.Contains(row.SubscriptionID, []byte("sha256:")) {
			seen["subscription id held an address"]++
		}
		if row.TransactionValue.Valid && row.TransactionValue.Decimal4 < 0 {
			seen["refund"]++
		}
		if row.UserEmailHashSHA256 == nil {
			seen["no email"]++
		}
		if !row.NextBilledAt.Valid {
			seen["no next bill"]++
		}
		if row.TrialPeriodEndedAt.Valid {
			seen["trial"]++
		}
	}
	var want []string
	for _, a := range schemas.Actions() {
		want = append(want, "action "+a)
	}
	want = append(want, "action Paused", "term payment", "term dynamic", "term gift", "term external", "period 1 month", "period 3 months",
		"period 1 year", "period 2 years", "country DK", "country SE", "country NO", "country DE", "country GB", "country US", "country DNK",
		"names another subscription", "no user", "user id was an address", "subscription id held an address", "refund", "no email",
		"no next bill", "trial")
	for _, name := range want {
		if seen[name] == 0 {
			t.Errorf("no row with %s", name)
		}
	}
	if len(tr.FilteredSubscriptions) == 0 || tr.Counts.Skipped == 0 || tr.Counts.Redelivered == 0 {
		t.Errorf("filtered ids %d, %+v", len(tr.FilteredSubscriptions), tr.Counts)
	}
}

// TestWorld_names_nobody: every address has a domain that is reserved for
// documentation.
func TestWorld_names_nobody(t *testing.T) {
	address := regexp.MustCompile(`(?i)@([\pL\d._-]+\.[\pL][\pL\d_-]+)`)
	reserved := regexp.MustCompile(`(?i)(^|\.)(example\.(com|org|net|c)|example)$`)
	n := 0
	for m := range build(t, 3, 600).Messages() {
		for _, found := range address.FindAllSubmatch(m.Value, -1) {
			n++
			if !reserved.Match(found[1]) {
				t.Fatalf("a message holds an address of %q", found[1])
			}
		}
	}
	if n == 0 {
		t.Fatal("no address at all: the pattern is wrong")
	}
	for row := range build(t, 3, 600).Truth().Rows() {
		if line := row.AppendStored(nil); address.Match(line) {
			t.Fatalf("a row of %s holds an address", row.SubscriptionID)
		}
	}
}

func TestNew_reports_every_mistake(t *testing.T) {
	_, err := world.New(world.Config{BadShare: 2, UnknownAction: "guess", Start: world.Defaults().End, End: world.Defaults().Start})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"subscribers", "not before", "topic", "partitions", "guess", "bad share"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not mention %q", err, want)
		}
	}
}

func BenchmarkMessages(b *testing.B) {
	w := build(b, 1, 5000)
	var bytes int64
	for m := range w.Messages() {
		bytes += int64(len(m.Value))
	}
	b.SetBytes(bytes)
	b.ReportAllocs()
	for b.Loop() {
		for range w.Messages() {
		}
	}
	b.ReportMetric(float64(b.N)*float64(w.Total())/b.Elapsed().Seconds(), "messages/s")
}

// A world that ends now has no message from the future, and few subscriptions whose next
// bill is in the past. With an end of months ago most were overdue.
func TestConfig_EndAt(t *testing.T) {
	now := time.Date(2031, 3, 4, 0, 40, 0, 0, time.UTC)
	cfg := world.Defaults()
	cfg.Subscribers = 2000
	cfg.EndAt(now.Add(-time.Hour))
	w := with(t, cfg)
	late := 0
	for m := range w.Messages() {
		if m.Time.After(now) {
			t.Fatalf("a message was sent at %v", m.Time)
		}
		if m.Time.Equal(now) {
			late++
		}
	}
	if late == 0 {
		t.Error("no delivery was moved to the end")
	}
	active, overdue := 0.0, 0.0
	for s := range w.Truth().States(schemas.Millis(now.UnixMilli())) {
		if s.Status != world.StatusActive {
			continue
		}
		active++
		if s.CurrentPeriodEndsAt.Valid && int64(s.CurrentPeriodEndsAt.Millis) < now.UnixMilli() {
			overdue++
		}
	}
	if overdue > 0.1*active {
		t.Errorf("%v of %v active subscriptions are overdue", overdue, active)
	}
	t.Logf("%v of %v active subscriptions are overdue", overdue, active)
}
