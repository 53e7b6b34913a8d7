-- The working table of reconciliations: what comparing said of each subscription,
-- until drift is written. Each run drops its own rows at its end; those of a run
-- that was killed are dropped by a later one.
--
-- Partitions: a run each, so that they go at once. Few are there at a time.
--
-- A subscription that the API was asked about again has rows of later rounds; the
-- last of these counts. Round 3 is no round of comparing but a mark.
CREATE TABLE IF NOT EXISTS {{ .Stored "reconciliation_comparisons" }}{{ .OnCluster }}
(
    `run_id` UUID COMMENT 'The run' CODEC(ZSTD(1)),
    `subscription_id` String COMMENT 'The subscription' CODEC(ZSTD(1)),
    `round` UInt8 COMMENT '0 against the snapshot; 1 the API was asked about it again, and 2 against that answer; 3 a change of it may just have taken effect' CODEC(ZSTD(1)),
    `not_compared` LowCardinality(String) COMMENT 'Why it was not compared; empty otherwise' CODEC(ZSTD(1)),
    `differences` Array(Tuple(kind LowCardinality(String), stream_value Nullable(String), api_value Nullable(String), agrees Bool)) COMMENT 'Where the two sides differ; agrees: in a way that counts as agreement' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" }}
PARTITION BY run_id
ORDER BY (run_id, subscription_id, round)
COMMENT 'What a reconciliation under way has found so far, one row a subscription and round. An insert may have been repeated: read it with FINAL';
{{ .Distributed "reconciliation_comparisons" "murmurHash3_64(subscription_id)" }}

-- The first event of each subscription that another one changes to, as one run found it.
-- The comparison works on one range of subscriptions at a time, and a target may be in
-- any other: they are looked for once. Each run drops its own rows at its end.
CREATE TABLE IF NOT EXISTS {{ .Stored "reconciliation_targets" }}{{ .OnCluster }}
(
    `run_id` UUID COMMENT 'The run' CODEC(ZSTD(1)),
    `subscription_id` String COMMENT 'The subscription that another one changes to' CODEC(ZSTD(1)),
    `first_at` DateTime64(3, 'UTC') COMMENT 'Its first event' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" }}
PARTITION BY run_id
ORDER BY (run_id, subscription_id)
COMMENT 'The targets of changes of a reconciliation that is under way. An insert may have been repeated: the earliest first_at counts';
{{ .Distributed "reconciliation_targets" "murmurHash3_64(subscription_id)" }}
