-- What stream and API disagree about: one row a kind and subscription, which a
-- later run updates, closes or opens again. The newest complete run decides: a
-- row's version is the as_of of the snapshot that it was compared with.
CREATE TABLE IF NOT EXISTS {{ .Stored "drift" }}{{ .OnCluster }}
(
    `subscription_id` String COMMENT 'The subscription' CODEC(ZSTD(1)),
    `kind` LowCardinality(String) COMMENT 'missing_in_stream, missing_in_api, status, autorenew, term_type, billing_period, started_at, user_id, next_bill, or price' CODEC(ZSTD(1)),
    `stream_value` Nullable(String) COMMENT 'The value that follows from the events; NULL without events' CODEC(ZSTD(1)),
    `api_value` Nullable(String) COMMENT 'What the API says; NULL without a value' CODEC(ZSTD(1)),
    `severity` LowCardinality(String) COMMENT 'drift; routine: a care edit that has no event (next_bill); information: price' CODEC(ZSTD(1)),
    `verified` Bool COMMENT 'Whether the API has been asked again about this one subscription' CODEC(ZSTD(1)),
    `first_seen_at` DateTime64(3, 'UTC') COMMENT 'The as_of of the run that opened it, the last time it was opened' CODEC(ZSTD(1)),
    `last_seen_at` DateTime64(3, 'UTC') COMMENT 'The as_of of the last run that saw it' CODEC(ZSTD(1)),
    `closed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The as_of of the run that saw it no more; NULL while it is open' CODEC(ZSTD(1)),
    `run_id` UUID COMMENT 'The run that wrote this row' CODEC(ZSTD(1)),
    `compared_as_of` DateTime64(3, 'UTC') COMMENT 'The as_of of that run''s snapshot; the latest one counts' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "compared_as_of" }}
ORDER BY (subscription_id, kind)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'What event stream and API disagree about. May hold several states of one disagreement: read it with FINAL; open ones have closed_at NULL';
{{ .Distributed "drift" "murmurHash3_64(subscription_id)" }}

-- One row a state of a run; the last one written counts. The maps are by kind, by
-- reason why a subscription was not compared, and by the difference that counts as
-- agreement.
CREATE TABLE IF NOT EXISTS {{ .Stored "reconciliation_runs" }}{{ .OnCluster }}
(
    `run_id` UUID COMMENT 'The run' CODEC(ZSTD(1)),
    `snapshot_id` Nullable(UUID) COMMENT 'The snapshot that it compared; NULL where it did not come to have one' CODEC(ZSTD(1)),
    `state` LowCardinality(String) COMMENT 'begun, complete, failed, or superseded: a newer run was complete first, and this one has opened and closed nothing' CODEC(ZSTD(1)),
    `started_at` DateTime64(3, 'UTC') COMMENT 'When it began' CODEC(ZSTD(1)),
    `completed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was complete' CODEC(ZSTD(1)),
    `as_of` Nullable(DateTime64(3, 'UTC')) COMMENT 'The moment that its snapshot describes' CODEC(ZSTD(1)),
    `compared` UInt64 COMMENT 'Subscriptions compared' CODEC(ZSTD(1)),
    `nothing_compared` Bool COMMENT 'It compared nothing although there was something to compare: a finding, and no success' CODEC(ZSTD(1)),
    `drift` Map(LowCardinality(String), UInt64) COMMENT 'Disagreements by kind' CODEC(ZSTD(1)),
    `agreed` Map(LowCardinality(String), UInt64) COMMENT 'Differences that count as agreement, by kind and values' CODEC(ZSTD(1)),
    `not_compared` Map(LowCardinality(String), UInt64) COMMENT 'Subscriptions that were not compared, by reason' CODEC(ZSTD(1)),
    `candidates` UInt64 COMMENT 'Subscriptions that differed before they were asked about again' CODEC(ZSTD(1)),
    `verified` UInt64 COMMENT 'Of these, how many the API was asked about again' CODEC(ZSTD(1)),
    `problem` String COMMENT 'Why it failed; empty otherwise' CODEC(ZSTD(1)),
    `instance` LowCardinality(String) COMMENT 'Which process ran it' CODEC(ZSTD(1)),
    `written_at` DateTime64(3, 'UTC') COMMENT 'When this state was written; the last one counts' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "written_at" }}
ORDER BY run_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every reconciliation and what it found. May hold several states of one: read it with FINAL';
{{ .Distributed "reconciliation_runs" "murmurHash3_64(run_id)" }}
