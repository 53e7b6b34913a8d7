// Command go checks clickhouse-go (native and HTTP) or ch-go against the server
// that the environment names: main clickhouse-go-native|clickhouse-go-http|ch-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// server is where the environment says that ClickHouse listens.
type server struct {
	native, http, user, password, database string
}

// row is a row of the table that each client creates.
type row struct {
	ID     uuid.UUID       `ch:"id"`
	At     time.Time       `ch:"at"`
	Amount decimal.Decimal `ch:"amount"`
	Plan   *string         `ch:"plan"`
}

// event is a row of the view that run has filled.
type event struct {
	Action string   `ch:"subscription_action"`
	Value  *float64 `ch:"transaction_value"`
}

const (
	columns  = "(id UUID, at DateTime64(3, 'UTC'), amount Decimal(18, 4), plan LowCardinality(Nullable(String))) ENGINE = MergeTree ORDER BY at"
	view     = "SELECT subscription_action, transaction_value FROM piano_subscriber_event_stream ORDER BY event_timestamp"
	slow     = "SELECT sleepEachRow(0.5) AS slept FROM numbers(60) SETTINGS max_block_size = 1"
	running  = "SELECT count() FROM system.processes WHERE query_id = "
	deadline = 10 * time.Second // for what takes a moment
)

func rows() []row {
	monthly := "monthly"
	return []row{
		{uuid.MustParse("6f1e0f3a-5a51-4a7c-9d7e-0f2d0a4b1c2d"), time.Date(2001, 9, 9, 1, 46, 39, 999e6, time.UTC), decimal.RequireFromString("-12.345"), &monthly},
		{uuid.MustParse("00000000-0000-0000-0000-000000000001"), time.Date(2026, 3, 29, 1, 2, 3, 456e6, time.UTC), decimal.RequireFromString("99999999999999.9999"), nil},
	}
}

func events() []event {
	value := 12.5
	return []event{{"subscription_started", nil}, {"subscription_renewed", &value}}
}

func (r row) String() string {
	return fmt.Sprint(r.ID, " ", r.At.UTC(), " ", r.Amount, " ", text(r.Plan))
}

func (e event) String() string { return e.Action + " " + text(e.Value) }

func text[T any](nullable *T) string {
	if nullable == nil {
		return "NULL"
	}
	return fmt.Sprint(*nullable)
}

// same compares texts: decimals, times and pointers have several forms of one value.
func same[T fmt.Stringer](what string, got, want []T) error {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}

// cancels cancels a query and waits until the server has ended it.
func cancels(ctx context.Context, query func(context.Context) error, countRunning func() (uint64, error)) error {
	cancelled, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- query(cancelled) }()
	if err := eventually(ctx, "the query runs", func() (bool, error) {
		select {
		case err := <-ended:
			return false, fmt.Errorf("the query to cancel ended by itself: %w", err)
		default:
		}
		n, err := countRunning()
		return n == 1, err
	}); err != nil {
		return err
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		return fmt.Errorf("a cancelled query ended with: %w", err)
	}
	return eventually(ctx, "the cancelled query has ended on the server", func() (bool, error) {
		n, err := countRunning()
		return n == 0, err
	})
}

// eventually asks until the answer is yes.
func eventually(ctx context.Context, what string, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	for {
		if yes, err := ask(); err != nil || yes {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: still not after %v", what, deadline)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func run(ctx context.Context, client string) error {
	host := os.Getenv("CLICKHOUSE_HOST")
	s := server{
		native: host + ":" + os.Getenv("CLICKHOUSE_NATIVE_PORT"), http: host + ":" + os.Getenv("CLICKHOUSE_HTTP_PORT"),
		user: os.Getenv("CLICKHOUSE_USER"), password: os.Getenv("CLICKHOUSE_PASSWORD"), database: os.Getenv("CLICKHOUSE_DATABASE"),
	}
	switch client {
	case "clickhouse-go-native":
		return checkClickHouseGo(ctx, s, nativeOptions(s), "clients_go_native")
	case "clickhouse-go-http":
		return checkClickHouseGo(ctx, s, httpOptions(s), "clients_go_http")
	case "ch-go":
		return checkChGo(ctx, s)
	}
	return fmt.Errorf("unknown client %q", client)
}

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
