package job

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

func TestParseID(t *testing.T) {
	id := NewID(time.Date(2026, 11, 29, 23, 15, 30, 0, time.FixedZone("CET", 3600)))
	if !strings.HasPrefix(id, "20261129t221530-") {
		t.Errorf("got %s", id)
	}
	for text, want := range map[string]string{
		id: id, " " + strings.ToUpper(id) + "\n": id,
		"20261129t221530": "", "20261129t221530-x7k2'": "", "": "", "latest": "",
	} {
		if got, err := ParseID(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestPlan_Shared(t *testing.T) {
	at := func(name string, epoch uint32, partition int32, from, to int64) Range {
		return Range{name, epoch, partition, from, to}
	}
	a := at("t", 0, 1, 100, 200)
	for name, c := range map[string]struct {
		other Range
		want  bool
	}{
		"the same":           {a, true},
		"the last offset":    {at("t", 0, 1, 199, 300), true},
		"after it":           {at("t", 0, 1, 200, 300), false},
		"before it":          {at("t", 0, 1, 0, 100), false},
		"around it":          {at("t", 0, 1, 0, 300), true},
		"another partition":  {at("t", 0, 2, 100, 200), false},
		"another topic":      {at("u", 0, 1, 100, 200), false},
		"before a recreated": {at("t", 1, 1, 100, 200), false},
	} {
		mine, theirs := Plan{Ranges: []Range{at("x", 0, 0, 0, 9), a}}, Plan{Ranges: []Range{c.other}}
		if _, got := mine.shared(theirs); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if _, got := theirs.shared(mine); got != c.want {
			t.Errorf("%s, the other way round: %v", name, got)
		}
	}
	file := Plan{Ranges: []Range{{Name: "a.csv"}}}
	if _, same := file.shared(file); !same {
		t.Error("a file does not overlap with itself")
	}
	if _, same := file.shared(Plan{Ranges: []Range{{Name: "b.csv"}}}); same {
		t.Error("two files overlap")
	}
}

// Random chunks became durable, in any order, some twice. They and what remains are the
// plan, and each offset is remaining or covered.
func TestCovered_RemainingIsTheRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := Plan{Ranges: []Range{{Name: "t", Partition: 0, From: 5, To: 25}, {Name: "t", Partition: 1, From: 0, To: 10}, {Name: "t", Epoch: 1, To: 4}}}
		covered := map[[3]int64]bool{}
		var rows []schemas.LedgerRow
		for range rapid.IntRange(0, 12).Draw(t, "chunks") {
			r := rapid.SampledFrom(plan.Ranges).Draw(t, "range")
			from := rapid.Int64Range(r.From, r.To-1).Draw(t, "from")
			next := rapid.Int64Range(from+1, r.To).Draw(t, "next")
			rows = append(rows, schemas.LedgerRow{Name: r.Name, Epoch: r.Epoch, Partition: r.Partition, StartOffset: from, NextOffset: next, LastOffset: next - 1})
			for o := from; o < next; o++ {
				covered[[3]int64{int64(r.Epoch), int64(r.Partition), o}] = true
			}
		}
		slices.SortStableFunc(rows, func(a, b schemas.LedgerRow) int { // as the query does
			return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.StartOffset, b.StartOffset))
		})
		c := coveredBy(rows)
		remaining := map[[3]int64]bool{}
		for _, r := range c.Remaining(plan) {
			for o := r.From; o < r.To; o++ {
				key := [3]int64{int64(r.Epoch), int64(r.Partition), o}
				if remaining[key] || covered[key] {
					t.Fatalf("%v is there twice", key)
				}
				remaining[key] = true
			}
		}
		if len(remaining)+len(covered) != 34 || c.Offsets(plan) != uint64(len(covered)) {
			t.Fatalf("%d remaining, %d covered (counted as %d) of 34", len(remaining), len(covered), c.Offsets(plan))
		}
	})
}

// A chunk that is there twice, after an unknown outcome, counts once.
func TestCovered_CountsAChunkOnce(t *testing.T) {
	c := coveredBy([]schemas.LedgerRow{
		{Name: "t", StartOffset: 0, NextOffset: 10, Messages: 10, Stored: 9, DeadLettered: 1, LastOffset: 9},
		{Name: "t", StartOffset: 0, NextOffset: 8, Messages: 8, Stored: 8, LastOffset: 7},
		{Name: "t", StartOffset: 8, NextOffset: 12, Messages: 4, Filtered: 3, Skipped: 1, LastOffset: 11},
		{Name: "t", Partition: 1, StartOffset: 8, NextOffset: 9, LastOffset: -1},
	})
	if want := (Counts{Messages: 12, Stored: 8, Filtered: 3, Skipped: 1, DeadLettered: 0}); !reflect.DeepEqual(c.Counts, want) {
		t.Errorf("got %v, want %v", c.Counts, want)
	}
	if len(c.Last) != 1 || c.Last[0].LastOffset != 11 {
		t.Errorf("last records: %+v", c.Last)
	}
}

