package schemas

// Column is a column of a table: its name and its ClickHouse type as in
// system.columns.
type Column struct {
	Name string
	Type string
}

// ContractColumns are the twenty documented columns of the event stream, in the
// documented order (contract §3), with their stored types.
func ContractColumns() []Column {
	return []Column{
		{"subscription_id", "String"},
		{"user_id", "String"},
		{"event_timestamp", "DateTime64(3, 'UTC')"},
		{"subscription_action", "LowCardinality(String)"},
		{"event_name", "LowCardinality(Nullable(String))"},
		{"resource_name", "LowCardinality(Nullable(String))"},
		{"next_billed_at", "Nullable(DateTime64(3, 'UTC'))"},
		{"billing_period", "LowCardinality(Nullable(String))"},
		{"term_type", "LowCardinality(Nullable(String))"},
		{"term_name", "LowCardinality(Nullable(String))"},
		{"transaction_value", "Nullable(Decimal(18, 4))"},
		{"trial_period_ended_at", "Nullable(DateTime64(3, 'UTC'))"},
		{"trial_duration", "LowCardinality(Nullable(String))"},
		{"billing_country_code", "LowCardinality(Nullable(String))"},
		{"subscription_period_number", "Nullable(Int32)"},
		{"payment_mode", "LowCardinality(Nullable(String))"},
		{"upgrade_to_subscription_id", "Nullable(String)"},
		{"user_email_hash_sha256", "Nullable(String)"},
		{"is_internal_user", "Bool"},
		{"experience_name", "LowCardinality(Nullable(String))"},
	}
}

// EventColumns are all columns of subscription_events, in the order of the table.
// An insert of events leaves out the last one, is_deleted, whose default is 0.
func EventColumns() []Column {
	columns := []Column{{"event_id", "UUID"}}
	columns = append(columns, ContractColumns()...)
	return append(columns,
		Column{"subscription_action_raw", "LowCardinality(String)"},
		Column{"version", "UInt64"},
		Column{"synced_at", "DateTime64(3, 'UTC')"},
		Column{"source", "LowCardinality(String)"},
		Column{"source_name", "LowCardinality(String)"},
		Column{"source_epoch", "UInt32"},
		Column{"source_partition", "Int32"},
		Column{"source_offset", "Int64"},
		Column{"is_deleted", "UInt8"},
	)
}
