CREATE TABLE IF NOT EXISTS `piano`.`subscription_events_local` ON CLUSTER `main`
(
    INDEX user_id_bloom user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX synced_at_minmax synced_at TYPE minmax GRANULARITY 4
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (subscription_id, event_timestamp, event_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'One row an event of the Piano Subscriber Event Stream. May hold several versions of an event: read it through the view piano_subscriber_event_stream, or with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`subscription_events` ON CLUSTER `main` AS `piano`.`subscription_events_local`
ENGINE = Distributed(`main`, `piano`, `subscription_events_local`, murmurHash3_64(subscription_id));
CREATE TABLE IF NOT EXISTS `piano`.`dead_letters_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', decided_at)
ORDER BY (source_name, source_epoch, source_partition, source_offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'One row a refused message. May hold several decisions about one message: read it with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`dead_letters` ON CLUSTER `main` AS `piano`.`dead_letters_local`
ENGINE = Distributed(`main`, `piano`, `dead_letters_local`, murmurHash3_64(source_name, source_partition));
CREATE TABLE IF NOT EXISTS `piano`.`filtered_subscriptions_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', filtered_at)
ORDER BY subscription_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Subscriptions whose events the internal-user filter dropped. May hold an id more than once: read it with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`filtered_subscriptions` ON CLUSTER `main` AS `piano`.`filtered_subscriptions_local`
ENGINE = Distributed(`main`, `piano`, `filtered_subscriptions_local`, murmurHash3_64(subscription_id));
CREATE TABLE IF NOT EXISTS `piano`.`ingest_ledger_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (source_name, source_epoch, source_partition, next_offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'What became of every offset, one row a flush and partition, and one a lost range. After an unknown outcome a flush may be here twice: of each insert_token, source, source_name and source_partition take the row written last. Rows of kind lost have no token: count each';
CREATE TABLE IF NOT EXISTS `piano`.`ingest_ledger` ON CLUSTER `main` AS `piano`.`ingest_ledger_local`
ENGINE = Distributed(`main`, `piano`, `ingest_ledger_local`, murmurHash3_64(source_name, source_partition));
CREATE VIEW IF NOT EXISTS `piano`.`piano_subscriber_event_stream` ON CLUSTER `main`
(
)
AS
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
FROM `piano`.`subscription_events` FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Piano Subscriber Event Stream: the twenty documented columns and synced_at, each event once';
CREATE VIEW IF NOT EXISTS `piano`.`analytics_events` ON CLUSTER `main`
(
)
AS
SELECT *
FROM `piano`.`piano_subscriber_event_stream`
WHERE term_type IN ('payment', 'dynamic')
COMMENT 'The event stream where term_type is payment or dynamic';
CREATE TABLE IF NOT EXISTS `piano`.`subscription_snapshots_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', synced_at)
PARTITION BY snapshot_id
ORDER BY (snapshot_id, subscription_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'One row a subscription and snapshot of Piano''s API. Holds incomplete snapshots too: read the view piano_api_subscriptions';
CREATE TABLE IF NOT EXISTS `piano`.`subscription_snapshots` ON CLUSTER `main` AS `piano`.`subscription_snapshots_local`
ENGINE = Distributed(`main`, `piano`, `subscription_snapshots_local`, murmurHash3_64(subscription_id));
CREATE TABLE IF NOT EXISTS `piano`.`snapshot_runs_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', written_at)
ORDER BY snapshot_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'What became of every snapshot of Piano''s API. May hold several states of one: read it with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`snapshot_runs` ON CLUSTER `main` AS `piano`.`snapshot_runs_local`
ENGINE = Distributed(`main`, `piano`, `snapshot_runs_local`, murmurHash3_64(snapshot_id));
CREATE TABLE IF NOT EXISTS `piano`.`subscription_traits_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', synced_at)
PARTITION BY snapshot_id
ORDER BY (snapshot_id, subscription_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The thirty synced traits of a subscription-log export, one row a subscription and file';
CREATE TABLE IF NOT EXISTS `piano`.`subscription_traits` ON CLUSTER `main` AS `piano`.`subscription_traits_local`
ENGINE = Distributed(`main`, `piano`, `subscription_traits_local`, murmurHash3_64(subscription_id));
CREATE VIEW IF NOT EXISTS `piano`.`piano_api_subscriptions` ON CLUSTER `main`
(
)
AS
SELECT
    subscription_id,
    user_id,
    started_at,
    billing_period,
    subscription_status,
    term_type,
    toFloat64(regular_price) AS regular_price,
    autorenew,
    autorenew_disabled_at,
    expiry_reason,
    synced_at
FROM `piano`.`subscription_snapshots` FINAL
WHERE snapshot_id IN
(
    SELECT snapshot_id
    FROM `piano`.`snapshot_runs` FINAL
    WHERE state = 'complete'
    ORDER BY as_of DESC, completed_at DESC, snapshot_id DESC
    LIMIT 1
)
COMMENT 'Piano API Subscriptions: the ten documented columns and synced_at of the latest complete snapshot';
CREATE TABLE IF NOT EXISTS `piano`.`drift_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', compared_as_of)
ORDER BY (subscription_id, kind)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'What event stream and API disagree about. May hold several states of one disagreement: read it with FINAL; open ones have closed_at NULL';
CREATE TABLE IF NOT EXISTS `piano`.`drift` ON CLUSTER `main` AS `piano`.`drift_local`
ENGINE = Distributed(`main`, `piano`, `drift_local`, murmurHash3_64(subscription_id));
CREATE TABLE IF NOT EXISTS `piano`.`reconciliation_runs_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', written_at)
ORDER BY run_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every reconciliation and what it found. May hold several states of one: read it with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`reconciliation_runs` ON CLUSTER `main` AS `piano`.`reconciliation_runs_local`
ENGINE = Distributed(`main`, `piano`, `reconciliation_runs_local`, murmurHash3_64(run_id));
CREATE TABLE IF NOT EXISTS `piano`.`actions_log_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (subscription_id, written_at, action_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every action that was asked of Piano''s API, step by step';
CREATE TABLE IF NOT EXISTS `piano`.`actions_log` ON CLUSTER `main` AS `piano`.`actions_log_local`
ENGINE = Distributed(`main`, `piano`, `actions_log_local`, murmurHash3_64(subscription_id));
