package sink

import (
	"strings"

	"github.com/pianola/pianola/schemas"
)

// setting is a ClickHouse setting and why it is sent.
type setting struct{ name, value string }

// insertSettings are the same for every INSERT.
func insertSettings() []setting {
	return []setting{
		// An acknowledgement must mean that the rows are in the table; newer
		// servers buffer by default.
		{"async_insert", "0"},
		// On a cluster: in the tables of the shards, not in the queue of the node that
		// was asked.
		{"distributed_foreground_insert", "1"},
		// By tokens alone, of which no two inserts have the same (attemptToken).
		{"insert_deduplicate", "1"},
		// A backfill touches more months than the default of 100; the contract's
		// time range bounds them.
		{"max_partitions_per_insert_block", "0"},
		// The blocks of all partitions are squashed into one before the parts
		// are written: the first bound is out of reach, the second off.
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
