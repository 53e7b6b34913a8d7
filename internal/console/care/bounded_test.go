package care

import (
	"context"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestUser_ReadsFewGranules: the rows of one user cost the same for any number of users. The table has small granules, as if it had 64 times the rows.
func TestUser_ReadsFewGranules(t *testing.T) {
	tier.Full(t, "needs ClickHouse")
	const granule, perUser = 128, 4
	s := testbed.Start(t).Fixture(t, testbed.Config{Protocol: "native", State: true})
	var create string
	s.One("SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = 'subscriptions'", &create)
	small := strings.Replace(create, "index_granularity = 8192", "index_granularity = 128", 1)
	if small == create {
		t.Fatal("the table does not say how large its granules are")
	}
	s.Exec("DROP TABLE subscriptions SYNC")
	s.Exec(small)
	s.Exec(`INSERT INTO subscriptions (subscription_id, user_id, status, refresh, events, last_event_at)
		SELECT concat('RC', leftPad(toString(cityHash64(number)), 20, '0')), concat('u', toString(number % 25000)), 'active', 1, 1, now64(3) FROM numbers(100000)`)
	s.Exec("OPTIMIZE TABLE subscriptions FINAL")

	reader, err := figures.New(s.Analyst, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	p := pages{Renderer: &page.Renderer{Figures: reader, Now: time.Now}}
	// measure counts the rows that the queries of do read.
	measure := func(do func(context.Context) error) (read uint64) {
		t.Helper()
		ctx := ch.Context(t.Context(), ch.WithProgress(func(p *ch.Progress) { read += p.Rows }))
		if err := do(ctx); err != nil {
			t.Fatal(err)
		}
		return read
	}
	read := measure(func(ctx context.Context) error {
		t, err := p.Figures.Table(ctx, figures.Query{SQL: "SELECT subscription_id FROM subscription_state WHERE " + ofUser, Params: map[string]string{"user": "u7"}})
		if err == nil && len(t.Rows) != perUser {
			s.Errorf("the user has %d subscriptions", len(t.Rows))
		}
		return err
	})
	if bound := uint64(10 * perUser * granule); read == 0 || read > bound {
		t.Errorf("one user read %d rows, at most %d", read, bound)
	}
}
