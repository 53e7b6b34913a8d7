package clickhouseerrors

import (
	"context"
	"fmt"

	"github.com/pianola/pianola/internal/sandbox/faultproxy"
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
			says:  texts("insert into subscription_events", "code 60 UNKNOWN_TABLE", "run `pianola migrate`"),
		},
		{
			name:        "81, another database",
			environment: func(s *refusals) string { return harness.Variable("clickhouse.database", s.Topic+"_mistyped") },
			says:        texts("code 81 UNKNOWN_DATABASE", "check clickhouse.database"),
		},
		{
			// The engine knows one user, so that no grant can be taken from it.
			name: "497, a grant is revoked",
			wrong: func(_ context.Context, s *refusals) error {
				kinds := []statement{eventsInsert, lettersInsert, ledgerInsert}
				s.revoked = kinds[s.Dice.IntN(len(kinds))]
				s.faults.strike(s.revoked, faultproxy.Fault{Code: 497, Message: "Not enough privileges"}, -1)
				return nil
			},
			right: func(_ context.Context, s *refusals) error {
				s.faults.end()
				s.revoked = statement{}
				return nil
			},
			says: func(s *refusals) []string {
				return []string{"insert into " + s.revoked.name, "code 497 ACCESS_DENIED", "give the user the grants"}
			},
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

func texts(all ...string) func(*refusals) []string {
	return func(*refusals) []string { return all }
}

// statements are executed by a user who may change the schema.
func statements(all ...string) func(context.Context, *refusals) error {
	return func(ctx context.Context, s *refusals) error {
		for _, one := range all {
			if err := s.Conn.Exec(ctx, one); err != nil {
				return fmt.Errorf("%s: %w", one, err)
			}
		}
		return nil
	}
}
