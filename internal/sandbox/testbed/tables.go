package testbed

import (
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/sandbox"
	server "github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/schemas"
)

// One scans a query's single row.
func (s *Fixture) One(query string, into ...any) {
	s.Helper()
	if err := s.Analyst.QueryRow(s.Context(), query).Scan(into...); err != nil {
		s.Fatalf("%s: %v", strings.TrimSpace(query), err)
	}
}

// Exec changes the tables behind everybody's back, and has the change done when it
// returns.
func (s *Fixture) Exec(statement string) {
	s.Helper()
	ctx := clickhouse.Context(s.Context(), clickhouse.WithSettings(clickhouse.Settings{"mutations_sync": 2}))
	if err := s.Analyst.Exec(ctx, statement); err != nil {
		s.Fatalf("%s: %v", strings.TrimSpace(statement), err)
	}
}

// Account is what the ledger says of the topic.
func (s *Fixture) Account() sandbox.Account {
	s.Helper()
	a, err := sandbox.ReadAccount(s.Context(), s.Analyst, s.Topic)
	s.Must(err)
	return a
}

// Ingested says whether the ledger accounts for everything up to the topic's end.
func (s *Fixture) Ingested() bool {
	s.Helper()
	return s.Account().Covers(s.Services, s.Topic, Partitions)
}

// WantTruth holds the tables, the ledger among them, against the world.
func (s *Fixture) WantTruth() {
	s.Helper()
	report, err := s.World.Truth().Compare(s.Context(), s.Analyst)
	s.Must(err)
	if !report.Equal() {
		s.Fatalf("seed %d: the views do not equal the truth\n%s", s.World.Config().Seed, report.String())
	}
}

// migrate makes the tables, and records the version as pianola migrate does.
func (s *Fixture) migrate(state bool) {
	s.Helper()
	first, err := s.Services.Analyst("default") // there is no other database yet
	s.Must(err)
	defer func() { _ = first.Close() }()
	migrate := engine.Migrate
	if state {
		migrate = engine.MigrateWithState
	}
	migrate(s, first, schemas.Options{Database: s.Topic})
	s.Must(first.Exec(s.Context(), schemas.CreateVersionTable(s.Topic)))
	s.Exec(fmt.Sprintf("INSERT INTO "+schemas.VersionTable+" (version) SELECT number FROM numbers(%d)", schemas.LatestVersion()+1))
}

// RefreshState brings the state of subscriptions to what the tables hold now, in a fixture
// with Config.State. That state does not change by itself.
func (s *Fixture) RefreshState() {
	s.Helper()
	s.Must(server.RefreshState(s.Context(), s.Analyst, schemas.Options{Database: s.Topic}))
}

// RefreshMarts computes the metrics from the state. They do not change by themselves either.
func (s *Fixture) RefreshMarts() {
	s.Helper()
	s.Must(server.RefreshMarts(s.Context(), s.Analyst, schemas.Options{Database: s.Topic}))
}
