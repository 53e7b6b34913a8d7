package schemas_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
)

// stored is one row of an event: a delivery with a text, or a delete marker without one.
type stored struct {
	version int
	text    string
}

// markerCases are the rows of one event each, in the order of insertion, and the text
// that a reader must see: none where the event is hidden.
var markerCases = map[string]struct {
	rows []stored
	want string
}{
	"no marker":                   {[]stored{{5, "a"}}, "a"},
	"equal version":               {[]stored{{5, "a"}, {5, ""}}, ""},
	"lower version":               {[]stored{{5, "a"}, {4, ""}}, "a"},
	"higher version":              {[]stored{{5, "a"}, {6, ""}}, ""},
	"marker first, equal version": {[]stored{{5, ""}, {5, "a"}}, "a"},
	"marker first, then higher":   {[]stored{{5, ""}, {6, "a"}}, "a"},
	"marker first, then lower":    {[]stored{{6, ""}, {5, "a"}}, ""},
	"above several versions":      {[]stored{{5, "a"}, {7, "b"}, {6, "c"}, {7, ""}}, ""},
	"between versions":            {[]stored{{5, "a"}, {7, "b"}, {6, ""}}, "b"},
	"there and back":              {[]stored{{5, "a"}, {5, ""}, {5, "b"}}, "b"},
	"there, back and there":       {[]stored{{5, "a"}, {5, ""}, {5, "b"}, {5, ""}}, ""},
	"a correction after it":       {[]stored{{5, "a"}, {5, ""}, {8, "b"}}, "b"},
	"file, equal version 0":       {[]stored{{0, "a"}, {0, ""}}, ""},
	"only a marker":               {[]stored{{5, ""}}, ""},
}

// TestFinal_HidesDeleteMarkers reads every kind of part: of level 0 with several rows of
// an event, several parts, and one merged part, which FINAL could pass through unmerged.
func TestFinal_HidesDeleteMarkers(t *testing.T) {
	for _, c := range []struct {
		name       string
		partsEach  bool // one INSERT for each row of an event
		atInsert   int  // optimize_on_insert
		partsAfter int
	}{
		{"one part", false, 0, 1},
		{"one part, merged at the insert", false, 1, 1},
		{"several parts", true, 0, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, o := server.Database(t)
			m := markers{conn: conn, t: t, o: o}
			m.exec("SYSTEM STOP MERGES " + o.Table("subscription_events"))
			var inserts [4][]string
			for name, one := range markerCases {
				for i, row := range one.rows {
					if !c.partsEach {
						i = 0
					}
					inserts[i] = append(inserts[i], m.values(name, row))
				}
			}
			for _, rows := range inserts {
				m.insert(c.atInsert, rows...)
			}
			if got := m.parts(); got != c.partsAfter {
				t.Fatalf("%d parts, want %d", got, c.partsAfter)
			}
			m.check("as inserted")
			m.exec("SYSTEM START MERGES " + o.Table("subscription_events"))
			m.exec("OPTIMIZE TABLE " + o.Table("subscription_events") + " FINAL")
			if got := m.parts(); got != 1 {
				t.Fatalf("%d parts after the merge", got)
			}
			m.check("merged")
			m.exec("SYSTEM STOP MERGES " + o.Table("subscription_events"))
			m.insert(0, m.values("no marker", stored{6, "a"}))
			m.check("merged, and a further part")
		})
	}
}

type markers struct {
	conn driver.Conn
	t    *testing.T
	o    schemas.Options
}

func (m markers) exec(statement string) {
	m.t.Helper()
	if err := m.conn.Exec(m.t.Context(), statement); err != nil {
		m.t.Fatalf("%v\n%s", err, statement)
	}
}

// values are a row of the event that name identifies. A marker has no user and no term.
func (m markers) values(name string, row stored) string {
	text, user, deleted := "NULL", "", 1
	if row.text != "" {
		text, user, deleted = "'"+row.text+"'", "u", 0
	}
	return fmt.Sprintf("('%[1]s', '2026-01-01', reinterpretAsUUID(murmurHash3_128('%[1]s')), 'Created', '%[2]s', %[3]s, %[3]s, %[4]d, '2026-02-01', %[5]d)",
		name, user, text, row.version, deleted)
}

func (m markers) insert(optimize int, rows ...string) {
	m.t.Helper()
	if len(rows) > 0 {
		m.exec(fmt.Sprintf(`INSERT INTO %s (subscription_id, event_timestamp, event_id, subscription_action, user_id, term_name, term_type, version, synced_at, is_deleted)
			SETTINGS optimize_on_insert = %d, async_insert = 0 VALUES %s`, m.o.Table("subscription_events"), optimize, strings.Join(rows, ", ")))
	}
}

func (m markers) parts() (n int) {
	m.t.Helper()
	var parts uint64
	if err := m.conn.QueryRow(m.t.Context(), "SELECT count() FROM system.parts WHERE active AND database = $1 AND table = 'subscription_events'", m.o.Database).Scan(&parts); err != nil {
		m.t.Fatal(err)
	}
	return int(parts)
}

// check reads through the views and with FINAL, with conditions that a skip index or the
// key answers, over both protocols.
func (m markers) check(state string) {
	m.t.Helper()
	var want []string
	for name, one := range markerCases {
		if one.want != "" {
			want = append(want, name+"="+one.want)
		}
	}
	slices.Sort(want)
	const settings = " SETTINGS do_not_merge_across_partitions_select_final = 1"
	for _, protocol := range []ch.Protocol{ch.Native, ch.HTTP} {
		conn, err := ch.Open(server.Options(m.t, protocol))
		if err != nil {
			m.t.Fatal(err)
		}
		for _, from := range []string{
			m.o.Table("piano_subscriber_event_stream"),
			m.o.Table("piano_subscriber_event_stream") + " WHERE user_id = 'u'",
			m.o.Table("piano_subscriber_event_stream") + " WHERE synced_at >= '2026-02-01' AND subscription_id != ''",
			m.o.Table("subscription_events") + " FINAL" + settings,
			m.o.Table("subscription_events") + " FINAL WHERE term_name != ''" + settings,
			m.o.Table("subscription_events") + " FINAL PREWHERE event_timestamp < '2027-01-01'" + settings + ", optimize_read_in_order = 1",
		} {
			var got []string
			query := "SELECT arraySort(groupArray(concat(subscription_id, '=', ifNull(term_name, '')))) FROM " + from
			if err := conn.QueryRow(m.t.Context(), query).Scan(&got); err != nil {
				m.t.Fatalf("%v\n%s", err, query)
			}
			if !slices.Equal(got, want) {
				m.t.Errorf("%s, %v: %s\ngot  %q\nwant %q", state, protocol, from, got, want)
			}
		}
		var count, states uint64
		if err := conn.QueryRow(m.t.Context(), "SELECT (SELECT count() FROM "+m.o.Table("piano_subscriber_event_stream")+"), (SELECT count() FROM "+
			m.o.Table("subscription_state_at")+"(at = '2199-01-01 00:00:00') WHERE events = 1)").Scan(&count, &states); err != nil {
			m.t.Fatal(err)
		}
		if count != uint64(len(want)) || states != uint64(len(want)) {
			m.t.Errorf("%s, %v: %d events and %d states, want %d", state, protocol, count, states, len(want))
		}
		_ = conn.Close()
	}
}
