-- What was asked of Piano's API on whose behalf, and what it answered: one row a
-- step of an action, append-only. The row before a request is written before the
-- request is sent, so that a process that dies leaves word of what it may have
-- done.
CREATE TABLE IF NOT EXISTS {{ .Stored "actions_log" }}{{ .OnCluster }}
(
    `action_id` UUID COMMENT 'The action; all its steps share it' CODEC(ZSTD(1)),
    `step` LowCardinality(String) COMMENT 'asked: about to be sent; answered; unknown: no answer came; looked: found out by reading; final' CODEC(ZSTD(1)),
    `action` LowCardinality(String) COMMENT 'Kind of the action, such as resume, refund or grant_access' CODEC(ZSTD(1)),
    `request` LowCardinality(String) COMMENT 'Path of the API that was called' CODEC(ZSTD(1)),
    `actor` LowCardinality(String) COMMENT 'Who asked for it, as given or as the system names the user' CODEC(ZSTD(1)),
    `subscription_id` String COMMENT 'The subscription' CODEC(ZSTD(1)),
    `user_id` String COMMENT 'The subscriber; empty where nobody named one' CODEC(ZSTD(1)),
    `from_term` String COMMENT 'Term before a change; empty otherwise' CODEC(ZSTD(1)),
    `to_term` String COMMENT 'Term after a change; empty otherwise' CODEC(ZSTD(1)),
    `outcome` LowCardinality(String) COMMENT 'done, refused, pending, unknown or failed; empty for a request that is about to be sent' CODEC(ZSTD(1)),
    `code` Int32 COMMENT 'Code of Piano''s answer; 0 for success or none' CODEC(ZSTD(1)),
    `answer` String COMMENT 'What Piano answered, or, of a request that is about to be sent, its parameters; with everything personal removed' CODEC(ZSTD(1)),
    `instance` LowCardinality(String) COMMENT 'Which process' CODEC(ZSTD(1)),
    `written_at` DateTime64(3, 'UTC') COMMENT 'When' CODEC(Delta(8), ZSTD(1)),
    `execution` UUID COMMENT 'One execution of the action: a plan that is executed twice has two, and one of them sends' CODEC(ZSTD(1)),
    `subject` String COMMENT 'What one action at a time may change: user: or subscription: and its id' CODEC(ZSTD(1)),
    `object` String COMMENT 'What the request is about besides the subscription: payment:, access:, inquiry:, resource:, payment_method:, promotion:, segment: or experiment: and its id; empty otherwise' CODEC(ZSTD(1)),
    `reason` String COMMENT 'Why the actor wanted it, without e-mail addresses; empty for actions without a plan' CODEC(ZSTD(1)),
    `before` String COMMENT 'JSON of the values that were read before; nothing personal' CODEC(ZSTD(1)),
    `after` String COMMENT 'JSON of the values that were read after the request; empty before that' CODEC(ZSTD(1)),
    `job` String COMMENT 'The bulk job of which the action is a line; empty otherwise' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "MergeTree" }}
ORDER BY (subscription_id, written_at, action_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every action that was asked of Piano''s API, and changes by the console, step by step';
{{ .Distributed "actions_log" "murmurHash3_64(subscription_id)" }}
