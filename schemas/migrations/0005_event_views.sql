-- The event stream as it is documented: its twenty columns in their order, and
-- synced_at. FINAL gives each event once, at its highest version, whatever was
-- retried, replayed or redelivered. Partitions are deduplicated each alone, which
-- is right because an event's month belongs to its key.
--
-- Money is Float64 here, which the documented schema promises; the table has it
-- exactly.
CREATE VIEW IF NOT EXISTS {{ .View "piano_subscriber_event_stream" }}{{ .OnCluster }} AS
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
CREATE VIEW IF NOT EXISTS {{ .View "analytics_events" }}{{ .OnCluster }} AS
SELECT *
FROM {{ .View "piano_subscriber_event_stream" }}
WHERE term_type IN ('payment', 'dynamic')
COMMENT 'The event stream where term_type is payment or dynamic';
