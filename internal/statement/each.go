package statement

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/migrate"
)

// Each runs a query and passes every row to each, so that memory does not grow
// with the table. The driver.Rows is valid only during the call. An error of each
// ends the query and is returned unchanged; an error of the query is explained
// (migrate.Explain). Parameters and settings are in ctx (clickhouse.Context).
func Each(ctx context.Context, conn driver.Conn, query string, each func(driver.Rows) error) error {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return migrate.Explain(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err reports the error
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return migrate.Explain(rows.Err())
}
