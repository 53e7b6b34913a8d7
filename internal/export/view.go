package export

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/piano/subscriptionlog"
	"github.com/pianola/pianola/schemas"
)

// View is a view that may be exported.
type View struct {
	// Name is its name in the database.
	Name string
	// Alias is its name in commands and file names.
	Alias string

	partition string          // the partitioning column; may be empty
	sync      string          // the sync timestamp; empty where the files do not have it
	key       []string        // by which a consumer merges
	header    func() []string // names in the files, in the order of the columns; nil: the columns'
	evidence  string          // a query that counts what the view should have; may be empty
}

// The columns that every view of events has.
const (
	partitionColumn = "event_timestamp"
	syncColumn      = "synced_at"
)

// Queries that show that a view without rows is suspect. They use other tables than the
// view. %s is a table's quoted name. Replays do not count: they leave equal rows alone.
const (
	storedEvents      = "SELECT sum(stored) FROM %s WHERE kind = 'flush'"
	completeSnapshots = "SELECT count() FROM %s FINAL WHERE state = 'complete' AND rows > 0"
	completeFiles     = completeSnapshots + " AND source = 'csv'"
)

// views are all documented views of which every row may leave. Internal users and
// plaintext are in none of them. The tables hold more: dead letters have payloads,
// subscription_events has hidden versions and coordinates, and snapshots have ids of
// internal users.
func views() []View {
	event := []string{"subscription_id", partitionColumn, "subscription_action"}
	subscription := []string{"subscription_id"}
	return []View{
		{Name: "piano_subscriber_event_stream", Alias: "stream", partition: partitionColumn, sync: syncColumn, key: event, evidence: storedEvents},
		{Name: "piano_api_subscriptions", Alias: "snapshot", sync: syncColumn, key: subscription, evidence: completeSnapshots},
		{Name: "subscription_traits", Alias: "traits", key: subscription, header: subscriptionlog.TraitNames, evidence: completeFiles},
		{Name: "analytics_events", Alias: "analytics_events", partition: partitionColumn, sync: syncColumn, key: event},
		{Name: "subscription_state", Alias: "subscription_state", sync: syncColumn, key: subscription, evidence: storedEvents},
	}
}

// ownPrefix begins the name of an operator's own view that may be exported. The name is
// the operator's word that its rows may leave: what a view reads cannot be checked.
const ownPrefix = "export_"

var ownName = regexp.MustCompile(`^` + ownPrefix + `[A-Za-z0-9_]{1,100}$`)

// Names are the names of the documented views, for help texts and completion.
func Names() []string {
	var names []string
	for _, v := range views() {
		names = append(names, v.Alias)
	}
	return names
}

// ParseView finds a view by its name or alias.
func ParseView(name string) (View, error) {
	all := views()
	if i := slices.IndexFunc(all, func(v View) bool { return name == v.Alias || name == v.Name }); i >= 0 {
		return all[i], nil
	}
	if ownName.MatchString(name) {
		return View{Name: name, Alias: name}, nil
	}
	return View{}, fmt.Errorf("view: is not %s, or a view of your own whose name begins with %s; tables hold more than may leave, so they are never exported",
		strings.Join(Names(), ", "), ownPrefix)
}

// incremental reports whether an export may leave out what has not changed. It needs a
// mark of each row that leaves the view, which only the stream has.
func (v View) incremental() bool { return v.Alias == "stream" }

// monthly reports whether the rows are events, which have a month.
func (v View) monthly() bool { return v.partition != "" }

// own reports whether it is a view of the operator.
func (v View) own() bool { return strings.HasPrefix(v.Name, ownPrefix) }

// names are the names of the columns in files.
func (v View) names(columns []Column) error {
	if v.header == nil {
		return nil
	}
	names := v.header()
	if len(names) > len(columns) {
		return errors.New("the view has fewer columns than its documented header; run pianola migrate")
	}
	for i, name := range names {
		columns[i].Name = name
	}
	return nil
}

// width is how many of the view's columns go into files; 0 is all.
func (v View) width() int {
	if v.header == nil {
		return 0
	}
	return len(v.header())
}

// evidenceQuery counts what a view without rows should have shown; empty where nothing
// can say so.
func (v View) evidenceQuery(tables schemas.Options) string {
	switch v.evidence {
	case "":
		return ""
	case storedEvents:
		return fmt.Sprintf(v.evidence, tables.Table("ingest_ledger"))
	default:
		return fmt.Sprintf(v.evidence, tables.Table("snapshot_runs"))
	}
}
