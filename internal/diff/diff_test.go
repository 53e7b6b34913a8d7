package diff_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/diff"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/schemas"
)

var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

// databases are two with the same events of 40 subscriptions, the same dead letters and
// the same filtered subscriptions.
type databases struct {
	testing.TB
	conn          driver.Conn
	first, second string
}

func newDatabases(t testing.TB, subscriptions int) *databases {
	t.Helper()
	conn, a := server.Database(t)
	_, b := server.Database(t)
	d := &databases{t, conn, a.Database, b.Database}
	shelf := pianoapi.Synthetic{Subscriptions: subscriptions, Begin: time.Date(2025, 1, 10, 0, 0, 0, 0, time.UTC)}
	for _, name := range []string{d.first, d.second} {
		d.exec(shelf.EventsSQL(d.table(name, "subscription_events")) + " SETTINGS max_partitions_per_insert_block = 0")
		d.exec(`INSERT INTO ` + d.table(name, "dead_letters") + ` (source, source_name, source_offset, reason, field, decided_at)
			SELECT 'kafka', 'events', number, ['invalid_json', 'missing_field'][number % 2 + 1], if(number % 2 = 0, NULL, 'user_id'), now64(3) FROM numbers(5)`)
		d.exec(`INSERT INTO ` + d.table(name, "filtered_subscriptions") + ` SELECT concat('F', toString(number)), number, now64(3) FROM numbers(7)`)
	}
	return d
}

func (d *databases) table(database, name string) string {
	return schemas.Options{Database: database}.Table(name)
}

func (d *databases) exec(statement string) {
	d.Helper()
	if err := d.conn.Exec(d.Context(), statement); err != nil {
		d.Fatalf("%v\n%s", err, statement)
	}
}

// events is the table of the second database.
func (d *databases) events() string { return d.table(d.second, "subscription_events") }

