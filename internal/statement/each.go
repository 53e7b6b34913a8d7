// Package rows reads the answer of a query row by row, so that memory does not
// grow with the table.
package rows

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/migrate"
)

// Each runs a query and hands over each row; each may keep nothing of the
// driver.Rows. An error of each ends the reading and comes back as it is. Those of
// the query come out fit to be shown and logged, as migrate.Explain says.
// Parameters and settings are in ctx (clickhouse.Context).
func Each(ctx context.Context, conn driver.Conn, query string, each func(driver.Rows) error) error {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return migrate.Explain(err)
	}
	defer func() { _ = rows.Close() }() // Err below tells
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return migrate.Explain(rows.Err())
}
