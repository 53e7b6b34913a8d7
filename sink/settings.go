package sink

import (
	"strings"

	"github.com/pianola/pianola/schemas"
)

// setting is a ClickHouse setting.
type setting struct{ name, value string }

// insertSettings are the settings of every INSERT.
func insertSettings() []setting {
	return []setting{
		// An acknowledgement must mean that the rows are in the table. Newer
		// servers buffer by default.
		{"async_insert", "0"},
		// On a cluster the rows must be in the tables of the shards, not in the
		// queue of the node that received them.
		{"distributed_foreground_insert", "1"},
		// By token only, and no two inserts have the same token (attemptToken).
		{"insert_deduplicate", "1"},
		// A backfill touches more months than the default of 100. The contract's
		// time range bounds them.
		{"max_partitions_per_insert_block", "0"},
		// The server squashes the blocks of all partitions into one before it
		// writes parts: the first bound is never reached, the second is off.
		{"min_insert_block_size_rows", "1000000000"},
		{"min_insert_block_size_bytes", "0"},
	}
}

// insertStatement is INSERT INTO table (columns), without VALUES or FORMAT.
func insertStatement(table string, columns []schemas.Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ")"
}
