package sink

import (
	"strings"

	"github.com/pianola/pianola/schemas"
)

// setting is a ClickHouse setting.
type setting struct{ name, value string }

// pinnedSettings are the settings of every statement that Pianola sends. They are
// ClickHouse's defaults: a profile of the user may have others, which would give
// wrong results or errors that nobody understands. docs/operations.md lists them.
func pinnedSettings() []setting {
	return []setting{
		// Settings of an older version, all at once.
		{"compatibility", ""},
		// The queries of reconciliation and subscription_state need it.
		{"enable_analyzer", "1"},
		// A limit must be an error. As break or any it shortens a result silently.
		{"read_overflow_mode", "throw"},
		{"read_overflow_mode_leaf", "throw"},
		{"result_overflow_mode", "throw"},
		{"timeout_overflow_mode", "throw"},
		{"timeout_overflow_mode_leaf", "throw"},
		{"group_by_overflow_mode", "throw"},
		{"sort_overflow_mode", "throw"},
		{"distinct_overflow_mode", "throw"},
		{"join_overflow_mode", "throw"},
		{"set_overflow_mode", "throw"},
		{"transfer_overflow_mode", "throw"},
		// These shorten results, or hide rows.
		{"limit", "0"},
		{"offset", "0"},
		{"additional_result_filter", ""},
		{"additional_table_filters", "{}"},
		{"skip_unavailable_shards", "0"},
		{"apply_deleted_mask", "1"},
		{"empty_result_for_aggregation_by_empty_set", "0"},
		// An old answer is wrong after a new insert.
		{"use_query_cache", "0"},
		// These change what an expression means.
		{"join_use_nulls", "0"},
		{"join_default_strictness", "ALL"},
		{"any_join_distinct_right_table_keys", "0"},
		{"transform_null_in", "0"},
		{"aggregate_functions_null_for_empty", "0"},
		{"cast_keep_nullable", "0"},
		{"data_type_default_nullable", "0"},
		{"prefer_column_name_to_alias", "0"},
		{"session_timezone", ""},
		{"final", "0"},
		// These refuse a query that reads much, which is an operator's wish for
		// other users.
		{"force_primary_key", "0"},
		{"force_index_by_date", "0"},
	}
}

// insertSettings are the settings of every INSERT, added to the pinned ones.
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
		// The server would run the table's merge over the rows of each part before
		// it writes them: two thirds of its CPU for an insert. A part may hold
		// several versions of an event; views and FINAL show the highest, and the
		// next merge removes the others.
		{"optimize_on_insert", "0"},
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