func TestCovered_OfAFileWithoutAnEnd(t *testing.T) {
	c := coveredBy([]schemas.LedgerRow{{Name: "f", StartOffset: 10, NextOffset: 20, LastOffset: 19}})
	want := []Range{{Name: "f", To: 10}, {Name: "f", From: 20}, {Name: "g"}}
	if got := c.Remaining(Plan{Ranges: []Range{{Name: "f"}, {Name: "g"}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRules_Changed(t *testing.T) {
	base := transform.Defaults()
	base.InternalUserIDs = []string{"b", "a"}
	for want, change := range map[string]func(*transform.Config){
		"":                                 func(c *transform.Config) { c.InternalUserIDs = []string{"a", "b"} },
		"transform.source_timezone":        func(c *transform.Config) { c.SourceTimezone = "Europe/Berlin" },
		"transform.field_aliases":          func(c *transform.Config) { c.FieldAliases = map[string]string{"a": "user_id"} },
		"transform.unknown_action":         func(c *transform.Config) { c.UnknownAction = transform.DropUnknown },
		"transform.max_future":             func(c *transform.Config) { c.MaxFuture = 0 },
		"transform.max_message_bytes":      func(c *transform.Config) { c.MaxMessageBytes = 5 },
		"transform.internal_user_ids":      func(c *transform.Config) { c.InternalUserIDs = []string{"a", "c"} },
		"transform.action_synonyms":        func(c *transform.Config) { c.ActionSynonyms = map[string]string{"on hold": "Canceled"} },
		"transform.internal_email_domains": func(c *transform.Config) { c.InternalEmailDomains = []string{"example.com"} },
	} {
		changed := base
		change(&changed)
		was, is := RulesOf(base, "v1"), RulesOf(changed, "v1")
		if got := strings.Join(was.changed(is), ", "); got != want || (was.SHA256() == is.SHA256()) != (want == "") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := RulesOf(base, "v1").changed(RulesOf(base, "v2")); len(got) != 1 || got[0] != "the version of pianola" {
		t.Errorf("another binary: %q", got)
	}
	if err := (&RulesChangedError{ID: "x", Names: []string{"transform.internal_user_ids"}}).Error(); strings.Contains(err, "a, b") {
		t.Error(err)
	}
}

func TestParseFilter(t *testing.T) {
	rules := defaultRules(t)
	for text, want := range map[string]Filter{
		"":                              {},
		"action=renewal,action=lapsed":  {Actions: []string{"Renewed", "Expired"}},
		"subscription=a, action=Paused": {Actions: []string{"Paused"}, Subscriptions: []string{"a"}},
	} {
		got, unknown, err := ParseFilter(text, rules)
		if err != nil || !reflect.DeepEqual(got, want) || (len(unknown) == 1) != strings.Contains(text, "Paused") {
			t.Errorf("%q: got %+v, unknown %q, %v", text, got, unknown, err)
		}
	}
	// The plan of a job is stored.
	if f, unknown, err := ParseFilter("subscription=ada@example.com,action=to ada@example.com", rules); err != nil || strings.Contains(fmt.Sprint(f, unknown), "@") ||
		!f.Selects([]byte(transform.Guard("ada@example.com")), []byte(transform.Guard("to ada@example.com"))) {
		t.Errorf("got %+v, unknown %q, %v", f, unknown, err)
	}
	for _, text := range []string{"Renewed", "action=", "month=2024-01", "action=Renewed,,"} {
		if _, _, err := ParseFilter(text, rules); err == nil || !strings.Contains(err.Error(), "action=ACTION") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func defaultRules(t *testing.T) *transform.Rules {
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestFilter_Selects(t *testing.T) {
	rules := defaultRules(t)
	for _, c := range []struct {
		filter               string
		subscription, action string
		want                 bool
	}{
		{"", "", "", true},
		{"action=Renewed", "a", "Renewed", true},
		{"action=Renewed", "a", "Expired", false},
		{"action=Renewed", "a", "", false},
		{"subscription=a", "a", "", true},
		{"subscription=a", "", "", false},
		{"subscription=a,subscription=b,action=Renewed", "b", "Renewed", true},
		{"subscription=a,action=Renewed", "b", "Renewed", false},
	} {
		f, _, err := ParseFilter(c.filter, rules)
		if err != nil || f.Selects([]byte(c.subscription), []byte(c.action)) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
