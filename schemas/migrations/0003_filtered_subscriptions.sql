-- Subscriptions of internal users: the id alone, and the version of the newest
-- delivery that the internal-user filter dropped. A subscription is hidden only
-- while that is its newest delivery (the view below), so that one wrong flag does
-- not hide it for ever.
CREATE TABLE IF NOT EXISTS {{ .Stored "filtered_subscriptions" }}{{ .OnCluster }}
(
    `subscription_id` String COMMENT 'The subscription' CODEC(ZSTD(1)),
    `version` UInt64 COMMENT 'Version of the newest filtered delivery, made as in subscription_events' CODEC(ZSTD(1)),
    `filtered_at` DateTime64(3, 'UTC') COMMENT 'When its flush began, as synced_at of a stored event' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "version" }}
ORDER BY subscription_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Subscriptions with events that the internal-user filter dropped. May hold an id more than once: read it with FINAL. The view internal_subscriptions has those that count as internal';
{{ .Distributed "filtered_subscriptions" "murmurHash3_64(subscription_id)" }}

-- The subscriptions that count as internal: the newest delivery is a filtered one.
-- Equal versions are the same message read again, and the later reading counts. Of
-- a file, where all versions are 0, it is the later flush. FINAL leaves out the events
-- that a replay has removed.
CREATE VIEW IF NOT EXISTS {{ .View "internal_subscriptions" }}{{ .OnCluster }}
(
    `subscription_id` String COMMENT 'The subscription'
)
AS
SELECT subscription_id
FROM
(
    SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
    FROM {{ .Table "filtered_subscriptions" }}
    UNION ALL
    SELECT subscription_id, version, synced_at AS written_at, false AS is_filtered
    FROM {{ .Table "subscription_events" }} FINAL
    PREWHERE subscription_id GLOBAL IN (SELECT subscription_id FROM {{ .Table "filtered_subscriptions" }})
)
GROUP BY subscription_id
HAVING argMax(is_filtered, (version, written_at, is_filtered))
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Subscriptions whose newest delivery the internal-user filter dropped; snapshots and comparison hide them';
