-- The account of the outcome of every offset: one row a flush and partition, and
-- one for each range that was lost before it could be read. Append-only; nothing
-- in the project updates or deletes a row.
--
-- Rows of kind replay are the account of a job, which reads ranges again. They say
-- nothing about what the consumer has read: every reader that asks for the consumer's
-- coverage leaves them out.
--
-- Order: the audit walks a partition's ranges one after the other, and the check
-- at assignment wants the last of them. Not partitioned, since both read across
-- months. Counters and offsets of neighbours are near each other: Delta.
--
-- Projection positions: what the check at assignment asks of each partition. It
-- has one row a partition and part, so the check does not read the history, which
-- grows by a row a second and partition. Index written_at_minmax: the guard on
-- refused rows asks for the newest rows of all partitions; those of one partition
-- are in the order of time.
--
-- A flush whose outcome was unknown is written again, under the same token but not
-- always in the same bytes, and past the deduplication window in the same bytes
-- too. So readers of rows of kind flush take one of each (insert_token, source,
-- source_name, source_partition): the one written last, as
--
--   SELECT * FROM ingest_ledger WHERE kind = 'flush'
--   ORDER BY written_at DESC
--   LIMIT 1 BY insert_token, source, source_name, source_partition
--
-- Rows of kind replay are read in the same way, with job_id before the token: two jobs
-- may read the same ranges.
--
-- Rows of kind lost have an empty token. Each is a range of its own: collapsing
-- them by token would leave one of many.
CREATE TABLE IF NOT EXISTS {{ .Stored "ingest_ledger" }}{{ .OnCluster }}
(
    `source` LowCardinality(String) COMMENT 'kafka or file' CODEC(ZSTD(1)),
    `source_name` LowCardinality(String) COMMENT 'Topic or file' CODEC(ZSTD(1)),
    `source_epoch` UInt32 COMMENT 'How often the topic has been recreated under this name' CODEC(ZSTD(1)),
    `source_partition` Int32 COMMENT 'Partition of the topic; 0 for a file' CODEC(ZSTD(1)),
    `kind` LowCardinality(String) COMMENT 'flush: read and accounted for; lost: gone before it could be read; replay: read again by a job' CODEC(ZSTD(1)),
    `cause` LowCardinality(String) COMMENT 'Why a range was lost; empty otherwise' CODEC(ZSTD(1)),
    `start_offset` Int64 COMMENT 'First offset of the range' CODEC(Delta(8), ZSTD(1)),
    `next_offset` Int64 COMMENT 'One past the last offset of the range: the position committed' CODEC(Delta(8), ZSTD(1)),
    `messages` UInt64 COMMENT 'Records read: stored + filtered + dead_lettered + skipped' CODEC(Delta(8), ZSTD(1)),
    `stored` UInt64 COMMENT 'Records that became event rows' CODEC(Delta(8), ZSTD(1)),
    `filtered` UInt64 COMMENT 'Records that a filter dropped' CODEC(Delta(8), ZSTD(1)),
    `dead_lettered` UInt64 COMMENT 'Records that became dead letters' CODEC(Delta(8), ZSTD(1)),
    `skipped` UInt64 COMMENT 'Tombstones' CODEC(Delta(8), ZSTD(1)),
    `last_offset` Int64 COMMENT 'Offset of the last record read; -1 where the range held none' CODEC(Delta(8), ZSTD(1)),
    `last_timestamp` DateTime64(3, 'UTC') COMMENT 'Timestamp of that record, by which a recreated topic is recognised' CODEC(Delta(8), ZSTD(1)),
    `last_payload_sha256` String COMMENT 'SHA-256 of that record, 64 lower-case hexadecimal digits, where it has no timestamp; otherwise empty' CODEC(ZSTD(1)),
    `insert_token` String COMMENT 'Deduplication token of the flush; empty for a lost range' CODEC(ZSTD(1)),
    `job_id` String COMMENT 'The job that read the range again; empty for a consumer' CODEC(ZSTD(1)),
    `instance` LowCardinality(String) COMMENT 'Which process wrote it' CODEC(ZSTD(1)),
    `synced_at` DateTime64(3, 'UTC') COMMENT 'The synced_at of the event rows of the flush; of a lost range, when it was written' CODEC(Delta(8), ZSTD(1)),
    `written_at` DateTime64(3, 'UTC') COMMENT 'When this row was written: after the rows that it accounts for were in their tables' CODEC(Delta(8), ZSTD(1)),
    INDEX written_at_minmax written_at TYPE minmax GRANULARITY 1,
    PROJECTION positions
    (
        SELECT source, source_name, source_epoch, source_partition,
            countIf(kind != 'replay'), countIf(kind = 'flush'), max(if(kind != 'replay', next_offset, 0)), max(if(kind = 'flush', last_offset, -1)),
            argMax(last_timestamp, if(kind = 'flush', last_offset, -1)),
            argMax(last_payload_sha256, if(kind = 'flush', last_offset, -1))
        GROUP BY source, source_name, source_epoch, source_partition
    )
)
ENGINE = {{ .Engine "MergeTree" }}
ORDER BY (source_name, source_epoch, source_partition, next_offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The outcome of every offset, one row a flush and partition, and one a lost range. After an unknown outcome a flush may be here twice: of each insert_token, source, source_name and source_partition take the row written last. Rows of kind lost have no token: count each. Rows of kind replay are of jobs';
{{ .Distributed "ingest_ledger" "murmurHash3_64(source_name, source_partition)" }}
