-- Jobs that read messages again: ranges of Kafka, and files. One row a job and record;
-- a later row of the same record replaces it.
--
-- Two records, so that the process that runs a job and the one that cancels it do not
-- overwrite each other: progress is of the first, cancel of the second.
--
-- How far a job has come is not here: its rows in ingest_ledger say it, so there is
-- nothing that could contradict them. A resumed job continues after what they cover.
CREATE TABLE IF NOT EXISTS {{ .Stored "replay_jobs" }}{{ .OnCluster }}
(
    `job_id` String COMMENT 'The job: UTC time of its start, and four random letters or digits' CODEC(ZSTD(1)),
    `record` LowCardinality(String) COMMENT 'progress: written by the process that runs it; cancel: somebody wants it to end' CODEC(ZSTD(1)),
    `source` LowCardinality(String) COMMENT 'kafka or file' CODEC(ZSTD(1)),
    `state` LowCardinality(String) COMMENT 'running, stopped, failed, canceled or complete' CODEC(ZSTD(1)),
    `plan` String COMMENT 'JSON: the ranges or files, the filters and the limits' CODEC(ZSTD(3)),
    `rules` String COMMENT 'JSON: the rules of the stages by which it reads' CODEC(ZSTD(3)),
    `rules_sha256` String COMMENT 'SHA-256 of rules, 64 lower-case hexadecimal digits' CODEC(ZSTD(1)),
    `started_at` DateTime64(3, 'UTC') COMMENT 'When it was started the first time' CODEC(Delta(8), ZSTD(1)),
    `finished_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it ended; NULL before' CODEC(Delta(8), ZSTD(1)),
    `planned` UInt64 COMMENT 'Messages of Kafka, or bytes of files, in the plan' CODEC(ZSTD(1)),
    `counts` Map(LowCardinality(String), UInt64) COMMENT 'What it has done so far, by outcome' CODEC(ZSTD(1)),
    `problem` String COMMENT 'Why it stopped or failed, without content of messages; empty otherwise' CODEC(ZSTD(1)),
    `instance` LowCardinality(String) COMMENT 'Which process wrote it' CODEC(ZSTD(1)),
    `written_at` DateTime64(3, 'UTC') COMMENT 'When it was written; the last row of a job and record counts' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "written_at" }}
ORDER BY (job_id, record)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Jobs that read messages again, one row a job and record. May hold several rows of a record: read it with FINAL';
{{ .Distributed "replay_jobs" "murmurHash3_64(job_id)" }}

-- The working table of a job: which event each message of its ranges gives by today's
-- rules. When a message no longer gives an event, another message may still do so, whose
-- row was merged away: it is found here. Each job drops its own rows at its end.
--
-- Partitions: a job each, so that they go at once. Few are there at a time.
CREATE TABLE IF NOT EXISTS {{ .Stored "replay_claims" }}{{ .OnCluster }}
(
    `job_id` String COMMENT 'The job' CODEC(ZSTD(1)),
    `event_id` UUID COMMENT 'The event that the message gives' CODEC(NONE),
    `version` UInt64 COMMENT 'The version of that delivery, as in subscription_events' CODEC(ZSTD(1)),
    `source_name` LowCardinality(String) COMMENT 'Topic' CODEC(ZSTD(1)),
    `source_epoch` UInt32 COMMENT 'How often the topic has been recreated under this name' CODEC(ZSTD(1)),
    `source_partition` Int32 COMMENT 'Partition of the topic' CODEC(ZSTD(1)),
    `source_offset` Int64 COMMENT 'Offset of the record' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" }}
PARTITION BY job_id
ORDER BY (event_id, version, source_name, source_epoch, source_partition, source_offset)
COMMENT 'What the messages of a job under way give, one row a message. An insert may have been repeated: equal rows count once';
{{ .Distributed "replay_claims" "murmurHash3_64(toString(event_id))" }}
