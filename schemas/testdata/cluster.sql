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
    INDEX decided_at_minmax decided_at TYPE minmax GRANULARITY 1
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
ORDER BY subscription_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Subscriptions with events that the internal-user filter dropped. May hold an id more than once: read it with FINAL. The view internal_subscriptions has those that count as internal';
CREATE TABLE IF NOT EXISTS `piano`.`filtered_subscriptions` ON CLUSTER `main` AS `piano`.`filtered_subscriptions_local`
ENGINE = Distributed(`main`, `piano`, `filtered_subscriptions_local`, murmurHash3_64(subscription_id));
CREATE VIEW IF NOT EXISTS `piano`.`internal_subscriptions` ON CLUSTER `main`
(
)
AS
SELECT subscription_id
FROM
(
    SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
    FROM `piano`.`filtered_subscriptions`
    UNION ALL
    SELECT subscription_id, version, synced_at AS written_at, false AS is_filtered
    FROM `piano`.`subscription_events`
    WHERE subscription_id GLOBAL IN (SELECT subscription_id FROM `piano`.`filtered_subscriptions`)
)
GROUP BY subscription_id
HAVING argMax(is_filtered, (version, written_at, is_filtered))
COMMENT 'Subscriptions whose newest delivery the internal-user filter dropped; snapshots and comparison hide them';
CREATE TABLE IF NOT EXISTS `piano`.`ingest_ledger_local` ON CLUSTER `main`
(
    INDEX written_at_minmax written_at TYPE minmax GRANULARITY 1,
    PROJECTION positions
    (
        SELECT source, source_name, source_epoch, source_partition,
            countIf(kind = 'flush'), max(next_offset), max(if(kind = 'flush', last_offset, -1)),
            argMax(last_timestamp, if(kind = 'flush', last_offset, -1)),
            argMax(last_payload_sha256, if(kind = 'flush', last_offset, -1))
        GROUP BY source, source_name, source_epoch, source_partition
    )
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (source_name, source_epoch, source_partition, next_offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The outcome of every offset, one row a flush and partition, and one a lost range. After an unknown outcome a flush may be here twice: of each insert_token, source, source_name and source_partition take the row written last. Rows of kind lost have no token: count each';
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
COMMENT 'The outcome of every snapshot of Piano''s API. May hold several states of one: read it with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`snapshot_runs` ON CLUSTER `main` AS `piano`.`snapshot_runs_local`
ENGINE = Distributed(`main`, `piano`, `snapshot_runs_local`, murmurHash3_64(snapshot_id));
CREATE TABLE IF NOT EXISTS `piano`.`subscription_snapshot_traits_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', synced_at)
PARTITION BY snapshot_id
ORDER BY (snapshot_id, subscription_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The thirty synced traits of a subscription-log export, one row a subscription and file. Holds incomplete files too: read the view subscription_traits';
CREATE TABLE IF NOT EXISTS `piano`.`subscription_snapshot_traits` ON CLUSTER `main` AS `piano`.`subscription_snapshot_traits_local`
ENGINE = Distributed(`main`, `piano`, `subscription_snapshot_traits_local`, murmurHash3_64(subscription_id));
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
WHERE snapshot_id GLOBAL IN
(
    SELECT snapshot_id
    FROM `piano`.`snapshot_runs` FINAL
    WHERE state = 'complete' AND as_of <= now64(3)
    ORDER BY whole DESC, as_of DESC, completed_at DESC, snapshot_id DESC
    LIMIT 1
)
AND NOT filtered AND NOT unreadable
AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM `piano`.`internal_subscriptions`)
COMMENT 'Piano API Subscriptions: the ten documented columns and synced_at of the latest complete snapshot; a file of some subscriptions only does not displace a whole one';
CREATE VIEW IF NOT EXISTS `piano`.`subscription_traits` ON CLUSTER `main`
(
)
AS
WITH latest AS
(
    SELECT snapshot_id
    FROM `piano`.`snapshot_runs` FINAL
    WHERE state = 'complete' AND source = 'csv' AND as_of <= now64(3)
    ORDER BY whole DESC, as_of DESC, completed_at DESC, snapshot_id DESC
    LIMIT 1
)
SELECT
    subscription_id,
    created_at,
    started_at,
    ended_at,
    days_subscribed,
    subscription_status,
    upgrade_status,
    trial_status,
    trial_period_ended_at,
    autorenew,
    autorenew_disabled_at,
    billing_period,
    total_charged,
    next_billed_at,
    renewed,
    in_grace_period,
    grace_period_started_at,
    grace_period_extended_to,
    user_id,
    access_expires_at,
    resource_id,
    resource_name,
    term_id,
    term_name,
    term_type,
    template_id,
    template_name,
    offer_id,
    offer_name,
    promo_code,
    synced_at
FROM `piano`.`subscription_snapshot_traits` FINAL
WHERE snapshot_id GLOBAL IN (SELECT snapshot_id FROM latest)
AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM `piano`.`subscription_snapshots` FINAL WHERE filtered AND snapshot_id GLOBAL IN (SELECT snapshot_id FROM latest))
AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM `piano`.`internal_subscriptions`)
COMMENT 'The thirty synced traits and synced_at of the latest complete subscription-log export; one of some subscriptions only does not displace a whole one';
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
CREATE VIEW IF NOT EXISTS `piano`.`subscription_state` ON CLUSTER `main`
(
)
AS
WITH
    now64(3, 'UTC') AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms
SELECT
    subscription_id,
    user_id,
    CAST(multiIf(s.status = 1, 'active', s.status = 2, 'fail_and_retry', s.status = 3, 'expired', s.status = 4, 'expired_with_error', s.status = 5, 'cancelled', s.status = 6, 'upgraded', ''), 'LowCardinality(String)') AS status,
    s.status >= 3 AS closed,
    CAST(if(s.auto = 0, NULL, s.auto = 2), 'Nullable(Bool)') AS autorenew,
    if(s.disabled_at = 0, NULL, fromUnixTimestamp64Milli(s.disabled_at, 'UTC')) AS autorenew_disabled_at,
    CAST(s.in_trial AND NOT (s.trial_ends_at != 0 AND s.trial_ends_at <= now_ms), 'Bool') AS in_trial,
    if(s.trial_ends_at = 0, NULL, fromUnixTimestamp64Milli(s.trial_ends_at, 'UTC')) AS trial_ends_at,
    s.failed_payments AS failed_payments,
    if(s.failed_since = 0, NULL, fromUnixTimestamp64Milli(s.failed_since, 'UTC')) AS failed_since,
    if(s.last_failed_at = 0, NULL, fromUnixTimestamp64Milli(s.last_failed_at, 'UTC')) AS last_failed_at,
    if(s.period_ends_at = 0, NULL, fromUnixTimestamp64Milli(s.period_ends_at, 'UTC')) AS current_period_ends_at,
    if(s.started_at = 0, NULL, fromUnixTimestamp64Milli(s.started_at, 'UTC')) AS started_at,
    if(s.ended_at = 0, NULL, fromUnixTimestamp64Milli(s.ended_at, 'UTC')) AS ended_at,
    CAST(multiIf(
        NOT closed, NULL,
        s.status = 4, 'payment_failed',
        s.status = 6, 'plan_change',
        s.status = 5, 'cancelled',
        s.had_trial AND NOT s.charged, 'trial_not_converted',
        s.disabled_at != 0, 'auto_renew_off',
        'unknown'), 'LowCardinality(Nullable(String))') AS end_reason,
    CAST(nullIf(s.term_type, ''), 'LowCardinality(Nullable(String))') AS term_type,
    CAST(nullIf(s.billing_period, ''), 'LowCardinality(Nullable(String))') AS billing_period,
    s.price AS price,
    CAST(s.change_to != '' AND NOT closed, 'Bool') AS change_pending,
    if(change_pending, s.change_to, NULL) AS change_to_subscription_id,
    CAST(NOT closed AND s.status != 0 AND s.period_ends_at != 0 AND s.period_ends_at + 7 * 86400000 < now_ms, 'Bool') AS overdue,
    CAST(s.partial, 'Bool') AS partial,
    events,
    first_event_at,
    last_event_at,
    synced_at
FROM
(
    SELECT
        subscription_id, user_id, events, first_event_at, last_event_at, synced_at,
        arrayFold(
            (a, e) -> CAST((
                multiIf(
                    e.rank IN (1, 2, 3, 7, 8, 9, 10), if(a.status = 0, 1, a.status),
                    e.rank = 4, if(a.status >= 3, a.status, 2),
                    e.rank IN (5, 6), if(a.status = 6, 6, 1),
                    e.rank = 11, if(a.status >= 3, a.status, 5),
                    e.rank = 12, multiIf(a.status >= 3, a.status, a.change_to != '', 6, a.failed_payments > 0 AND NOT a.off_after_failure, 4, 3),
                    e.rank = 13, if(a.status < 3 AND a.change_to = e.change_to, 6, a.status),
                    a.status),
                multiIf(
                    (e.rank = 1 AND a.partial) OR e.rank = 2, if(a.auto = 0 AND e.next_billed_at != 0, 2, a.auto),
                    e.rank = 5, if(a.status != 6 AND (a.auto = 0 OR a.status >= 3), 2, a.auto),
                    e.rank = 6, if(a.status = 6, a.auto, 2),
                    e.rank = 7, if(a.status >= 3, a.auto, 2),
                    e.rank = 8, if(a.status >= 3, a.auto, 1),
                    e.rank IN (11, 12), if(a.status >= 3, a.auto, 1),
                    e.rank = 13, if(a.status < 3 AND a.change_to = e.change_to, 1, a.auto),
                    a.auto),
                multiIf(e.rank = 8, e.at, e.rank = 7 OR (e.rank = 6 AND a.status != 6), 0, a.disabled_at),
                multiIf(
                    (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at) OR e.rank = 2, a.status < 3,
                    e.rank = 3 OR (e.rank = 5 AND a.status != 6), 0,
                    e.rank = 6, if(a.status IN (3, 4, 5), 0, a.in_trial),
                    e.rank IN (11, 12), if(a.status >= 3, a.in_trial, 0),
                    e.rank = 13, if(a.status < 3 AND a.change_to = e.change_to, 0, a.in_trial),
                    a.in_trial),
                if(e.trial_ends_at != 0 AND (e.rank = 2 OR (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at)), e.trial_ends_at, a.trial_ends_at),
                a.had_trial OR e.rank = 2 OR (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at),
                a.charged OR (e.rank = 3 AND ifNull(e.value > 0, 0)) OR (e.rank = 5 AND a.status != 6) OR (e.rank = 6 AND a.status IN (3, 4, 5)),
                multiIf(e.rank = 4, a.failed_payments + 1, e.rank IN (5, 6) AND a.status != 6, 0, a.failed_payments),
                multiIf(e.rank = 4, if(a.failed_payments = 0, e.at, a.failed_since), e.rank IN (5, 6) AND a.status != 6, 0, a.failed_since),
                if(e.rank = 4, e.at, a.last_failed_at),
                multiIf(e.rank = 8, 1, e.rank IN (4, 7) OR (e.rank IN (5, 6) AND a.status != 6), 0, a.off_after_failure),
                if(e.next_billed_at != 0 AND e.rank NOT IN (0, 4, 13), e.next_billed_at, a.period_ends_at),
                if((e.rank = 1 AND a.partial) OR (e.rank = 2 AND a.partial AND a.started_at = 0), e.at, a.started_at),
                multiIf(
                    e.rank IN (5, 6) AND a.status != 6, 0,
                    e.rank IN (11, 12) AND a.status < 3, e.at,
                    e.rank = 13 AND a.status < 3 AND a.change_to = e.change_to, e.at,
                    a.ended_at),
                if(e.term_type != '' AND e.rank NOT IN (0, 13) AND e.change_to = '', e.term_type, a.term_type),
                if(e.billing_period != '' AND e.rank NOT IN (0, 13) AND e.change_to = '', e.billing_period, a.billing_period),
                if(e.rank IN (1, 3, 5) AND isNotNull(e.value) AND NOT (e.rank = 3 AND e.value = 0) AND NOT (e.rank = 1 AND e.trial_ends_at > e.at), e.value, a.price),
                multiIf(
                    e.rank IN (9, 10) AND e.change_to != '' AND a.status < 3, e.change_to,
                    a.status < 3 AND (e.rank IN (11, 12) OR (e.rank = 13 AND a.change_to = e.change_to)), '',
                    a.change_to),
                a.partial AND e.rank != 1
            ), 'Tuple(status UInt8, auto UInt8, disabled_at Int64, in_trial UInt8, trial_ends_at Int64, had_trial UInt8, charged UInt8, failed_payments UInt32, failed_since Int64, last_failed_at Int64, off_after_failure UInt8, period_ends_at Int64, started_at Int64, ended_at Int64, term_type String, billing_period String, price Nullable(Decimal(18, 4)), change_to String, partial UInt8)'),
            facts,
            CAST((0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', NULL, '', 1), 'Tuple(status UInt8, auto UInt8, disabled_at Int64, in_trial UInt8, trial_ends_at Int64, had_trial UInt8, charged UInt8, failed_payments UInt32, failed_since Int64, last_failed_at Int64, off_after_failure UInt8, period_ends_at Int64, started_at Int64, ended_at Int64, term_type String, billing_period String, price Nullable(Decimal(18, 4)), change_to String, partial UInt8)')
        ) AS s
    FROM
    (
        SELECT
            l.subscription_id AS subscription_id, user_id, events, first_event_at, last_event_at, synced_at,
            arraySort(
                (e) -> (if(e.rank = 1 AND e.at = l.created_at, 0, 1), e.at, if(e.rank = 13, e.after, e.rank), e.rank = 13),
                arrayConcat(l.told, c.effects)) AS facts
        FROM
        (
            SELECT
                subscription_id,
                argMaxIf(subscription_events.user_id, (event_timestamp, version), subscription_events.user_id != '') AS user_id,
                minIf(toUnixTimestamp64Milli(event_timestamp), subscription_action = 'Created') AS created_at,
                groupArray(CAST((
                    indexOf(['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], toString(subscription_action)),
                    0,
                    toUnixTimestamp64Milli(event_timestamp),
                    ifNull(toUnixTimestamp64Milli(next_billed_at), 0),
                    ifNull(toUnixTimestamp64Milli(trial_period_ended_at), 0),
                    transaction_value,
                    ifNull(term_type, ''),
                    ifNull(billing_period, ''),
                    if(subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != subscription_id, ifNull(upgrade_to_subscription_id, ''), '')
                ), 'Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, value Nullable(Decimal(18, 4)), term_type String, billing_period String, change_to String)')) AS told,
                count() AS events,
                min(event_timestamp) AS first_event_at,
                max(event_timestamp) AS last_event_at,
                max(subscription_events.synced_at) AS synced_at
            FROM `piano`.`subscription_events` AS subscription_events FINAL
            WHERE event_timestamp <= as_of
            GROUP BY subscription_id
        ) AS l
        LEFT JOIN
        (
            SELECT
                subscription_id,
                groupArray(CAST((
                    13,
                    if(first_at <= event_timestamp, indexOf(['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], toString(subscription_action)), 0),
                    toUnixTimestamp64Milli(greatest(first_at, event_timestamp)),
                    0, 0, NULL, '', '', upgrade_to_subscription_id
                ), 'Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, value Nullable(Decimal(18, 4)), term_type String, billing_period String, change_to String)')) AS effects
            FROM `piano`.`subscription_events` AS changes FINAL
            INNER JOIN
            (
                SELECT subscription_id AS target, min(event_timestamp) AS first_at
                FROM `piano`.`subscription_events` AS targets FINAL
                WHERE event_timestamp <= as_of AND subscription_id IN
                (
                    SELECT upgrade_to_subscription_id
                    FROM `piano`.`subscription_events`
                    WHERE subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != ''
                )
                GROUP BY subscription_id
            ) AS t ON changes.upgrade_to_subscription_id = t.target
            WHERE subscription_action IN ('Upgraded', 'Downgraded') AND event_timestamp <= as_of AND target != subscription_id
            GROUP BY subscription_id
        ) AS c ON l.subscription_id = c.subscription_id
    )
)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'The state that follows from the events, one row a subscription';
CREATE TABLE IF NOT EXISTS `piano`.`reconciliation_comparisons_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY run_id
ORDER BY (run_id, subscription_id, round)
COMMENT 'What a reconciliation under way has found so far, one row a subscription and round. An insert may have been repeated: read it with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`reconciliation_comparisons` ON CLUSTER `main` AS `piano`.`reconciliation_comparisons_local`
ENGINE = Distributed(`main`, `piano`, `reconciliation_comparisons_local`, murmurHash3_64(subscription_id));
CREATE TABLE IF NOT EXISTS `piano`.`reconciliation_targets_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY run_id
ORDER BY (run_id, subscription_id)
COMMENT 'The targets of changes of a reconciliation that is under way. An insert may have been repeated: the earliest first_at counts';
CREATE TABLE IF NOT EXISTS `piano`.`reconciliation_targets` ON CLUSTER `main` AS `piano`.`reconciliation_targets_local`
ENGINE = Distributed(`main`, `piano`, `reconciliation_targets_local`, murmurHash3_64(subscription_id));
