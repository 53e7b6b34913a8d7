package trial

import (
	"context"
	"fmt"

	clickhouse "github.com/pianola/pianola/internal/sandbox/front"
)

// mistake is a reason for which ClickHouse takes nothing, until an operator has put
// it right.
type mistake struct {
	name string
	// wrong makes it while a consumer is at work, right mends it. Both may be nil.
	wrong, right func(context.Context, *refusing) error
	// environment is a mistake that the process is started with instead.
	environment func(*refusing) string
	// says is what the process's last words have to hold: what was refused and how,
	// and what to do.
	says func(*refusing) []string
	// partly is a mistake for which a small batch may rightly lose rows to the dead
	// letters: where fewer than 100 were tried, or no more than one in a hundred is
	// refused, it is the rows that are held to be wrong.
	partly bool
}

func mistakes() []mistake {
	return []mistake{
		{
			name:  "60, the table is gone",
			wrong: statements("RENAME TABLE subscription_events TO subscription_events_away"),
			right: statements("RENAME TABLE subscription_events_away TO subscription_events"),
			says:  words("insert into subscription_events", "code 60 UNKNOWN_TABLE", "run `pianola migrate`"),
		},
		{
			name:        "81, another database",
			environment: func(r *refusing) string { return "PIANOLA_CLICKHOUSE_DATABASE=" + r.topic + "_mistyped" },
			says:        words("code 81 UNKNOWN_DATABASE", "check clickhouse.database"),
		},
		{
			// The engine knows one user, so that no grant can be taken from it.
			name: "497, a grant is revoked",
			wrong: func(_ context.Context, r *refusing) error {
				kinds := []statement{eventsInsert, lettersInsert, ledgerInsert}
				r.revoked = kinds[r.dice.IntN(len(kinds))]
				r.mischief.strike(r.revoked, clickhouse.Fault{Code: 497, Message: "Not enough privileges"}, -1)
				return nil
			},
			right: func(_ context.Context, r *refusing) error {
				r.mischief.end()
				r.revoked = statement{}
				return nil
			},
			says: func(r *refusing) []string {
				return []string{"insert into " + r.revoked.name, "code 497 ACCESS_DENIED", "give the user the grants"}
			},
		},
		{
			// Changing the column in place would rewrite all parts, twice.
			name: "53, a column has another type",
			wrong: statements("CREATE TABLE changed AS subscription_events",
				"ALTER TABLE changed DROP COLUMN is_internal_user, ADD COLUMN is_internal_user Array(UUID)",
				"EXCHANGE TABLES subscription_events AND changed"),
			right: statements("EXCHANGE TABLES subscription_events AND changed", "DROP TABLE changed"),
			says:  words("insert into subscription_events", "code 53 TYPE_MISMATCH", "the schema is not this version's"),
		},
		{
			name: "469, of every third row",
			wrong: func(ctx context.Context, r *refusing) error {
				return r.constrain(ctx, "cityHash64(subscription_id, source_offset) % 3 != 0")
			},
			right:  func(ctx context.Context, r *refusing) error { return r.loosen(ctx) },
			says:   words("insert into subscription_events", "code 469 VIOLATED_CONSTRAINT", "more than 1%", "pianola schema ddl"),
			partly: true,
		},
	}
}

func words(all ...string) func(*refusing) []string {
	return func(*refusing) []string { return all }
}

// statements are made by somebody who may change the schema.
func statements(all ...string) func(context.Context, *refusing) error {
	return func(ctx context.Context, r *refusing) error {
		for _, one := range all {
			if err := r.conn.Exec(ctx, one); err != nil {
				return fmt.Errorf("%s: %w", one, err)
			}
		}
		return nil
	}
}
