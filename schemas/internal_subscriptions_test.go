package schemas_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pianola/pianola/schemas"
)

// TestInternalSubscriptions_NewestDeliveryDecides stores deliveries of subscriptions in
// the order that is listed, each in its own part.
func TestInternalSubscriptions_NewestDeliveryDecides(t *testing.T) {
	conn, o := server.Database(t)
	filtered := func(version, writtenAt int) string {
		return fmt.Sprintf("filtered_subscriptions VALUES ('ID', %d, fromUnixTimestamp64Milli(toInt64(%d)))", version, writtenAt)
	}
	event := func(version, writtenAt, deleted int) string {
		return fmt.Sprintf(`subscription_events (subscription_id, event_timestamp, event_id, version, synced_at, is_deleted)
			VALUES ('ID', '2026-01-01', reinterpretAsUUID(toUInt128(%[1]d)), %[1]d, fromUnixTimestamp64Milli(toInt64(%[2]d)), %[3]d)`, version, writtenAt, deleted)
	}
	stored := func(version, writtenAt int) string { return event(version, writtenAt, 0) }
	removed := func(version, writtenAt int) string { return event(version, writtenAt, 1) }
	var want []string
	for id, c := range map[string]struct {
		deliveries []string
		internal   bool
	}{
		"only stored":                                 {[]string{stored(5, 1)}, false},
		"only filtered":                               {[]string{filtered(5, 1)}, true},
		"a later stored event":                        {[]string{filtered(5, 1), stored(6, 2)}, false},
		"a later stored event, written first":         {[]string{stored(6, 1), filtered(5, 2)}, false},
		"a later filtered event":                      {[]string{stored(5, 1), filtered(6, 2)}, true},
		"filtered, stored, filtered":                  {[]string{filtered(5, 1), stored(6, 2), filtered(7, 3)}, true},
		"an old filtered one redelivered":             {[]string{filtered(5, 1), stored(6, 2), filtered(5, 3)}, false},
		"the same message, stored by today's rules":   {[]string{filtered(5, 1), stored(5, 2)}, false},
		"the same message, filtered by today's rules": {[]string{stored(5, 1), filtered(5, 2)}, true},
		"a file with both":                            {[]string{stored(0, 1), filtered(0, 1)}, true},
		"a file, then Kafka":                          {[]string{filtered(0, 1), stored(5, 2)}, false},
		"a later stored event that a replay removed":  {[]string{filtered(5, 1), stored(6, 2), removed(6, 3)}, true},
		"an event that was removed, and is back":      {[]string{filtered(5, 1), stored(6, 2), removed(6, 3), stored(6, 4)}, false},
		"one of two later events removed":             {[]string{filtered(5, 1), stored(6, 2), stored(7, 2), removed(7, 3)}, false},
		"many stored, one of them later":              {[]string{stored(1, 1), stored(9, 1), stored(2, 1), filtered(8, 1)}, false},
	} {
		for _, insert := range c.deliveries {
			statement := "INSERT INTO `" + o.Database + "`." + strings.Replace(insert, "ID", strings.ReplaceAll(id, "'", "''"), 1)
			if err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatalf("%v\n%s", err, statement)
			}
		}
		if c.internal {
			want = append(want, id)
		}
	}
	slices.Sort(want)
	var got []string
	if err := conn.QueryRow(t.Context(), "SELECT arraySort(groupArray(subscription_id)) FROM "+o.Table("internal_subscriptions")).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("internal are\n%q, want\n%q", got, want)
	}
}

// TestVersionTimeSQL_EqualsVersionTime compares the two at every boundary.
func TestVersionTimeSQL_EqualsVersionTime(t *testing.T) {
	conn := server.Connect(t)
	versions := []uint64{0, 1, 1<<20 - 1, 1 << 20, 1<<60 - 1, 1 << 60, 1<<60 + 1, 1<<63 - 1, 1 << 63, math.MaxUint64,
		schemas.KafkaVersion(1_750_000_000_000, 42), schemas.KafkaVersion(0, 1<<50)}
	for _, version := range versions {
		var got int64
		query := fmt.Sprintf("SELECT %s FROM (SELECT toUInt64(%d) AS v)", schemas.VersionTimeSQL("v"), version)
		if err := conn.QueryRow(t.Context(), query).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if want := int64(schemas.VersionTime(version)); got != want {
			t.Errorf("version %d: %d, want %d", version, got, want)
		}
	}
}
