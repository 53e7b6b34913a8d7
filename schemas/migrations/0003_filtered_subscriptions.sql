-- Subscriptions of internal users: the id alone, and when last an event of it was
-- filtered. The API snapshot is filtered by the same ids.
--
-- filtered_at is the version: the last time stays.
CREATE TABLE IF NOT EXISTS {{ .Stored "filtered_subscriptions" }}{{ .OnCluster }}
(
    `subscription_id` String COMMENT 'The subscription' CODEC(ZSTD(1)),
    `filtered_at` DateTime64(3, 'UTC') COMMENT 'When an event of it was last filtered' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "filtered_at" }}
ORDER BY subscription_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Subscriptions whose events the internal-user filter dropped. May hold an id more than once: read it with FINAL';
{{ .Distributed "filtered_subscriptions" "murmurHash3_64(subscription_id)" }}
