-- One row an event. The key is the event's identity (contract §2), so redelivery,
-- replay and backfill of one event meet in one row; of several versions the
-- highest stays.
--
-- Partitions: months of event_timestamp. Retention and legal erasure then touch
-- few parts, and since the timestamp belongs to the key, a row never changes its
-- month: FINAL may work on each partition alone.
--
-- Delete markers: when a replay gives another identity to a message, the old row gets
-- a marker of the same version. FINAL and merges take the row that was inserted last,
-- and FINAL shows no marker. A marker, like every row, gives way to a higher version.
-- A merge keeps the marker and removes what it hides.
--
-- Order: subscription_id first, since the questions are about one subscription's
-- life, and neighbours of one subscription compress well.
--
-- Skip indexes, of which each costs every insert:
--   subscription_id
--              bloom filter: the key finds one granule of each part, and a subscription
--              has events in few months. It finds these.
--   user_id    bloom filter: user_id is not in the key, and support and erasure
--              ask for one user.
--   user_email_hash_sha256
--              the same, for one address.
--   synced_at  minmax: incremental readers ask for what came since they looked
--              last, and fresh parts have narrow bounds.
-- None for source_offset: replay and audit look rows up by coordinates rarely,
-- and a scan of five narrow columns is fast enough. None for event_timestamp: the
-- partition's own bounds serve it.
--
-- Codecs: ZSTD(1) beats LZ4 by about a third here at little cost. Delta goes where
-- neighbouring rows have near values (instants of one subscription). event_id is
-- a hash that nothing compresses.
--
-- No TTL: how long events are kept is the owner's decision.
--
-- The deduplication window makes insert tokens work on a table that is not
-- replicated (it is 0 by default): a retry that was already applied adds nothing.
-- 10,000 is what replicated tables have.
CREATE TABLE IF NOT EXISTS {{ .Stored "subscription_events" }}{{ .OnCluster }}
(
    `event_id` UUID COMMENT 'MurmurHash3 x64 128 of subscription id, event timestamp in milliseconds and canonical action, joined by U+001F' CODEC(NONE),
    `subscription_id` String COMMENT 'The subscription' CODEC(ZSTD(1)),
    `user_id` String COMMENT 'The subscriber; empty when the message named none' CODEC(ZSTD(1)),
    `event_timestamp` DateTime64(3, 'UTC') COMMENT 'When it happened; the partitioning column' CODEC(Delta(8), ZSTD(1)),
    `subscription_action` LowCardinality(String) COMMENT 'One of the twelve canonical actions, or the trimmed text of an unknown one that is kept' CODEC(ZSTD(1)),
    `event_name` LowCardinality(Nullable(String)) COMMENT 'Name of the event as Piano has it' CODEC(ZSTD(1)),
    `resource_name` LowCardinality(Nullable(String)) COMMENT 'What was subscribed to' CODEC(ZSTD(1)),
    `next_billed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Next charge; NULL when absent or a sentinel for never' CODEC(Delta(8), ZSTD(1)),
    `billing_period` LowCardinality(Nullable(String)) COMMENT 'Length of a billing period' CODEC(ZSTD(1)),
    `term_type` LowCardinality(Nullable(String)) COMMENT 'Kind of term, such as payment, dynamic or gift' CODEC(ZSTD(1)),
    `term_name` LowCardinality(Nullable(String)) COMMENT 'Name of the term' CODEC(ZSTD(1)),
    `transaction_value` Nullable(Decimal(18, 4)) COMMENT 'Amount charged, exact; negative is a refund' CODEC(ZSTD(1)),
    `trial_period_ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'End of the trial' CODEC(Delta(8), ZSTD(1)),
    `trial_duration` LowCardinality(Nullable(String)) COMMENT 'Length of the trial' CODEC(ZSTD(1)),
    `billing_country_code` LowCardinality(Nullable(String)) COMMENT 'Two upper-case letters where the message had two letters, else its text' CODEC(ZSTD(1)),
    `subscription_period_number` Nullable(Int32) COMMENT 'Which billing period this is' CODEC(ZSTD(1)),
    `payment_mode` LowCardinality(Nullable(String)) COMMENT 'How it is paid' CODEC(ZSTD(1)),
    `upgrade_to_subscription_id` Nullable(String) COMMENT 'The subscription that takes over after an upgrade or downgrade' CODEC(ZSTD(1)),
    `user_email_hash_sha256` Nullable(String) COMMENT 'SHA-256 of the normalised address, 64 lower-case hexadecimal digits: a pseudonym, not anonymity' CODEC(ZSTD(1)),
    `is_internal_user` Bool COMMENT 'As the message said; events of internal users are filtered before they reach this table' CODEC(ZSTD(1)),
    `experience_name` LowCardinality(Nullable(String)) COMMENT 'The experience that led to the subscription' CODEC(ZSTD(1)),
    `subscription_action_raw` LowCardinality(String) COMMENT 'The action as the message wrote it, trimmed' CODEC(ZSTD(1)),
    `version` UInt64 COMMENT 'Record timestamp in milliseconds times 2^20 plus offset modulo 2^20; the offset for a record without a timestamp; 0 for files. The highest version of an event wins' CODEC(ZSTD(1)),
    `synced_at` DateTime64(3, 'UTC') COMMENT 'When the row was written; the sync timestamp' CODEC(Delta(8), ZSTD(1)),
    `source` LowCardinality(String) COMMENT 'kafka or file' CODEC(ZSTD(1)),
    `source_name` LowCardinality(String) COMMENT 'Topic or file' CODEC(ZSTD(1)),
    `source_epoch` UInt32 COMMENT 'How often the topic has been recreated under this name' CODEC(ZSTD(1)),
    `source_partition` Int32 COMMENT 'Partition of the topic; 0 for a file' CODEC(ZSTD(1)),
    `source_offset` Int64 COMMENT 'Offset of the record, or 0-based row of the file' CODEC(ZSTD(1)),
    `is_deleted` UInt8 DEFAULT 0 COMMENT '1 marks that the message at these coordinates no longer gives this event; such a row has the key, the version and the coordinates of the row that it hides, and FINAL shows neither' CODEC(ZSTD(1)),
    INDEX subscription_id_bloom subscription_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX user_id_bloom user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX user_email_hash_bloom user_email_hash_sha256 TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX synced_at_minmax synced_at TYPE minmax GRANULARITY 4
)
ENGINE = {{ .Engine "ReplacingMergeTree" "version" "is_deleted" }}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (subscription_id, event_timestamp, event_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'One row an event of the Piano Subscriber Event Stream. May hold several versions of an event: read it through the view piano_subscriber_event_stream, or with FINAL';
{{ .Distributed "subscription_events" "murmurHash3_64(subscription_id)" }}
