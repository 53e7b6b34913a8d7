-- The suppression list: whom `pianola erase` has removed. Stream, replays, files and
-- snapshots drop messages of these people. It holds keyed hashes, so nobody can test
-- without the key whether a person is on it.
--
-- Read in whole by every process, again when it has changed. Not partitioned: there are
-- a few rows a person.
CREATE TABLE IF NOT EXISTS {{ .Stored "suppressions" }}{{ .OnCluster }}
(
    `key_id` LowCardinality(String) COMMENT 'Names the key of the hashes without revealing it, 16 hexadecimal digits' CODEC(ZSTD(1)),
    `hash` String COMMENT 'HMAC-SHA-256 of kind and value, 64 lower-case hexadecimal digits' CODEC(NONE),
    `tag` UInt64 COMMENT 'SipHash-2-4 of the value under a derived key: a fast first look' CODEC(NONE),
    `kind` LowCardinality(String) COMMENT 'What the hash is of: user, subscription or address' CODEC(ZSTD(1)),
    `erasure_id` String COMMENT 'The erasure that added it' CODEC(ZSTD(1)),
    `listed_at` DateTime64(3, 'UTC') COMMENT 'When it was added' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "listed_at" }}
ORDER BY (key_id, hash)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Keyed hashes of erased people, whose messages are dropped. An entry may be here twice: equal hashes count once';
{{ .Distributed "suppressions" "murmurHash3_64(hash)" }}

-- The account of erasures: one row a state, without personal data. The last one counts.
CREATE TABLE IF NOT EXISTS {{ .Stored "erasures" }}{{ .OnCluster }}
(
    `erasure_id` String COMMENT 'The erasure: UTC time of its start, and four random letters or digits' CODEC(ZSTD(1)),
    `kind` LowCardinality(String) COMMENT 'person: of pianola erase; internal: of pianola purge-internal' CODEC(ZSTD(1)),
    `state` LowCardinality(String) COMMENT 'begun or complete' CODEC(ZSTD(1)),
    `requested_by` String COMMENT 'Who asked for it, as given' CODEC(ZSTD(1)),
    `reason` String COMMENT 'The reason that was given' CODEC(ZSTD(1)),
    `started_at` DateTime64(3, 'UTC') COMMENT 'When it began the first time' CODEC(ZSTD(1)),
    `completed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When a scan of all tables found nothing more; NULL before' CODEC(ZSTD(1)),
    `entries` UInt64 COMMENT 'Entries of the suppression list' CODEC(ZSTD(1)),
    `counts` Map(LowCardinality(String), UInt64) COMMENT 'Rows removed or cleared, by table' CODEC(ZSTD(1)),
    `instance` LowCardinality(String) COMMENT 'Which process' CODEC(ZSTD(1)),
    `written_at` DateTime64(3, 'UTC') COMMENT 'When this state was written; the last one counts' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "written_at" }}
ORDER BY erasure_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every erasure with its counts, without personal data. May hold several states of one: read it with FINAL';
{{ .Distributed "erasures" "murmurHash3_64(erasure_id)" }}

-- The working table of an erasure: what it looks for, in plaintext. After a kill the same
-- command continues with it, although the rows that led to a subscription are gone. The
-- partition of an erasure is dropped at its end.
--
-- Statements that delete name the rows of this table and no value, so that no query log
-- and no mutation keeps an id.
CREATE TABLE IF NOT EXISTS {{ .Stored "erasure_targets" }}{{ .OnCluster }}
(
    `erasure_id` String COMMENT 'The erasure' CODEC(ZSTD(1)),
    `kind` LowCardinality(String) COMMENT 'user, subscription, address (its hash), event (an event id), or shared (a subscription that stays)' CODEC(ZSTD(1)),
    `value` String COMMENT 'What is looked for' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" }}
PARTITION BY erasure_id
ORDER BY (erasure_id, kind, value)
COMMENT 'What an erasure under way looks for. Empty when none is under way';
{{ .Distributed "erasure_targets" "murmurHash3_64(value)" }}
