package erasure

import (
	"maps"
	"strings"
	"testing"

	"github.com/pianola/pianola/schemas"
)

// TestDecisions_CoverTheSchema fails for a new column of a type with text until somebody has
// decided whether it can name a person, and for a decision about nothing.
func TestDecisions_CoverTheSchema(t *testing.T) {
	rules, err := rulesOf()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]tableRule{}
	for _, r := range rules {
		found[r.name] = r
	}
	for _, table := range []string{"subscription_events", "dead_letters", "filtered_subscriptions", "subscription_snapshots", "subscription_snapshot_traits",
		"drift", "actions_log", "reconciliation_comparisons", "reconciliation_targets", "replay_claims", "replay_jobs"} {
		if _, ok := found[table]; !ok {
			t.Errorf("%s has no rule", table)
		}
	}
	roles, err := schemas.Roles(schemas.Options{Database: "piano"})
	if err != nil {
		t.Fatal(err)
	}
	granted := map[string]bool{}
	for _, r := range roles {
		for _, g := range r.Grants {
			if r.Name == schemas.RoleErase {
				granted[g.Privilege+" "+g.On] = true
			}
		}
	}
	needed := map[string]bool{"ALTER DELETE erasure_targets": true, "SELECT *": true, "SELECT view_refreshes": true, "INSERT erasures": true, "INSERT erasure_targets": true,
		"INSERT suppressions": true, "INSERT filtered_subscriptions": true, "INSERT subscriptions": true}
	for _, r := range rules {
		if len(r.deletes) > 0 {
			needed["ALTER DELETE "+r.name] = true
		}
		if len(r.texts)+len(r.links) > 0 {
			needed["ALTER UPDATE "+r.name] = true
		}
	}
	if !maps.Equal(granted, needed) {
		t.Errorf("%s has %v, and needs %v; see schemas/grants.go", schemas.RoleErase, granted, needed)
	}
	if _, ok := found["ingest_ledger"]; ok {
		t.Error("the ledger names nobody, and the audit needs its rows")
	}
	if _, ok := decide("subscription_events", schemas.Column{Name: "nickname", Type: "Nullable(String)"}); ok {
		t.Error("a column that nobody has decided passes")
	}
	if _, ok := decide("subscription_events", schemas.Column{Name: "height", Type: "Float64"}); !ok {
		t.Error("a number needs a decision")
	}
	if d, _ := decide("a_new_table", schemas.Column{Name: "subscription_id", Type: "String"}); d != ofSubscription {
		t.Error("a new table with a known column is not covered")
	}
	objects, err := schemas.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for key := range decisions {
		table, name, qualified := strings.Cut(key, ".")
		if !qualified {
			continue
		}
		used := false
		for _, o := range objects {
			for _, c := range o.Columns {
				used = used || o.Name == table && c.Name == name
			}
		}
		if !used {
			t.Errorf("decision about %s, which does not exist", key)
		}
	}
}