// compare compares the two, and checks that the report survives JSON.
func (d *databases) compare(months ...diff.Month) *diff.Report {
	d.Helper()
	report, err := diff.New(diff.Deps{Conn: d.conn, First: d.first, Second: d.second, Months: months, Samples: 3}).Run(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	text, err := json.Marshal(report)
	if err != nil {
		d.Fatal(err)
	}
	var back diff.Report
	if err := json.Unmarshal(text, &back); err != nil || back.Events.Differences != report.Events.Differences || back.Events.First.Value.String() != report.Events.First.Value.String() || !reflect.DeepEqual(back.Columns, report.Columns) {
		d.Fatalf("%v: %.500s", err, text)
	}
	return report
}

// rewrite inserts events of the second database again, as later versions with other
// columns. set are the columns that change.
func (d *databases) rewrite(where string, set map[string]string) {
	d.Helper()
	var columns, values []string
	for _, column := range schemas.EventColumns() {
		value := column.Name
		if to, changed := set[column.Name]; changed {
			value = to
		}
		if column.Name == "version" {
			value = "version + 1"
		}
		columns, values = append(columns, column.Name), append(values, value)
	}
	d.exec(fmt.Sprintf("INSERT INTO %[1]s (%[2]s) SELECT %[3]s FROM %[1]s FINAL WHERE %[4]s SETTINGS max_partitions_per_insert_block = 0",
		d.events(), strings.Join(columns, ", "), strings.Join(values, ", "), where))
}

const one = "subscription_id = 'SYN000000003' AND subscription_action = 'Created'"

func TestCompare_Identical(t *testing.T) {
	d := newDatabases(t, 40)
	// Other versions, times of writing and coordinates of the same events are no difference.
	d.rewrite("1", map[string]string{"synced_at": "synced_at + INTERVAL 1 DAY", "source_offset": "source_offset + 9"})
	r := d.compare()
	if !r.Identical || r.Nothing || r.Events.First.Events < 200 || r.Events.First.Events != r.Events.Second.Events || r.Events.First.Value.String() != r.Events.Second.Value.String() ||
		len(r.Months) < 6 || len(r.Samples) > 0 || r.Filtered.First != 7 || len(r.DeadLetters) != 2 {
		t.Errorf("%+v", r)
	}
	// The exact sum of 5 charges of 12.99 for each subscription.
	if got := r.Events.First.Value.String(); got != "2598.0000" {
		t.Errorf("sum of transaction_value: %s", got)
	}
}

func TestCompare_PlantedEvents(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(d *databases)
		want  diff.Differences
		kinds []diff.Kind // of the samples
		check func(*testing.T, *diff.Report)
	}{
		"an event is missing": {
			plant: func(d *databases) { d.exec("DELETE FROM " + d.events() + " WHERE " + one) },
			want:  diff.Differences{OnlyFirst: 1}, kinds: []diff.Kind{diff.OnlyFirst},
			check: func(t *testing.T, r *diff.Report) {
				if s := r.Samples[0]; s.Subscription != "SYN000000003" || s.Action != "Created" || s.At.Year() != 2025 {
					t.Errorf("sample %+v", s)
				}
			},
		},
		"an event has another action": {
			plant: func(d *databases) {
				d.rewrite(one, map[string]string{"subscription_action": "'Upgraded'", "event_id": "generateUUIDv4()"})
				d.exec("DELETE FROM " + d.events() + " WHERE " + one)
			},
			want: diff.Differences{OnlyFirst: 1, OnlySecond: 1}, kinds: []diff.Kind{diff.OnlyFirst, diff.OnlySecond},
			check: func(t *testing.T, r *diff.Report) {
				for _, a := range r.Actions {
					if want := a.Action == "Created" || a.Action == "Upgraded"; a.Differs() != want {
						t.Errorf("action %+v", a)
					}
				}
			},
		},
		"an event is in another month": {
			plant: func(d *databases) {
				d.rewrite(one, map[string]string{"event_timestamp": "event_timestamp - INTERVAL 1 YEAR", "event_id": "generateUUIDv4()"})
				d.exec("DELETE FROM " + d.events() + " WHERE " + one + " AND event_timestamp > '2025-01-01'")
			},
			want: diff.Differences{OnlyFirst: 1, OnlySecond: 1}, kinds: []diff.Kind{diff.OnlyFirst, diff.OnlySecond},
			check: func(t *testing.T, r *diff.Report) {
				if m := r.Months[0]; m.Month.String()[:4] != "2024" || m.First.Events != 0 || m.Second.Events != 1 || m.OnlySecond != 1 {
					t.Errorf("month %+v", m)
				}
			},
		},
		"columns differ": {
			plant: func(d *databases) {
				d.rewrite(one, map[string]string{"term_name": "'canary \\'term\\''", "transaction_value": "toDecimal64('12.9901', 4)", "billing_period": "NULL",
					"user_id": "'canary-user'", "user_email_hash_sha256": "'canary-hash'", "experience_name": "''"})
			},
			want: diff.Differences{Changed: 1}, kinds: []diff.Kind{diff.Changed},
			check: func(t *testing.T, r *diff.Report) {
				want := map[string]uint64{"term_name": 1, "transaction_value": 1, "billing_period": 1, "user_id": 1, "user_email_hash_sha256": 1, "experience_name": 1}
				if !reflect.DeepEqual(r.Columns, want) {
					t.Errorf("columns %v", r.Columns)
				}
				text := func(s *string) string {
					if s == nil {
						return "NULL"
					}
					return *s
				}
				var got []string
				for _, c := range r.Samples[0].Columns {
					got = append(got, fmt.Sprintf("%s %v %s %s", c.Name, c.Hidden, text(c.First), text(c.Second)))
				}
				if want := []string{"user_id true NULL NULL", "billing_period false 1 month NULL", "term_name false NULL canary 'term'", "transaction_value false 12.99 12.9901",
					"user_email_hash_sha256 true NULL NULL", "experience_name false NULL "}; !slices.Equal(got, want) {
					t.Errorf("sample %q", got)
				}
				if d := r.Events.Second.Value.Sub(r.Events.First.Value.Decimal).String(); d != "0.0001" {
					t.Errorf("the sums differ by %s", d)
				}
				if encoded, err := json.Marshal(r); err != nil || strings.Contains(string(encoded), "canary-") {
					t.Errorf("a personal value is shown: %s", encoded)
				}
			},
		},
		"many events differ": {
			plant: func(d *databases) { d.rewrite("1", map[string]string{"payment_mode": "'card'"}) },
			want:  diff.Differences{Changed: 254}, kinds: []diff.Kind{diff.Changed, diff.Changed, diff.Changed},
			check: func(*testing.T, *diff.Report) {},
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			d := newDatabases(t, 40)
			c.plant(d)
			r := d.compare()
			if r.Identical || r.Events.Differences != c.want {
				t.Errorf("differences %+v, want %+v", r.Events.Differences, c.want)
			}
			var kinds []diff.Kind
			for _, s := range r.Samples {
				kinds = append(kinds, s.Kind)
			}
			if slices.Sort(kinds); !slices.Equal(kinds, slices.Sorted(slices.Values(c.kinds))) {
				t.Fatalf("samples %v, want %v", kinds, c.kinds)
			}
			c.check(t, r)
		})
	}
}

