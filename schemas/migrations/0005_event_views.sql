{{define "stream columns"}}
(
    `subscription_id` String COMMENT 'The subscription',
    `user_id` String COMMENT 'The subscriber; empty when the message named none',
    `event_timestamp` DateTime64(3, 'UTC') COMMENT 'When it happened, UTC; the partitioning column',
    `subscription_action` LowCardinality(String) COMMENT 'One of the twelve canonical actions, or the trimmed text of an unknown one that is kept',
    `event_name` LowCardinality(Nullable(String)) COMMENT 'Name of the event as Piano has it',
    `resource_name` LowCardinality(Nullable(String)) COMMENT 'What was subscribed to',
    `next_billed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Next charge; NULL when absent or a sentinel for never',
    `billing_period` LowCardinality(Nullable(String)) COMMENT 'Length of a billing period',
    `term_type` LowCardinality(Nullable(String)) COMMENT 'Kind of term, such as payment, dynamic or gift',
    `term_name` LowCardinality(Nullable(String)) COMMENT 'Name of the term',
    `transaction_value` Nullable(Float64) COMMENT 'Amount charged; negative is a refund. The table subscription_events has it exact',
    `trial_period_ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'End of the trial',
    `trial_duration` LowCardinality(Nullable(String)) COMMENT 'Length of the trial',
    `billing_country_code` LowCardinality(Nullable(String)) COMMENT 'Two upper-case letters where the message had two letters, else its text',
    `subscription_period_number` Nullable(Int32) COMMENT 'Which billing period this is',
    `payment_mode` LowCardinality(Nullable(String)) COMMENT 'How it is paid',
    `upgrade_to_subscription_id` Nullable(String) COMMENT 'The subscription that takes over after an upgrade or downgrade',
    `user_email_hash_sha256` Nullable(String) COMMENT 'SHA-256 of the normalised address, 64 lower-case hexadecimal digits: a pseudonym, not anonymity',
    `is_internal_user` Bool COMMENT 'As the message said; events of internal users are not here',
    `experience_name` LowCardinality(Nullable(String)) COMMENT 'The experience that led to the subscription',
    `synced_at` DateTime64(3, 'UTC') COMMENT 'When the row was written, UTC; the sync timestamp'
)
{{end -}}
-- The event stream as it is documented: its twenty columns in their order, and
-- synced_at. FINAL gives each event once, at its highest version, however often it was
-- retried, replayed or redelivered. Partitions are deduplicated each alone, which
-- is right because an event's month belongs to its key.
--
-- Money is Float64 here, which the documented schema promises; the table has it
-- exactly. The columns are listed with their types so that a view shows what they
-- mean as a table does, and so that no change of the table changes them unseen.
CREATE VIEW IF NOT EXISTS {{ .View "piano_subscriber_event_stream" }}{{ .OnCluster }}{{ template "stream columns" }}AS
SELECT
    subscription_id,
    user_id,
    event_timestamp,
    subscription_action,
    event_name,
    resource_name,
    next_billed_at,
    billing_period,
    term_type,
    term_name,
    toFloat64(transaction_value) AS transaction_value,
    trial_period_ended_at,
    trial_duration,
    billing_country_code,
    subscription_period_number,
    payment_mode,
    upgrade_to_subscription_id,
    user_email_hash_sha256,
    is_internal_user,
    experience_name,
    synced_at
FROM {{ .Table "subscription_events" }} FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Piano Subscriber Event Stream: the twenty documented columns and synced_at, each event once';

-- What analysts count: paid and dynamic terms, without gifts, registrations and
-- other kinds of access.
CREATE VIEW IF NOT EXISTS {{ .View "analytics_events" }}{{ .OnCluster }}{{ template "stream columns" }}AS
SELECT *
FROM {{ .View "piano_subscriber_event_stream" }}
WHERE term_type IN ('payment', 'dynamic')
COMMENT 'The event stream where term_type is payment or dynamic';
