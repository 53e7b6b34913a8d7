package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
)

// RefreshState brings the state of subscriptions to what the tables hold when it is called.
// The server does so on a schedule.
func RefreshState(ctx context.Context, conn driver.Conn, o schemas.Options) error {
	var asked, complete time.Time
	if err := conn.QueryRow(ctx, "SELECT now64(3, 'UTC')").Scan(&asked); err != nil {
		return fmt.Errorf("compute the state: %w", err)
	}
	for complete.Before(asked) {
		if err := refresh(ctx, conn, o.Table(schemas.StateRefreshView)); err != nil {
			return err
		}
		if err := conn.QueryRow(ctx, schemas.StateCompleteTo(o)).Scan(&complete); err != nil {
			return fmt.Errorf("compute the state: %w", err)
		}
	}
	return nil
}

// RefreshMarts computes the metrics from the state.
func RefreshMarts(ctx context.Context, conn driver.Conn, o schemas.Options) error {
	for _, mart := range schemas.Marts() {
		if err := refresh(ctx, conn, o.Table(mart+schemas.RefreshSuffix)); err != nil {
			return err
		}
	}
	return nil
}

func refresh(ctx context.Context, conn driver.Conn, view string) error {
	for _, verb := range []string{"REFRESH", "WAIT"} {
		if err := conn.Exec(ctx, "SYSTEM "+verb+" VIEW "+view); err != nil {
			return fmt.Errorf("compute %s: %w", view, err)
		}
	}
	return nil
}