func TestCompare_DeadLettersAndFilteredSubscriptions(t *testing.T) {
	d := newDatabases(t, 10)
	letters := d.table(d.second, "dead_letters")
	// One is resolved, and one is of another field.
	d.exec(`INSERT INTO ` + letters + ` (source, source_name, source_offset, reason, decided_at, resolved_at) SELECT 'kafka', 'events', 0, 'invalid_json', now64(3) + 1, now64(3)`)
	d.exec(`INSERT INTO ` + letters + ` (source, source_name, source_offset, reason, field, decided_at) SELECT 'kafka', 'events', 1, 'missing_field', 'event_timestamp', now64(3) + 1`)
	d.exec(`DELETE FROM ` + d.table(d.second, "filtered_subscriptions") + ` WHERE subscription_id IN ('F0', 'F6')`)
	d.exec(`INSERT INTO ` + d.table(d.second, "filtered_subscriptions") + ` SELECT 'G', 1, now64(3)`)
	r := d.compare()
	if r.Identical || r.Events.Differences != (diff.Differences{}) {
		t.Errorf("%+v", r.Events)
	}
	if want := []diff.LetterResult{{"invalid_json", 3, 2, true}, {"missing_field", 2, 2, true}}; !slices.Equal(r.DeadLetters, want) {
		t.Errorf("dead letters %+v", r.DeadLetters)
	}
	want := &diff.FilteredResult{First: 7, Second: 6, OnlyFirst: 2, OnlySecond: 1, Samples: map[diff.Kind][]string{diff.OnlyFirst: {"F0", "F6"}, diff.OnlySecond: {"G"}}}
	if !reflect.DeepEqual(r.Filtered, want) {
		t.Errorf("filtered %+v", r.Filtered)
	}
}

func TestCompare_SelectedMonths(t *testing.T) {
	d := newDatabases(t, 40)
	d.rewrite(one, map[string]string{"payment_mode": "'card'"})
	all := d.compare()
	for _, m := range all.Months {
		r := d.compare(m.Month)
		if len(r.Months) != 1 || r.Filtered != nil || len(r.DeadLetters) != 0 || r.Identical == m.Differs() {
			t.Errorf("%s: %+v", m.Month, r)
		}
	}
}

// TestCompare_NothingIsNoSuccess: two empty databases, and months without events.
func TestCompare_NothingIsNoSuccess(t *testing.T) {
	conn, a := server.Database(t)
	_, b := server.Database(t)
	for name, deps := range map[string]diff.Deps{
		"empty":         {First: a.Database, Second: b.Database},
		"another_month": {First: newDatabases(t, 3).first, Second: newDatabases(t, 3).second, Months: []diff.Month{199912}},
	} {
		deps.Conn = conn
		if r, err := diff.New(deps).Run(t.Context()); err != nil || r.Identical || !r.Nothing {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	full := newDatabases(t, 3)
	full.second = a.Database
	if r := full.compare(); r.Identical || r.Nothing || r.Events.OnlyFirst != r.Events.First.Events || r.Filtered.OnlyFirst != 7 {
		t.Errorf("one of them is empty: %+v", r)
	}
}
