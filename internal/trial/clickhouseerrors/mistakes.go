package clickhouseerrors

import (
	"context"
	"fmt"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/trial/harness"
)

// mistake is a reason for which ClickHouse refuses statements until an operator has
// corrected it.
type mistake struct {
	name string
	// wrong makes it while a consumer works, right corrects it. Both may be nil.
	wrong, right func(context.Context, *refusals) error
	// environment is a variable with a mistake that the process is started with instead.
	environment func(*refusals) string
	// says is what the process's last line has to contain: what was refused and how, and
	// what to do.
	says func(*refusals) []string
	// partly: a small batch may rightly lose rows to the dead letters. Where fewer than
	// 100 rows were tried, or at most one in a hundred is rejected, the rows are at fault.
	partly bool
}

func mistakes() []mistake {
	return []mistake{
		{
			name:  "60, the table is gone",
			wrong: statements("RENAME TABLE subscription_events TO subscription_events_away"),
			right: statements("RENAME TABLE subscription_events_away TO subscription_events"),
			// A flush with dead letters reads the table, and may do so first.
			says: texts(" subscription_events: clickhouse at ", "code 60 UNKNOWN_TABLE", "run `pianola migrate`"),
		},
		{
			name:        "81, another database",
			environment: func(s *refusals) string { return config.Variable("clickhouse.database", s.Topic+"_mistyped") },
			says:        texts("code 81 UNKNOWN_DATABASE", "check clickhouse.database"),
		},
		{
			name: "497, a grant is revoked",
			wrong: func(ctx context.Context, s *refusals) error {
				s.revoked = flushTables[s.Dice.IntN(len(flushTables))]
				grants := []string{"GRANT SELECT ON *.*"}
				for _, table := range flushTables {
					if table != s.revoked {
						grants = append(grants, fmt.Sprintf("GRANT INSERT ON %s.%s", s.Config.ClickHouse.Database, table))
					}
				}
				return s.restart(ctx, grants)
			},
			right: func(ctx context.Context, s *refusals) error {
				s.revoked = ""
				return s.restart(ctx, harness.Grants("*"))
			},
			says: func(s *refusals) []string {
				return []string{"insert into " + s.revoked, "code 497 ACCESS_DENIED", "give the user the grant INSERT"}
			},
		},
		{
			name:        "516, another password",
			environment: func(*refusals) string { return config.Variable("clickhouse.password", "mistyped") },
			says:        texts("code 516 AUTHENTICATION_FAILED", "check clickhouse.user and clickhouse.password"),
		},
		{
			name:        "164, a user who may only read",
			environment: func(*refusals) string { return config.Variable("clickhouse.user", readOnlyUser) },
			says:        texts("code 164 READONLY", "the user's profile must allow INSERT"),
		},
		{
			name:        "201, a quota is used up",
			environment: func(*refusals) string { return config.Variable("clickhouse.user", limitedUser) },
			says:        texts("code 201 QUOTA_EXPIRED", "nothing of this batch is committed"),
		},
		{
			// To change the column in place would rewrite all parts, twice.
			name: "53, a column has another type",
			wrong: statements("CREATE TABLE changed AS subscription_events",
				"ALTER TABLE changed DROP COLUMN is_internal_user, ADD COLUMN is_internal_user Array(UUID)",
				"EXCHANGE TABLES subscription_events AND changed"),
			right: statements("EXCHANGE TABLES subscription_events AND changed", "DROP TABLE changed"),
			says:  texts("insert into subscription_events", "code 53 TYPE_MISMATCH", "the schema is not this version's"),
		},
		{
			name: "469, of every third row",
			wrong: func(ctx context.Context, s *refusals) error {
				return s.rejected.constrain(ctx, "cityHash64(subscription_id, source_offset) % 3 != 0")
			},
			right:  func(ctx context.Context, s *refusals) error { return s.rejected.dropConstraints(ctx) },
			says:   texts("insert into subscription_events", "code 469 VIOLATED_CONSTRAINT", "more than 1%", "pianola schema ddl"),
			partly: true,
		},
	}
}

// flushTables are the tables into which a flush inserts.
var flushTables = []string{eventsInsert.name, filteredInsert.name, lettersInsert.name, ledgerInsert.name}

// restart gives the service other grants, which the server reads when it starts.
func (s *refusals) restart(ctx context.Context, grants []string) error {
	return s.ClickHouse.RestartWith(ctx, access(grants), clickhouse.Settings{})
}

func texts(all ...string) func(*refusals) []string {
	return func(*refusals) []string { return all }
}

func statements(all ...string) func(context.Context, *refusals) error {
	return func(ctx context.Context, s *refusals) error { return s.Exec(ctx, all...) }
}
