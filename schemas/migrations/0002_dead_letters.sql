-- One row a message that was refused, known by its coordinates. A later decision
-- about the same message (refused again, resolved or dismissed) is a row with a later
-- decided_at, which wins.
--
-- Not partitioned: dead letters are few, and a message keeps its row whenever it
-- is decided again. A writer that repeats an insert looks for its rows by decided_at.
--
-- payload has been redacted before it comes here; ZSTD(3), since it is read
-- seldom and is the bulk of the table.
CREATE TABLE IF NOT EXISTS {{ .Stored "dead_letters" }}{{ .OnCluster }}
(
    `source` LowCardinality(String) COMMENT 'kafka or file' CODEC(ZSTD(1)),
    `source_name` LowCardinality(String) COMMENT 'Topic or file' CODEC(ZSTD(1)),
    `source_epoch` UInt32 COMMENT 'How often the topic has been recreated under this name' CODEC(ZSTD(1)),
    `source_partition` Int32 COMMENT 'Partition of the topic; 0 for a file' CODEC(ZSTD(1)),
    `source_offset` Int64 COMMENT 'Offset of the record, or 0-based row of the file' CODEC(Delta(8), ZSTD(1)),
    `reason` LowCardinality(String) COMMENT 'Why it was refused; a closed set' CODEC(ZSTD(1)),
    `field` LowCardinality(Nullable(String)) COMMENT 'The field at fault by its canonical name; NULL where the whole message is' CODEC(ZSTD(1)),
    `detail` String COMMENT 'A fixed sentence; never a value from the message' CODEC(ZSTD(1)),
    `subscription_id` Nullable(String) COMMENT 'The subscription, where it could be read' CODEC(ZSTD(1)),
    `payload` String COMMENT 'The message, redacted' CODEC(ZSTD(3)),
    `payload_sha256` Nullable(String) COMMENT 'SHA-256 of the raw message, 64 lower-case hexadecimal digits; NULL where the raw message was not available' CODEC(ZSTD(1)),
    `message_time` DateTime64(3, 'UTC') COMMENT 'The timestamp of the record; the epoch for files' CODEC(Delta(8), ZSTD(1)),
    `decided_at` DateTime64(3, 'UTC') COMMENT 'When it was decided; the latest decision wins' CODEC(Delta(8), ZSTD(1)),
    `attempts` UInt32 COMMENT 'How often it has been tried' CODEC(ZSTD(1)),
    `resolved_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it passed after all, or was dismissed; NULL while it is open' CODEC(ZSTD(1)),
    `dismissed_by` Nullable(String) COMMENT 'Who dismissed it, because its message is gone; NULL where nobody did' CODEC(ZSTD(1)),
    `dismissed_why` Nullable(String) COMMENT 'The reason that was given for it' CODEC(ZSTD(1)),
    INDEX decided_at_minmax decided_at TYPE minmax GRANULARITY 1
)
ENGINE = {{ .Engine "ReplacingMergeTree" "decided_at" }}
ORDER BY (source_name, source_epoch, source_partition, source_offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'One row a refused message. May hold several decisions about one message: read it with FINAL';
{{ .Distributed "dead_letters" "murmurHash3_64(source_name, source_partition)" }}
