package sink

// Log messages that tests and trials match.
const (
	LogAttemptFailed = "clickhouse attempt failed, trying again" // of a statement that is retried
	LogInsertHalved  = "insert halved"
)
