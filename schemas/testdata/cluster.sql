CREATE TABLE IF NOT EXISTS `piano`.`subscription_events_local` ON CLUSTER `main`
(
    INDEX subscription_id_bloom subscription_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX user_id_bloom user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX user_email_hash_bloom user_email_hash_sha256 TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX synced_at_minmax synced_at TYPE minmax GRANULARITY 4
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
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
    FROM `piano`.`subscription_events` FINAL
    PREWHERE subscription_id GLOBAL IN (SELECT subscription_id FROM `piano`.`filtered_subscriptions`)
)
GROUP BY subscription_id
HAVING argMax(is_filtered, (version, written_at, is_filtered))
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Subscriptions whose newest delivery the internal-user filter dropped; snapshots and comparison hide them';
CREATE TABLE IF NOT EXISTS `piano`.`ingest_ledger_local` ON CLUSTER `main`
(
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
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (source_name, source_epoch, source_partition, next_offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The outcome of every offset, one row a flush and partition, and one a lost range. After an unknown outcome a flush may be here twice: of each insert_token, source, source_name and source_partition take the row written last. Rows of kind lost have no token: count each. Rows of kind replay are of jobs';
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
    INDEX user_id_bloom user_id TYPE bloom_filter(0.01) GRANULARITY 1
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
WHERE snapshot_id GLOBAL IN (SELECT snapshot_id FROM `piano`.`snapshot_runs` FINAL WHERE state = 'complete' AND as_of <= now64(3) ORDER BY whole DESC, as_of DESC, completed_at DESC, snapshot_id DESC LIMIT 1)
AND NOT filtered AND NOT unreadable
AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM `piano`.`internal_subscriptions`)
COMMENT 'Piano API Subscriptions: the ten documented columns and synced_at of the latest complete snapshot; a file of some subscriptions only does not displace a whole one';
CREATE VIEW IF NOT EXISTS `piano`.`subscription_traits` ON CLUSTER `main`
(
)
AS
WITH latest AS (SELECT snapshot_id FROM `piano`.`snapshot_runs` FINAL WHERE state = 'complete' AND as_of <= now64(3) AND source = 'csv' ORDER BY whole DESC, as_of DESC, completed_at DESC, snapshot_id DESC LIMIT 1)
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
COMMENT 'Every action that was asked of Piano''s API, and changes by the console, step by step';
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
    CAST(transform(s.status, [1, 2, 3, 4, 5, 6], ['active', 'fail_and_retry', 'expired', 'expired_with_error', 'cancelled', 'upgraded'], ''), 'LowCardinality(String)') AS status,
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
    CAST(if(NOT closed, NULL, multiIf(s.status = 4, 'payment_failed', s.status = 6, 'plan_change', s.status = 5, 'cancelled', s.had_trial = 1 AND NOT s.charged, 'trial_not_converted', s.disabled_at != 0, 'auto_renew_off', 'unknown')), 'LowCardinality(Nullable(String))') AS end_reason,
    CAST(nullIf(s.term_type, ''), 'LowCardinality(Nullable(String))') AS term_type,
    CAST(nullIf(s.billing_period, ''), 'LowCardinality(Nullable(String))') AS billing_period,
    if(s.price < 0, NULL, reinterpret(toInt64(s.price), 'Decimal(18, 4)')) AS price,
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
                multiIf((e.rank = 2 OR (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at)), 1, e.rank = 3 AND a.had_trial = 0, 2, a.had_trial),
                a.charged OR (e.rank = 3 AND e.price > 0) OR (e.rank = 5 AND a.status != 6) OR (e.rank = 6 AND a.status IN (3, 4, 5)),
                multiIf(e.rank = 4, a.failed_payments + 1, e.rank IN (5, 6) AND a.status != 6, 0, a.failed_payments),
                multiIf(e.rank = 4, if(a.failed_payments = 0, e.at, a.failed_since), e.rank IN (5, 6) AND a.status != 6, 0, a.failed_since),
                if(e.rank = 4, e.at, a.last_failed_at),
                multiIf(e.rank = 8, 1, e.rank IN (4, 7) OR (e.rank IN (5, 6) AND a.status != 6), 0, a.off_after_failure),
                if(e.next_billed_at != 0 AND e.rank NOT IN (0, 4, 13, 14), e.next_billed_at, a.period_ends_at),
                if((e.rank = 1 AND a.partial) OR (e.rank = 2 AND a.partial AND a.started_at = 0), e.at, a.started_at),
                multiIf(
                    e.rank IN (5, 6) AND a.status != 6, 0,
                    e.rank IN (11, 12) AND a.status < 3, e.at,
                    e.rank = 13 AND a.status < 3 AND a.change_to = e.change_to, e.at,
                    a.ended_at),
                if(e.term_type != '' AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.term_type, a.term_type),
                if(e.billing_period != '' AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.billing_period, a.billing_period),
                multiIf(
                    e.rank IN (9, 10) AND e.change_to != '' AND a.status < 3, e.change_to,
                    a.status < 3 AND (e.rank IN (11, 12) OR (e.rank = 13 AND a.change_to = e.change_to)), '',
                    a.change_to),
                a.partial AND e.rank != 1,
                if((e.price >= 0 AND multiIf(e.rank = 1, a.partial AND NOT e.trial_ends_at > e.at AND NOT trial_at_start, e.rank = 3, e.price > 0, e.rank = 5, 1, e.rank = 6, e.price > 0 OR a.status >= 3, 0)), e.price, a.price),
                if((e.price >= 0 AND multiIf(e.rank = 1, a.partial AND NOT e.trial_ends_at > e.at AND NOT trial_at_start, e.rank = 3, e.price > 0, e.rank = 5, 1, e.rank = 6, e.price > 0 OR a.status >= 3, 0)) OR a.price < 0 OR a.price_rate = 0, if(e.rate != 0 AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.rate, a.rate), a.price_rate),
                if(e.rate != 0 AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.rate, a.rate)
            ), 'Tuple(status UInt8, auto UInt8, disabled_at Int64, in_trial UInt8, trial_ends_at Int64, had_trial UInt8, charged UInt8, failed_payments UInt32, failed_since Int64, last_failed_at Int64, off_after_failure UInt8, period_ends_at Int64, started_at Int64, ended_at Int64, term_type String, billing_period String, change_to String, partial UInt8, price Int64, price_rate UInt64, rate UInt64)'),
            facts,
            CAST((0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', '', 1, -1, 0, 0), 'Tuple(status UInt8, auto UInt8, disabled_at Int64, in_trial UInt8, trial_ends_at Int64, had_trial UInt8, charged UInt8, failed_payments UInt32, failed_since Int64, last_failed_at Int64, off_after_failure UInt8, period_ends_at Int64, started_at Int64, ended_at Int64, term_type String, billing_period String, change_to String, partial UInt8, price Int64, price_rate UInt64, rate UInt64)')) AS s
    FROM
    (
        SELECT
            l.subscription_id AS subscription_id, user_id, l.events AS events, first_event_at, last_event_at, synced_at, created_at,
            arrayExists((e) -> e.rank = 2 AND e.at = created_at, l.told) AS trial_at_start,
            arraySort(
                (e) -> (if(e.rank = 1 AND e.at = created_at, 0, 1), e.at, if(e.rank = 13, e.after, e.rank), e.rank = 13),
                arrayConcat(l.told, effects)) AS facts
        FROM
        (
            SELECT
                subscription_id,
                argMaxIf(subscription_events.user_id, (event_timestamp, rank, subscription_action), subscription_events.user_id != '') AS user_id,
                minIf(toUnixTimestamp64Milli(event_timestamp), subscription_action = 'Created') AS created_at,
                groupArray(CAST((
                    rank,
                    0,
                    toUnixTimestamp64Milli(event_timestamp),
                    ifNull(toUnixTimestamp64Milli(next_billed_at), 0),
                    ifNull(toUnixTimestamp64Milli(trial_period_ended_at), 0),
                    ifNull(reinterpretAsInt64(transaction_value), -1),
                    ifNull(term_type, ''),
                    ifNull(billing_period, ''),
                    change_to,
                    if(toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1)) = 0, 0, toUInt64(transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [4294967296, 4294967296, 55834574848, 1567663063040], 0) + transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [1, 12, 3, 12], 0) * toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1))))
                ), 'Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, price Int64, term_type String, billing_period String, change_to String, rate UInt64)')) AS told,
                count() AS events,
                min(event_timestamp) AS first_event_at,
                max(event_timestamp) AS last_event_at,
                max(subscription_events.synced_at) AS synced_at,
                toUnixTimestamp64Milli(first_event_at) AS first_at
            FROM
            (
                SELECT
                    *,
                    toUInt8(transform(toString(subscription_action), ['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0)) AS rank,
                    if(subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != subscription_id, ifNull(upgrade_to_subscription_id, ''), '') AS change_to,
                    rank != 0 AND change_to = '' AS own,
                    replaceRegexpOne(replaceRegexpOne(lower(trimBoth(ifNull(billing_period, ''))), '^.*?\\[([^\\[\\]]*\\|\\s*\\*\\s*)\\].*$', '\\1'), '^.*\\[([^\\[\\]]*)\\]\\s*$', '\\1') AS segment
                FROM `piano`.`subscription_events` AS subscription_events FINAL
                WHERE event_timestamp <= as_of
            ) AS subscription_events
            GROUP BY subscription_id
        ) AS l
        GLOBAL LEFT JOIN
        (
            SELECT
                subscription_id,
                groupArray(CAST((
                    13,
                    if(first_at <= event_timestamp, toUInt8(transform(toString(subscription_action), ['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0)), 0),
                    toUnixTimestamp64Milli(greatest(first_at, event_timestamp)),
                    0, 0, -1, '', '', upgrade_to_subscription_id, 0
                ), 'Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, price Int64, term_type String, billing_period String, change_to String, rate UInt64)')) AS effects
            FROM `piano`.`subscription_events` AS changes FINAL
            GLOBAL INNER JOIN
            (
                SELECT subscription_id AS target, min(event_timestamp) AS first_at
                FROM `piano`.`subscription_events` AS targets FINAL
                WHERE event_timestamp <= as_of AND subscription_id GLOBAL IN
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
SETTINGS do_not_merge_across_partitions_select_final = 1, short_circuit_function_evaluation = 'disable', optimize_and_compare_chain = 0
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
CREATE TABLE IF NOT EXISTS `piano`.`replay_jobs_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', written_at)
ORDER BY (job_id, record)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Jobs that read messages again, one row a job and record. May hold several rows of a record: read it with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`replay_jobs` ON CLUSTER `main` AS `piano`.`replay_jobs_local`
ENGINE = Distributed(`main`, `piano`, `replay_jobs_local`, murmurHash3_64(job_id));
CREATE TABLE IF NOT EXISTS `piano`.`replay_claims_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY job_id
ORDER BY (event_id, version, source_name, source_epoch, source_partition, source_offset)
COMMENT 'What the messages of a job under way give, one row a message. An insert may have been repeated: equal rows count once';
CREATE TABLE IF NOT EXISTS `piano`.`replay_claims` ON CLUSTER `main` AS `piano`.`replay_claims_local`
ENGINE = Distributed(`main`, `piano`, `replay_claims_local`, murmurHash3_64(toString(event_id)));
CREATE TABLE IF NOT EXISTS `piano`.`plan_changes_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (target_subscription_id, subscription_id)
COMMENT 'Which subscription changes to which, by any event that was ever stored. May hold a pair more than once';
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`plan_changes_fill` ON CLUSTER `main` TO `piano`.`plan_changes_local`
(
)
AS
SELECT DISTINCT assumeNotNull(upgrade_to_subscription_id) AS target_subscription_id, subscription_id
FROM `piano`.`subscription_events_local`
WHERE subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != '' AND upgrade_to_subscription_id != subscription_id
COMMENT 'Fills plan_changes from each insert of events';
CREATE TABLE IF NOT EXISTS `piano`.`plan_changes` ON CLUSTER `main` AS `piano`.`plan_changes_local`
ENGINE = Distributed(`main`, `piano`, `plan_changes_local`, murmurHash3_64(subscription_id));
INSERT INTO `piano`.`plan_changes` (target_subscription_id, subscription_id)
SELECT DISTINCT assumeNotNull(upgrade_to_subscription_id) AS target_subscription_id, subscription_id
FROM `piano`.`subscription_events`
WHERE subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != '' AND upgrade_to_subscription_id != subscription_id;
CREATE TABLE IF NOT EXISTS `piano`.`subscriptions_local` ON CLUSTER `main`
(
    INDEX user_id_bloom user_id TYPE bloom_filter(0.0001) GRANULARITY 1,
    INDEX next_event_at_minmax next_event_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', refresh, is_deleted)
ORDER BY subscription_id
COMMENT 'The state of each subscription and its history. May hold several rows of a subscription: read it with FINAL, or through the view subscription_state';
CREATE TABLE IF NOT EXISTS `piano`.`subscriptions` ON CLUSTER `main` AS `piano`.`subscriptions_local`
ENGINE = Distributed(`main`, `piano`, `subscriptions_local`, murmurHash3_64(subscription_id));
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`subscriptions_refresh` ON CLUSTER `main`
REFRESH AFTER 20 SECOND
APPEND TO `piano`.`subscriptions_local`
(
)
EMPTY
AS
WITH
    (
        SELECT argMax((progress.read_to, refresh, refreshed_at, progress.snapshot_id, progress.seen), (refresh, refreshed_at))
        FROM `piano`.`subscriptions_local`
        WHERE subscription_id = ''
    ) AS last,
    (
        SELECT
            (
                started,
                taken.1,
                greatest(last.1, least(started - INTERVAL 15 MINUTE, if(empty(waiting), started, waiting[1].1 - INTERVAL 1 MILLISECOND))) AS read_to,
                if(empty(waiting), started, least(started, waiting[1].1)),
                arrayConcat(arrayFilter((s) -> s.until > read_to, last.5), arrayMap((f) -> (greatest(f.1, started), f.2), taken))
            )
        FROM
        (
            SELECT started, arrayFilter((f, to) -> to - f.3 < 500000, found, arrayCumSum(found.3)) AS taken, arraySlice(found, length(taken) + 1) AS waiting
            FROM
            (
                SELECT now64(3, 'UTC') AS started, groupArray((synced_at, hash, rows)) AS found
                FROM
                (
                    SELECT synced_at, cityHash64(synced_at, sum(cityHash64(event_id, version, is_deleted))) AS hash, count() AS rows
                    FROM `piano`.`subscription_events`
                    WHERE synced_at > last.1 OR synced_at GLOBAL IN
                    (
                        SELECT synced_at FROM `piano`.`ingest_ledger` WHERE written_at > last.1 AND synced_at <= last.1
                    )
                    GROUP BY synced_at
                    HAVING hash NOT IN (SELECT arrayJoin(last.5.hash))
                    ORDER BY synced_at
                    LIMIT 10000
                )
            )
        )
    ) AS next,
    (SELECT any(snapshot_id) FROM (SELECT snapshot_id FROM `piano`.`snapshot_runs` FINAL WHERE state = 'complete' AND as_of <= now64(3) ORDER BY whole DESC, as_of DESC, completed_at DESC, snapshot_id DESC LIMIT 1)) AS latest_snapshot,
    (
        SELECT groupArray(subscription_id)
        FROM
        (
            SELECT s.subscription_id AS subscription_id
            FROM (SELECT subscription_id, snapshot_hash FROM `piano`.`subscriptions_local` FINAL WHERE latest_snapshot != last.4) AS s
            LEFT JOIN
            (
                SELECT subscription_id, cityHash64(ifNull(toString(regular_price), ''), ifNull(currency, ''), ifNull(billing_period, '')) AS hash
                FROM `piano`.`subscription_snapshots_local` FINAL
                WHERE latest_snapshot != last.4 AND snapshot_id = latest_snapshot AND NOT filtered AND NOT unreadable
            ) AS n ON s.subscription_id = n.subscription_id
            WHERE s.snapshot_hash != n.hash
            LIMIT 100000
        )
    ) AS repriced,
    written AS
    (
        SELECT subscription_id FROM `piano`.`subscription_events` WHERE synced_at IN (SELECT arrayJoin(next.2))
    ),
    (
        SELECT groupArray(subscription_id)
        FROM
        (
            SELECT subscription_id FROM written
            UNION DISTINCT
            SELECT subscription_id FROM `piano`.`plan_changes_local` WHERE target_subscription_id GLOBAL IN (SELECT subscription_id FROM written)
            UNION DISTINCT
            SELECT subscription_id FROM `piano`.`subscriptions_local` WHERE next_event_at > last.3 AND next_event_at <= next.1
            UNION DISTINCT
            SELECT arrayJoin(repriced)
        )
    ) AS touched,
    pairs AS
    (
        SELECT target_subscription_id, subscription_id FROM `piano`.`plan_changes_local` WHERE subscription_id IN (SELECT arrayJoin(touched))
        UNION DISTINCT
        SELECT assumeNotNull(upgrade_to_subscription_id) AS target_subscription_id, subscription_id
        FROM `piano`.`subscription_events_local`
        WHERE synced_at IN (SELECT arrayJoin(next.2)) AND subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != ''
    )
SELECT
    subscription_id, user_id, status, closed, autorenew, autorenew_disabled_at, trial_open, trial_ends_at, had_trial, paid_after_trial, converted_at,
    failed_payments, failed_since, last_failed_at, current_period_ends_at, started_at, ended_at, end_reason, term_type, counts,
    term_name, resource_name, country, experience_name, billing_period, period_months, price, regular_price, currency, mrr_basis,
    change_pending, change_to_subscription_id, partial, events, first_event_at, last_event_at, synced_at, snapshot_hash, newest,
    mrr_steps, status_steps, ends, trial, changes, overdue_spans, dunning, payments, mrr_after_trial, next_event_at,
    if(subscription_id = '',
        (next.3, next.4, if(length(repriced) < 100000, latest_snapshot, last.4), next.5),
        defaultValueOfTypeName('Tuple(DateTime64(3, \'UTC\'), DateTime64(3, \'UTC\'), UUID, Array(Tuple(DateTime64(3, \'UTC\'), UInt64)))')) AS progress,
    next.1 AS refreshed_at,
    last.2 + 1 AS refresh,
    events = 0 AS is_deleted
FROM
(
WITH
    next.1 AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms
SELECT
    subscription_id,
    user_id,
    CAST(transform(s.status, [1, 2, 3, 4, 5, 6], ['active', 'fail_and_retry', 'expired', 'expired_with_error', 'cancelled', 'upgraded'], ''), 'LowCardinality(String)') AS status,
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
    CAST(if(NOT closed, NULL, multiIf(s.status = 4, 'payment_failed', s.status = 6, 'plan_change', s.status = 5, 'cancelled', s.had_trial = 1 AND NOT s.charged, 'trial_not_converted', s.disabled_at != 0, 'auto_renew_off', 'unknown')), 'LowCardinality(Nullable(String))') AS end_reason,
    CAST(nullIf(s.term_type, ''), 'LowCardinality(Nullable(String))') AS term_type,
    CAST(nullIf(s.billing_period, ''), 'LowCardinality(Nullable(String))') AS billing_period,
    if(s.price < 0, NULL, reinterpret(toInt64(s.price), 'Decimal(18, 4)')) AS price,
    CAST(s.change_to != '' AND NOT closed, 'Bool') AS change_pending,
    if(change_pending, s.change_to, NULL) AS change_to_subscription_id,
    CAST(NOT closed AND s.status != 0 AND s.period_ends_at != 0 AND s.period_ends_at + 7 * 86400000 < now_ms, 'Bool') AS overdue,
    CAST(s.partial, 'Bool') AS partial,
    events,
    first_event_at,
    last_event_at,
    synced_at,
    if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
    CAST(s.had_trial = 1, 'Bool') AS had_trial,
    if(s.converted_at = 0, NULL, fromUnixTimestamp64Milli(s.converted_at, 'UTC')) AS converted_at,
    CAST(s.term_type IN ('payment', 'dynamic'), 'Bool') AS counts,
    CAST(nullIf(attributes.1, ''), 'LowCardinality(Nullable(String))') AS term_name,
    CAST(nullIf(attributes.2, ''), 'LowCardinality(Nullable(String))') AS resource_name,
    CAST(nullIf(attributes.3, ''), 'LowCardinality(Nullable(String))') AS country,
    CAST(nullIf(attributes.4, ''), 'LowCardinality(Nullable(String))') AS experience_name,
    CAST(multiIf(list_currency != '', list_currency, attributes.5 != '', attributes.5, 'unknown'), 'LowCardinality(String)') AS currency,
    if(s.price_rate != 0 AND (s.price >= 0 OR list_rate = 0), s.price_rate, list_rate) AS rate,
    CAST(multiIf(s.price >= 0, 'charged', list_price >= 0, 'list', 'none'), 'LowCardinality(String)') AS mrr_basis,
    if(rate = 0, NULL, bitAnd(rate, 4294967295) / bitShiftRight(rate, 32)) AS period_months,
    if(list_price < 0, NULL, reinterpret(toInt64(list_price), 'Decimal(18, 4)')) AS regular_price,
    CAST(s.in_trial, 'Bool') AS trial_open,
    CAST(s.charged, 'Bool') AS paid_after_trial,
    if(next_due = 0, toDateTime64(0, 3, 'UTC'), fromUnixTimestamp64Milli(next_due, 'UTC')) AS next_event_at,
    as_of AS refreshed_at,
    snapshot_hash,
    (toUInt64(bitShiftRight(newest_row, 64)), fromUnixTimestamp64Milli(toInt64(bitAnd(newest_row, toUInt128(18446744073709551615))), 'UTC')) AS newest,
    arrayMap((e) -> (fromUnixTimestamp64Milli(e.at, 'UTC'), reinterpret(toInt64(e.mrr), 'Decimal(18, 4)')),
        arrayFilter((e, previous) -> e.mrr != previous, last_entries, arrayShiftRight(last_entries.mrr, 1, 0))) AS mrr_steps,
    arrayMap((e) -> (fromUnixTimestamp64Milli(e.at, 'UTC'), transform(e.status, [1, 2, 3, 4, 5, 6], ['active', 'fail_and_retry', 'expired', 'expired_with_error', 'cancelled', 'upgraded'], ''), e.trial, e.counts),
        arrayFilter((e, previous) -> (e.status, e.trial, e.counts) != previous, last_entries,
            arrayShiftRight(arrayMap((e) -> (e.status, e.trial, e.counts), last_entries), 1, (0, 0, 0)))) AS status_steps,
    arrayMap((e) -> (fromUnixTimestamp64Milli(e.1.happened_at, 'UTC'), multiIf(e.1.status = 6, 'plan_change', e.1.status = 4, 'involuntary', e.1.status = 3 AND e.1.had_trial = 1 AND NOT e.1.charged, 'trial', e.1.status = 5 OR e.1.disabled_at != 0, 'voluntary', 'unknown'), multiIf(e.1.status = 4, 'payment_failed', e.1.status = 6, 'plan_change', e.1.status = 5, 'cancelled', e.1.had_trial = 1 AND NOT e.1.charged, 'trial_not_converted', e.1.disabled_at != 0, 'auto_renew_off', 'unknown'),
            e.2 > 0 OR arrayExists((m) -> m.at < e.1.happened_at AND m.mrr > 0, last_entries), e.1.was_trial, e.1.counts,
            reinterpret(toInt64(arrayLast((m) -> m.at < e.1.happened_at, last_entries).mrr), 'Decimal(18, 4)')),
        arrayFilter((e) -> e.1.status >= 3 AND e.1.was_status < 3 AND e.1.happened_at >= e.1.since,
            arrayZip(all_entries, arrayCumSum((a) -> a.price > 0, all_entries)))) AS ends,
    reinterpret(toInt64(last_entries[-1].mrr), 'Decimal(18, 4)') AS mrr_after_trial,
    arrayMap((p) -> (fromUnixTimestamp64Milli(p.at, 'UTC'), reinterpret(toInt64(p.value), 'Decimal(18, 4)'), CAST(arrayLast((e) -> e.at <= p.at, last_entries).counts, 'Bool'),
        p.term, p.resource, p.country, p.experience), charges) AS payments,
    (
        if(s.trial_from = 0, NULL, fromUnixTimestamp64Milli(s.trial_from, 'UTC')),
        if(if(s.trial_ends_at != 0, s.trial_ends_at, s.trial_ended_at) = 0, NULL, fromUnixTimestamp64Milli(if(s.trial_ends_at != 0, s.trial_ends_at, s.trial_ended_at), 'UTC')),
        if(s.converted_at = 0, NULL, fromUnixTimestamp64Milli(s.converted_at, 'UTC')),
        if(trial_end.happened_at = 0, NULL, fromUnixTimestamp64Milli(trial_end.happened_at, 'UTC')),
        if(trial_end.happened_at = 0, '', multiIf(trial_end.status = 6, 'plan_change', trial_end.status = 4, 'involuntary', trial_end.status = 3 AND trial_end.had_trial = 1 AND NOT trial_end.charged, 'trial', trial_end.status = 5 OR trial_end.disabled_at != 0, 'voluntary', 'unknown'))
    ) AS trial,
    arrayMap((c, stop, effective_ms) -> (
            fromUnixTimestamp64Milli(c.happened_at, 'UTC'),
            if(bitAnd(c.announced, 1) = 1, 'upgrade', 'downgrade'),
            CAST(bitAnd(c.announced, 2) = 2, 'Bool'),
            multiIf(bitAnd(c.announced, 2) = 2, 'effective', stop.happened_at != 0 AND stop.status != 6, 'void', effective_ms != 0, 'effective', 'pending'),
            if(multiIf(bitAnd(c.announced, 2) = 2, c.happened_at, stop.happened_at != 0 AND stop.status != 6, 0, effective_ms) = 0, NULL, fromUnixTimestamp64Milli(multiIf(bitAnd(c.announced, 2) = 2, c.happened_at, stop.happened_at != 0 AND stop.status != 6, 0, effective_ms), 'UTC')),
            if(if(bitAnd(c.announced, 2) = 0 AND stop.status = 6, stop.happened_at, 0) = 0, NULL, fromUnixTimestamp64Milli(if(bitAnd(c.announced, 2) = 0 AND stop.status = 6, stop.happened_at, 0), 'UTC')),
            reinterpret(toInt64(arrayLast((m) -> m.at < if(bitAnd(c.announced, 2) = 0 AND stop.status = 6, stop.happened_at, c.happened_at), last_entries).mrr), 'Decimal(18, 4)'),
            if(bitAnd(c.announced, 2) = 2 AND stop.happened_at != 0 AND stop.status < 3, reinterpret(toInt64(arrayLast((m) -> m.at <= stop.happened_at, last_entries).mrr), 'Decimal(18, 4)'), NULL)),
        announcements,
        announcement_stops,
        arrayMap((c) -> arrayMin(arrayMap((f) -> f.at, arrayFilter((f) -> f.change_to = c.change_to AND f.at >= c.happened_at, effects))), announcements)) AS changes,
    arrayMap((o) -> (fromUnixTimestamp64Milli(o.1, 'UTC'), if(toInt64(if(o.2 = 9223372036854775807, 0, o.2)) = 0, NULL, fromUnixTimestamp64Milli(toInt64(if(o.2 = 9223372036854775807, 0, o.2)), 'UTC'))),
        arrayFilter((o) -> o.1 < o.2, arrayMap((p, next) -> (greatest(p.2 + 7 * 86400000, p.1), next), period_ends,
            arrayShiftLeft(period_ends.1, 1, toInt64(if(period_ends[-1].2 + 7 * 86400000 <= period_ends[-1].1, 9223372036854775807, 0)))))) AS overdue_spans,
    arrayMap((began, ended) -> (
            fromUnixTimestamp64Milli(began.happened_at, 'UTC'),
            if(ended.happened_at = 0, NULL, fromUnixTimestamp64Milli(ended.happened_at, 'UTC')),
            toUInt32(if(ended.happened_at = 0, s.failed_payments, ended.failed) - began.failed),
            multiIf(ended.happened_at = 0, 'open', ended.status = 1, 'recovered', ended.status = 6, 'plan_change', 'lost'),
            reinterpret(toInt64(arrayLast((m) -> m.at <= began.happened_at, last_entries).mrr), 'Decimal(18, 4)')),
        dunning_starts, arrayResize(dunning_stops, length(dunning_starts))) AS dunning
FROM
(
    SELECT
        *,
        arrayFilter((e, next) -> e.at != next, all_entries, arrayShiftLeft(all_entries.at, 1, -1)) AS last_entries,
        arrayFirst((e) -> s.trial_from != 0 AND e.happened_at >= s.trial_from AND e.status >= 3 AND e.was_status < 3, entries) AS trial_end,
        arrayFilter((e) -> e.announced != e.announced_before, entries) AS announcements,
        arrayMap((c, i) -> arrayFirst((e) -> if(bitAnd(c.announced, 2) = 2,
                e.status >= 3 OR NOT e.awaiting,
                e.status = 6 OR e.change_to != c.change_to OR (e.announced != e.announced_before AND bitAnd(e.announced, 2) = 0 AND e.happened_at != c.happened_at)),
            arraySlice(entries, i + 1)), announcements, arrayFilter((i, e) -> e.announced != e.announced_before, arrayEnumerate(entries), entries)) AS announcement_stops,
        arrayFilter((e) -> e.status = 2 AND e.was_status != 2, entries) AS dunning_starts,
        arrayFilter((e) -> e.status != 2 AND e.was_status = 2, entries) AS dunning_stops
    FROM
    (
    SELECT *, arrayMap((p) -> CAST((greatest(p.1.at, p.2), p.1.at, p.2, p.1.status, p.1.was_status, p.1.trial, p.1.was_trial, p.1.counts, p.1.was_counts, p.1.had_trial, p.1.had_trial_before, p.1.charged, p.1.disabled_at, p.1.trial_ends_at, p.1.failed, p.1.price, if(p.1.status IN (1, 2) AND p.1.counts AND NOT p.1.trial AND NOT (p.1.price < 0 AND p.1.had_trial != 0 AND NOT p.1.charged), toInt64(intDiv(2 * toInt128(greatest(if(p.1.price >= 0, p.1.price, list_price), 0)) * bitShiftRight(if(p.1.rate != 0 AND (p.1.price >= 0 OR list_rate = 0), p.1.rate, list_rate), 32) + bitAnd(if(p.1.rate != 0 AND (p.1.price >= 0 OR list_rate = 0), p.1.rate, list_rate), 4294967295), 2 * toInt128(greatest(bitAnd(if(p.1.rate != 0 AND (p.1.price >= 0 OR list_rate = 0), p.1.rate, list_rate), 4294967295), 1)))), 0), p.1.announced, p.1.announced_before, p.1.awaiting, p.1.change_to), 'Tuple(at Int64, happened_at Int64, since Int64, status UInt8, was_status UInt8, trial UInt8, was_trial UInt8, counts UInt8, was_counts UInt8, had_trial UInt8, had_trial_before UInt8, charged UInt8, disabled_at Int64, trial_ends_at Int64, failed UInt32, price Int64, mrr Int64, announced UInt32, announced_before UInt32, awaiting UInt8, change_to String)'), log) AS all_entries, arraySlice(all_entries, length(before.log) + 1) AS entries
    FROM
    (
    SELECT *, arrayConcat(arrayMap((e) -> (e, toInt64(0)), before.log), arrayMap((e) -> (e, whole_from), s.log)) AS log
    FROM
    (
    SELECT *, folds[1] AS before, folds[2] AS s
    FROM
    (
    SELECT
        subscription_id, user_id, events, first_event_at, last_event_at, synced_at, attributes, list_price, list_currency, list_rate,
        next_due, whole_from, snapshot_hash, newest_row, effects, charges,
        arrayMap((e) -> (e.at, e.next_billed_at), arrayFilter((e) -> e.next_billed_at != 0 AND e.rank NOT IN (0, 4, 13, 14) AND NOT (whole_from != 0 AND e.rank = 1 AND e.at = created_at
            AND arrayExists((e) -> e.at < created_at AND e.next_billed_at != 0 AND e.rank NOT IN (0, 4, 13, 14), facts)), facts)) AS period_ends,
        arrayMap((facts) -> arrayFold(
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
                multiIf((e.rank = 2 OR (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at)), 1, e.rank = 3 AND a.had_trial = 0, 2, a.had_trial),
                a.charged OR (e.rank = 3 AND e.price > 0) OR (e.rank = 5 AND a.status != 6) OR (e.rank = 6 AND a.status IN (3, 4, 5)),
                multiIf(e.rank = 4, a.failed_payments + 1, e.rank IN (5, 6) AND a.status != 6, 0, a.failed_payments),
                multiIf(e.rank = 4, if(a.failed_payments = 0, e.at, a.failed_since), e.rank IN (5, 6) AND a.status != 6, 0, a.failed_since),
                if(e.rank = 4, e.at, a.last_failed_at),
                multiIf(e.rank = 8, 1, e.rank IN (4, 7) OR (e.rank IN (5, 6) AND a.status != 6), 0, a.off_after_failure),
                if(e.next_billed_at != 0 AND e.rank NOT IN (0, 4, 13, 14), e.next_billed_at, a.period_ends_at),
                if((e.rank = 1 AND a.partial) OR (e.rank = 2 AND a.partial AND a.started_at = 0), e.at, a.started_at),
                multiIf(
                    e.rank IN (5, 6) AND a.status != 6, 0,
                    e.rank IN (11, 12) AND a.status < 3, e.at,
                    e.rank = 13 AND a.status < 3 AND a.change_to = e.change_to, e.at,
                    a.ended_at),
                if(e.term_type != '' AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.term_type, a.term_type),
                if(e.billing_period != '' AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.billing_period, a.billing_period),
                multiIf(
                    e.rank IN (9, 10) AND e.change_to != '' AND a.status < 3, e.change_to,
                    a.status < 3 AND (e.rank IN (11, 12) OR (e.rank = 13 AND a.change_to = e.change_to)), '',
                    a.change_to),
                a.partial AND e.rank != 1,
                if((e.price >= 0 AND multiIf(e.rank = 1, a.partial AND NOT e.trial_ends_at > e.at AND NOT trial_at_start, e.rank = 3, e.price > 0, e.rank = 5, 1, e.rank = 6, e.price > 0 OR a.status >= 3, 0)), e.price, a.price),
                if((e.price >= 0 AND multiIf(e.rank = 1, a.partial AND NOT e.trial_ends_at > e.at AND NOT trial_at_start, e.rank = 3, e.price > 0, e.rank = 5, 1, e.rank = 6, e.price > 0 OR a.status >= 3, 0)) OR a.price < 0 OR a.price_rate = 0, if(e.rate != 0 AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.rate, a.rate), a.price_rate),
                if(e.rate != 0 AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.rate, a.rate),
                if(a.trial_from = 0 AND a.status < 3 AND (e.rank = 2 OR (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at)), e.at, a.trial_from),
                a.ended OR a.status >= 3,
                if(a.converted_at = 0 AND a.had_trial = 1 AND NOT a.ended AND a.status < 3 AND ((e.rank = 5 AND a.status != 6) OR (e.rank = 3 AND e.price > 0)), e.at, a.converted_at),
                if(e.rank = 3 AND a.trial_ended_at = 0, e.at, a.trial_ended_at),
                if(e.rank IN (9, 10) AND a.status < 3, bitAnd(a.announced, 4294967292) + 4 + (e.rank = 10) + 2 * (e.change_to = ''), a.announced),
                multiIf(e.rank IN (9, 10) AND e.change_to = '' AND a.status < 3, 1, e.rank = 5, 0, a.awaiting),
                e.at,
                a.failed_payments,
                if(a.at != 0 AND (a.status, (a.in_trial AND NOT (a.trial_ends_at != 0 AND a.trial_ends_at <= a.at)), (a.term_type IN ('payment', 'dynamic')), a.had_trial, a.charged, a.price, a.price_rate, a.announced, a.awaiting)
                        != (a.log[-1].status, a.log[-1].trial, a.log[-1].counts, a.log[-1].had_trial, a.log[-1].charged, a.log[-1].price, a.log[-1].rate, a.log[-1].announced, a.log[-1].awaiting),
                    arrayPushBack(a.log, (a.at, a.status, a.log[-1].status, (a.in_trial AND NOT (a.trial_ends_at != 0 AND a.trial_ends_at <= a.at)), a.log[-1].trial, (a.term_type IN ('payment', 'dynamic')), a.log[-1].counts,
                        a.had_trial, a.log[-1].had_trial, a.charged, a.disabled_at, a.trial_ends_at, a.failed_before, a.price, a.price_rate,
                        a.announced, a.log[-1].announced, a.awaiting, a.change_to)),
                    a.log)
            ), 'Tuple(status UInt8, auto UInt8, disabled_at Int64, in_trial UInt8, trial_ends_at Int64, had_trial UInt8, charged UInt8, failed_payments UInt32, failed_since Int64, last_failed_at Int64, off_after_failure UInt8, period_ends_at Int64, started_at Int64, ended_at Int64, term_type String, billing_period String, change_to String, partial UInt8, price Int64, price_rate UInt64, rate UInt64, trial_from Int64, ended UInt8, converted_at Int64, trial_ended_at Int64, announced UInt32, awaiting UInt8, at Int64, failed_before UInt32, log Array(Tuple(at Int64, status UInt8, was_status UInt8, trial UInt8, was_trial UInt8, counts UInt8, was_counts UInt8, had_trial UInt8, had_trial_before UInt8, charged UInt8, disabled_at Int64, trial_ends_at Int64, failed UInt32, price Int64, rate UInt64, announced UInt32, announced_before UInt32, awaiting UInt8, change_to String)))'),
            facts,
            CAST((0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', '', 1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, []), 'Tuple(status UInt8, auto UInt8, disabled_at Int64, in_trial UInt8, trial_ends_at Int64, had_trial UInt8, charged UInt8, failed_payments UInt32, failed_since Int64, last_failed_at Int64, off_after_failure UInt8, period_ends_at Int64, started_at Int64, ended_at Int64, term_type String, billing_period String, change_to String, partial UInt8, price Int64, price_rate UInt64, rate UInt64, trial_from Int64, ended UInt8, converted_at Int64, trial_ended_at Int64, announced UInt32, awaiting UInt8, at Int64, failed_before UInt32, log Array(Tuple(at Int64, status UInt8, was_status UInt8, trial UInt8, was_trial UInt8, counts UInt8, was_counts UInt8, had_trial UInt8, had_trial_before UInt8, charged UInt8, disabled_at Int64, trial_ends_at Int64, failed UInt32, price Int64, rate UInt64, announced UInt32, announced_before UInt32, awaiting UInt8, change_to String)))')), [if(whole_from = 0, [], arrayFilter((e) -> (e.at < whole_from OR e.at = 9223372036854775807) AND NOT (e.rank = 1 AND e.at = created_at), facts)), facts]) AS folds
    FROM
    (
        SELECT
            l.subscription_id AS subscription_id, l.events AS events, first_event_at, last_event_at, synced_at, created_at,
            arraySort((f) -> (f.at, f.rank, f.action), l.details) AS by_time,
            arrayLast((f) -> f.user != '', by_time).user AS user_id,
            (
                arrayLast((f) -> f.own AND f.term != '', by_time).term,
                arrayLast((f) -> f.own AND f.resource != '', by_time).resource,
                arrayLast((f) -> f.rank != 0 AND f.country != '', by_time).country,
                arrayLast((f) -> f.rank != 0 AND f.experience != '', by_time).experience,
                arrayLast((f) -> f.own AND f.currency != '', by_time).currency
            ) AS attributes,
            ifNull(reinterpretAsInt64(n.regular_price), -1) AS list_price,
            ifNull(toString(n.currency), '') AS list_currency,
            n.rate AS list_rate,
            if(created_at > first_at, created_at, 0) AS whole_from,
            n.hash AS snapshot_hash,
            newest_row,
            arraySort((f) -> (NOT (f.rank = 1 AND f.at = created_at), f.at, f.rank), arrayMap((f) -> CAST((
                f.rank, f.at, f.value, if(f.own, f.term, ''), if(f.own, f.resource, ''), if(f.own, f.country, ''), if(f.own, f.experience, '')
            ), 'Tuple(rank UInt8, at Int64, value Int64, term LowCardinality(String), resource LowCardinality(String), country LowCardinality(String), experience LowCardinality(String))'), by_time)) AS in_order,
            arrayFilter((p) -> p.value != 0 AND p.rank != 4
                    AND NOT (p.rank IN (1, 3) AND arrayExists((o) -> o.at = p.at AND o.rank = if(p.rank = 3, 5, 2) AND o.value = p.value, in_order)),
                arrayMap((f, term, resource, country, experience) -> CAST((f.rank, f.at, f.value, term, resource, country, experience), 'Tuple(rank UInt8, at Int64, value Int64, term LowCardinality(String), resource LowCardinality(String), country LowCardinality(String), experience LowCardinality(String))'), in_order,
                    arrayFill((x) -> x != '', in_order.term), arrayFill((x) -> x != '', in_order.resource),
                    arrayFill((x) -> x != '', in_order.country), arrayFill((x) -> x != '', in_order.experience))) AS charges,
            arrayMin(arrayFilter((at) -> at != 0, [l.next_at, c.next_at])) AS next_due,
            arrayFilter((e) -> e.change_to != '', l.told) AS announced,
            arrayFilter((e) -> e.at != 0, arrayMap((e, first) -> CAST((
                13,
                if(first <= e.at, e.rank, 0),
                if(first = 0 OR first > now_ms, 0, greatest(first, e.at)),
                0, 0, -1, '', '', e.change_to, 0
            ), 'Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, price Int64, term_type String, billing_period String, change_to String, rate UInt64)'), announced, arrayMap((e) -> arrayFirst((f) -> f.1 = e.change_to, c.firsts).2, announced))) AS effects,
            arrayExists((e) -> e.rank = 2 AND e.at = created_at, l.told) AS trial_at_start,
            arraySort(
                (e) -> (if(e.rank = 1 AND e.at = created_at, 0, 1), e.at, if(e.rank = 13, e.after, e.rank), e.rank = 13),
                arrayConcat(l.told, effects, arrayMap((at) -> CAST((14, 0, at, 0, 0, -1, '', '', '', 0), 'Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, price Int64, term_type String, billing_period String, change_to String, rate UInt64)'),
                    arrayPushBack(arrayDistinct(arrayMap((e) -> e.trial_ends_at, arrayFilter((e) -> e.rank IN (1, 2) AND e.trial_ends_at > e.at, l.told))), 9223372036854775807)))) AS facts
        FROM
        (
            SELECT
                subscription_id,
                minIf(toUnixTimestamp64Milli(event_timestamp), event_timestamp <= as_of AND subscription_action = 'Created') AS created_at,
                groupArrayIf(CAST((
                    rank,
                    0,
                    toUnixTimestamp64Milli(event_timestamp),
                    ifNull(toUnixTimestamp64Milli(next_billed_at), 0),
                    ifNull(toUnixTimestamp64Milli(trial_period_ended_at), 0),
                    ifNull(reinterpretAsInt64(transaction_value), -1),
                    ifNull(term_type, ''),
                    ifNull(billing_period, ''),
                    change_to,
                    if(toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1)) = 0, 0, toUInt64(transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [4294967296, 4294967296, 55834574848, 1567663063040], 0) + transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [1, 12, 3, 12], 0) * toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1))))
                ), 'Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, price Int64, term_type String, billing_period String, change_to String, rate UInt64)'), event_timestamp <= as_of) AS told,
                countIf(event_timestamp <= as_of) AS events,
                minIf(event_timestamp, event_timestamp <= as_of) AS first_event_at,
                maxIf(event_timestamp, event_timestamp <= as_of) AS last_event_at,
                maxIf(subscription_events.synced_at, event_timestamp <= as_of) AS synced_at,
                toUnixTimestamp64Milli(first_event_at) AS first_at,
                groupArrayIf(CAST((rank, toUnixTimestamp64Milli(event_timestamp), ifNull(reinterpretAsInt64(transaction_value), 0), own, subscription_events.user_id, subscription_action,
                    ifNull(term_name, ''), ifNull(resource_name, ''), ifNull(billing_country_code, ''), ifNull(experience_name, ''), plan_currency), 'Tuple(rank UInt8, at Int64, value Int64, own UInt8, user String, action LowCardinality(String), term LowCardinality(String), resource LowCardinality(String), country LowCardinality(String), experience LowCardinality(String), currency String)'), event_timestamp <= as_of) AS details,
                minIf(toUnixTimestamp64Milli(event_timestamp), event_timestamp > as_of) AS next_at,
                max(bitShiftLeft(toUInt128(version), 64) + toUnixTimestamp64Milli(subscription_events.synced_at)) AS newest_row
            FROM
            (
                SELECT
                    *,
                    toUInt8(transform(toString(subscription_action), ['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0)) AS rank,
                    if(subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != subscription_id, ifNull(upgrade_to_subscription_id, ''), '') AS change_to,
                    rank != 0 AND change_to = '' AS own,
                    replaceRegexpOne(replaceRegexpOne(lower(trimBoth(ifNull(billing_period, ''))), '^.*?\\[([^\\[\\]]*\\|\\s*\\*\\s*)\\].*$', '\\1'), '^.*\\[([^\\[\\]]*)\\]\\s*$', '\\1') AS segment,
                    upper(extract(segment, '^\\s*\\d+(?:\\.\\d+)?\\s+([a-z]{3})\\s*\\|')) AS plan_currency
                FROM `piano`.`subscription_events_local` AS subscription_events FINAL
                PREWHERE true AND (subscription_id IN (SELECT arrayJoin(touched)))
                SETTINGS max_block_size = 65409
            ) AS subscription_events
            GROUP BY subscription_id
        ) AS l
        GLOBAL LEFT JOIN
        (
            SELECT
                p.subscription_id AS subscription_id,
                groupArray((p.target_subscription_id, toUnixTimestamp64Milli(t.first_at))) AS firsts,
                minIf(toUnixTimestamp64Milli(t.first_at), t.first_at > as_of) AS next_at
            FROM (SELECT target_subscription_id, subscription_id FROM pairs) AS p
            GLOBAL INNER JOIN
            (
                SELECT subscription_id AS target, min(event_timestamp) AS first_at
                FROM `piano`.`subscription_events` AS targets FINAL
                PREWHERE subscription_id GLOBAL IN (SELECT target_subscription_id FROM (SELECT target_subscription_id, subscription_id FROM pairs))
                GROUP BY subscription_id
                SETTINGS max_block_size = 65409
            ) AS t ON p.target_subscription_id = t.target
            GROUP BY subscription_id
        ) AS c ON l.subscription_id = c.subscription_id
        LEFT JOIN
        (
            SELECT subscription_id, regular_price, currency, replaceRegexpOne(replaceRegexpOne(lower(trimBoth(ifNull(billing_period, ''))), '^.*?\\[([^\\[\\]]*\\|\\s*\\*\\s*)\\].*$', '\\1'), '^.*\\[([^\\[\\]]*)\\]\\s*$', '\\1') AS segment, if(toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1)) = 0, 0, toUInt64(transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [4294967296, 4294967296, 55834574848, 1567663063040], 0) + transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [1, 12, 3, 12], 0) * toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1)))) AS rate, cityHash64(ifNull(toString(regular_price), ''), ifNull(currency, ''), ifNull(billing_period, '')) AS hash
            FROM `piano`.`subscription_snapshots_local` AS snapshots FINAL
            PREWHERE true AND (subscription_id IN (SELECT arrayJoin(touched))) WHERE snapshot_id GLOBAL IN (SELECT snapshot_id FROM `piano`.`snapshot_runs` FINAL WHERE state = 'complete' AND as_of <= now64(3) ORDER BY whole DESC, as_of DESC, completed_at DESC, snapshot_id DESC LIMIT 1) AND NOT filtered AND NOT unreadable
        ) AS n ON l.subscription_id = n.subscription_id
    )
    )
    )
    )
    )
)
SETTINGS do_not_merge_across_partitions_select_final = 1, short_circuit_function_evaluation = 'disable', optimize_and_compare_chain = 0
) AS computed
FULL JOIN
(
    SELECT DISTINCT subscription_id FROM `piano`.`subscriptions_local` WHERE subscription_id IN (SELECT arrayJoin(touched))
    UNION ALL
    SELECT '' AS subscription_id
) AS known USING (subscription_id)
ORDER BY subscription_id = ''
SETTINGS max_insert_threads = 1, max_bytes_before_external_sort = 300000000, join_use_nulls = 0, enable_analyzer = 1,
    group_by_two_level_threshold = 0, group_by_two_level_threshold_bytes = 0, max_block_size = 4096, max_joined_block_size_rows = 4096
COMMENT 'Computes the state of the subscriptions that may have changed, every few seconds';
DROP VIEW IF EXISTS `piano`.`subscription_state` ON CLUSTER `main`;
CREATE VIEW IF NOT EXISTS `piano`.`subscription_state` ON CLUSTER `main`
(
)
AS
SELECT
    subscription_id,
    user_id,
    if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
    status,
    closed,
    autorenew,
    autorenew_disabled_at,
    CAST(trial_open AND NOT ifNull(trial_ends_at <= now64(3, 'UTC'), false), 'Bool') AS in_trial,
    trial_ends_at,
    had_trial,
    converted_at,
    failed_payments,
    failed_since,
    last_failed_at,
    current_period_ends_at,
    started_at,
    ended_at,
    end_reason,
    term_type,
    counts,
    term_name,
    resource_name,
    country,
    experience_name,
    billing_period,
    period_months,
    price,
    regular_price,
    currency,
    if(in_trial, toDecimal64(0, 4), mrr_after_trial) AS mrr,
    mrr_basis,
    change_pending,
    change_to_subscription_id,
    CAST(NOT closed AND status != '' AND ifNull(current_period_ends_at + INTERVAL 7 DAY < now64(3, 'UTC'), false), 'Bool') AS overdue,
    partial,
    events,
    first_event_at,
    last_event_at,
    synced_at,
    refreshed_at,
    (SELECT min(complete_to) FROM (SELECT argMax(progress.complete_to, (refresh, refreshed_at)) AS complete_to FROM `piano`.`subscriptions` WHERE subscription_id = '' GROUP BY hostName())) AS complete_to
FROM `piano`.`subscriptions` FINAL
COMMENT 'The state that follows from the events, one row a subscription';
CREATE VIEW IF NOT EXISTS `piano`.`subscription_state_at` ON CLUSTER `main`
AS
SELECT subscription_id, user_id, customer, status, closed, autorenew, autorenew_disabled_at, in_trial, trial_ends_at, had_trial, converted_at,
    failed_payments, failed_since, last_failed_at, current_period_ends_at, started_at, ended_at, end_reason, term_type, counts,
    term_name, resource_name, country, experience_name, billing_period, period_months, price, regular_price, currency, mrr, mrr_basis,
    change_pending, change_to_subscription_id, overdue, partial, events, first_event_at, last_event_at, synced_at
FROM
(
WITH
    ({at:DateTime64(3, 'UTC')} - INTERVAL 1 MILLISECOND) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms
SELECT
    subscription_id,
    user_id,
    CAST(transform(s.status, [1, 2, 3, 4, 5, 6], ['active', 'fail_and_retry', 'expired', 'expired_with_error', 'cancelled', 'upgraded'], ''), 'LowCardinality(String)') AS status,
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
    CAST(if(NOT closed, NULL, multiIf(s.status = 4, 'payment_failed', s.status = 6, 'plan_change', s.status = 5, 'cancelled', s.had_trial = 1 AND NOT s.charged, 'trial_not_converted', s.disabled_at != 0, 'auto_renew_off', 'unknown')), 'LowCardinality(Nullable(String))') AS end_reason,
    CAST(nullIf(s.term_type, ''), 'LowCardinality(Nullable(String))') AS term_type,
    CAST(nullIf(s.billing_period, ''), 'LowCardinality(Nullable(String))') AS billing_period,
    if(s.price < 0, NULL, reinterpret(toInt64(s.price), 'Decimal(18, 4)')) AS price,
    CAST(s.change_to != '' AND NOT closed, 'Bool') AS change_pending,
    if(change_pending, s.change_to, NULL) AS change_to_subscription_id,
    CAST(NOT closed AND s.status != 0 AND s.period_ends_at != 0 AND s.period_ends_at + 7 * 86400000 < now_ms, 'Bool') AS overdue,
    CAST(s.partial, 'Bool') AS partial,
    events,
    first_event_at,
    last_event_at,
    synced_at,
    if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
    CAST(s.had_trial = 1, 'Bool') AS had_trial,
    if(s.converted_at = 0, NULL, fromUnixTimestamp64Milli(s.converted_at, 'UTC')) AS converted_at,
    CAST(s.term_type IN ('payment', 'dynamic'), 'Bool') AS counts,
    CAST(nullIf(attributes.1, ''), 'LowCardinality(Nullable(String))') AS term_name,
    CAST(nullIf(attributes.2, ''), 'LowCardinality(Nullable(String))') AS resource_name,
    CAST(nullIf(attributes.3, ''), 'LowCardinality(Nullable(String))') AS country,
    CAST(nullIf(attributes.4, ''), 'LowCardinality(Nullable(String))') AS experience_name,
    CAST(multiIf(list_currency != '', list_currency, attributes.5 != '', attributes.5, 'unknown'), 'LowCardinality(String)') AS currency,
    if(s.price_rate != 0 AND (s.price >= 0 OR list_rate = 0), s.price_rate, list_rate) AS rate,
    CAST(multiIf(s.price >= 0, 'charged', list_price >= 0, 'list', 'none'), 'LowCardinality(String)') AS mrr_basis,
    if(rate = 0, NULL, bitAnd(rate, 4294967295) / bitShiftRight(rate, 32)) AS period_months,
    reinterpret(toInt64(if(s.status IN (1, 2) AND counts AND NOT in_trial AND NOT (s.price < 0 AND s.had_trial != 0 AND NOT s.charged), toInt64(intDiv(2 * toInt128(greatest(if(s.price >= 0, s.price, list_price), 0)) * bitShiftRight(rate, 32) + bitAnd(rate, 4294967295), 2 * toInt128(greatest(bitAnd(rate, 4294967295), 1)))), 0)), 'Decimal(18, 4)') AS mrr,
    if(list_price < 0, NULL, reinterpret(toInt64(list_price), 'Decimal(18, 4)')) AS regular_price
FROM
(
    SELECT
        subscription_id, user_id, events, first_event_at, last_event_at, synced_at, attributes, list_price, list_currency, list_rate,
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
                multiIf((e.rank = 2 OR (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at)), 1, e.rank = 3 AND a.had_trial = 0, 2, a.had_trial),
                a.charged OR (e.rank = 3 AND e.price > 0) OR (e.rank = 5 AND a.status != 6) OR (e.rank = 6 AND a.status IN (3, 4, 5)),
                multiIf(e.rank = 4, a.failed_payments + 1, e.rank IN (5, 6) AND a.status != 6, 0, a.failed_payments),
                multiIf(e.rank = 4, if(a.failed_payments = 0, e.at, a.failed_since), e.rank IN (5, 6) AND a.status != 6, 0, a.failed_since),
                if(e.rank = 4, e.at, a.last_failed_at),
                multiIf(e.rank = 8, 1, e.rank IN (4, 7) OR (e.rank IN (5, 6) AND a.status != 6), 0, a.off_after_failure),
                if(e.next_billed_at != 0 AND e.rank NOT IN (0, 4, 13, 14), e.next_billed_at, a.period_ends_at),
                if((e.rank = 1 AND a.partial) OR (e.rank = 2 AND a.partial AND a.started_at = 0), e.at, a.started_at),
                multiIf(
                    e.rank IN (5, 6) AND a.status != 6, 0,
                    e.rank IN (11, 12) AND a.status < 3, e.at,
                    e.rank = 13 AND a.status < 3 AND a.change_to = e.change_to, e.at,
                    a.ended_at),
                if(e.term_type != '' AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.term_type, a.term_type),
                if(e.billing_period != '' AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.billing_period, a.billing_period),
                multiIf(
                    e.rank IN (9, 10) AND e.change_to != '' AND a.status < 3, e.change_to,
                    a.status < 3 AND (e.rank IN (11, 12) OR (e.rank = 13 AND a.change_to = e.change_to)), '',
                    a.change_to),
                a.partial AND e.rank != 1,
                if((e.price >= 0 AND multiIf(e.rank = 1, a.partial AND NOT e.trial_ends_at > e.at AND NOT trial_at_start, e.rank = 3, e.price > 0, e.rank = 5, 1, e.rank = 6, e.price > 0 OR a.status >= 3, 0)), e.price, a.price),
                if((e.price >= 0 AND multiIf(e.rank = 1, a.partial AND NOT e.trial_ends_at > e.at AND NOT trial_at_start, e.rank = 3, e.price > 0, e.rank = 5, 1, e.rank = 6, e.price > 0 OR a.status >= 3, 0)) OR a.price < 0 OR a.price_rate = 0, if(e.rate != 0 AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.rate, a.rate), a.price_rate),
                if(e.rate != 0 AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.rate, a.rate),
                if(a.trial_from = 0 AND a.status < 3 AND (e.rank = 2 OR (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at)), e.at, a.trial_from),
                a.ended OR a.status >= 3,
                if(a.converted_at = 0 AND a.had_trial = 1 AND NOT a.ended AND a.status < 3 AND ((e.rank = 5 AND a.status != 6) OR (e.rank = 3 AND e.price > 0)), e.at, a.converted_at)
            ), 'Tuple(status UInt8, auto UInt8, disabled_at Int64, in_trial UInt8, trial_ends_at Int64, had_trial UInt8, charged UInt8, failed_payments UInt32, failed_since Int64, last_failed_at Int64, off_after_failure UInt8, period_ends_at Int64, started_at Int64, ended_at Int64, term_type String, billing_period String, change_to String, partial UInt8, price Int64, price_rate UInt64, rate UInt64, trial_from Int64, ended UInt8, converted_at Int64)'),
            facts,
            CAST((0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', '', 1, -1, 0, 0, 0, 0, 0), 'Tuple(status UInt8, auto UInt8, disabled_at Int64, in_trial UInt8, trial_ends_at Int64, had_trial UInt8, charged UInt8, failed_payments UInt32, failed_since Int64, last_failed_at Int64, off_after_failure UInt8, period_ends_at Int64, started_at Int64, ended_at Int64, term_type String, billing_period String, change_to String, partial UInt8, price Int64, price_rate UInt64, rate UInt64, trial_from Int64, ended UInt8, converted_at Int64)')) AS s
    FROM
    (
        SELECT
            l.subscription_id AS subscription_id, user_id, l.events AS events, first_event_at, last_event_at, synced_at, created_at,
            attributes,
            ifNull(reinterpretAsInt64(n.regular_price), -1) AS list_price,
            ifNull(toString(n.currency), '') AS list_currency,
            n.rate AS list_rate,
            arrayExists((e) -> e.rank = 2 AND e.at = created_at, l.told) AS trial_at_start,
            arraySort(
                (e) -> (if(e.rank = 1 AND e.at = created_at, 0, 1), e.at, if(e.rank = 13, e.after, e.rank), e.rank = 13),
                arrayConcat(l.told, effects)) AS facts
        FROM
        (
            SELECT
                subscription_id,
                argMaxIf(subscription_events.user_id, (event_timestamp, rank, subscription_action), subscription_events.user_id != '') AS user_id,
                minIf(toUnixTimestamp64Milli(event_timestamp), subscription_action = 'Created') AS created_at,
                groupArray(CAST((
                    rank,
                    0,
                    toUnixTimestamp64Milli(event_timestamp),
                    ifNull(toUnixTimestamp64Milli(next_billed_at), 0),
                    ifNull(toUnixTimestamp64Milli(trial_period_ended_at), 0),
                    ifNull(reinterpretAsInt64(transaction_value), -1),
                    ifNull(term_type, ''),
                    ifNull(billing_period, ''),
                    change_to,
                    if(toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1)) = 0, 0, toUInt64(transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [4294967296, 4294967296, 55834574848, 1567663063040], 0) + transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [1, 12, 3, 12], 0) * toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1))))
                ), 'Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, price Int64, term_type String, billing_period String, change_to String, rate UInt64)')) AS told,
                count() AS events,
                min(event_timestamp) AS first_event_at,
                max(event_timestamp) AS last_event_at,
                max(subscription_events.synced_at) AS synced_at,
                toUnixTimestamp64Milli(first_event_at) AS first_at,
                (
                    argMaxIf(ifNull(term_name, ''), (event_timestamp, rank), own AND isNotNull(term_name)),
                    argMaxIf(ifNull(resource_name, ''), (event_timestamp, rank), own AND isNotNull(resource_name)),
                    argMaxIf(ifNull(billing_country_code, ''), (event_timestamp, rank), rank != 0 AND isNotNull(billing_country_code)),
                    argMaxIf(ifNull(experience_name, ''), (event_timestamp, rank), rank != 0 AND isNotNull(experience_name)),
                    argMaxIf(plan_currency, (event_timestamp, rank), own AND plan_currency != '')
                ) AS attributes
            FROM
            (
                SELECT
                    *,
                    toUInt8(transform(toString(subscription_action), ['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0)) AS rank,
                    if(subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != subscription_id, ifNull(upgrade_to_subscription_id, ''), '') AS change_to,
                    rank != 0 AND change_to = '' AS own,
                    replaceRegexpOne(replaceRegexpOne(lower(trimBoth(ifNull(billing_period, ''))), '^.*?\\[([^\\[\\]]*\\|\\s*\\*\\s*)\\].*$', '\\1'), '^.*\\[([^\\[\\]]*)\\]\\s*$', '\\1') AS segment,
                    upper(extract(segment, '^\\s*\\d+(?:\\.\\d+)?\\s+([a-z]{3})\\s*\\|')) AS plan_currency
                FROM `piano`.`subscription_events` AS subscription_events FINAL
                WHERE event_timestamp <= as_of
            ) AS subscription_events
            GROUP BY subscription_id
        ) AS l
        GLOBAL LEFT JOIN
        (
            SELECT
                subscription_id,
                groupArray(CAST((
                    13,
                    if(first_at <= event_timestamp, toUInt8(transform(toString(subscription_action), ['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0)), 0),
                    toUnixTimestamp64Milli(greatest(first_at, event_timestamp)),
                    0, 0, -1, '', '', upgrade_to_subscription_id, 0
                ), 'Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, price Int64, term_type String, billing_period String, change_to String, rate UInt64)')) AS effects
            FROM `piano`.`subscription_events` AS changes FINAL
            GLOBAL INNER JOIN
            (
                SELECT subscription_id AS target, min(event_timestamp) AS first_at
                FROM `piano`.`subscription_events` AS targets FINAL
                WHERE event_timestamp <= as_of AND subscription_id GLOBAL IN
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
        LEFT JOIN
        (
            SELECT subscription_id, regular_price, currency, replaceRegexpOne(replaceRegexpOne(lower(trimBoth(ifNull(billing_period, ''))), '^.*?\\[([^\\[\\]]*\\|\\s*\\*\\s*)\\].*$', '\\1'), '^.*\\[([^\\[\\]]*)\\]\\s*$', '\\1') AS segment, if(toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1)) = 0, 0, toUInt64(transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [4294967296, 4294967296, 55834574848, 1567663063040], 0) + transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [1, 12, 3, 12], 0) * toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1)))) AS rate, cityHash64(ifNull(toString(regular_price), ''), ifNull(currency, ''), ifNull(billing_period, '')) AS hash
            FROM `piano`.`subscription_snapshots` AS snapshots FINAL
            WHERE true  AND snapshot_id GLOBAL IN (SELECT snapshot_id FROM `piano`.`snapshot_runs` FINAL WHERE state = 'complete' AND as_of <= now64(3) ORDER BY whole DESC, as_of DESC, completed_at DESC, snapshot_id DESC LIMIT 1) AND NOT filtered AND NOT unreadable
        ) AS n ON l.subscription_id = n.subscription_id
    )
)
SETTINGS do_not_merge_across_partitions_select_final = 1, short_circuit_function_evaluation = 'disable', optimize_and_compare_chain = 0
)
COMMENT 'The state of each subscription at a moment, from the events before it: subscription_state_at(at = …)';
CREATE VIEW IF NOT EXISTS `piano`.`subscription_state_of` ON CLUSTER `main`
AS
SELECT subscription_id, user_id, customer, status, closed, autorenew, autorenew_disabled_at, in_trial, trial_ends_at, had_trial, converted_at,
    failed_payments, failed_since, last_failed_at, current_period_ends_at, started_at, ended_at, end_reason, term_type, counts,
    term_name, resource_name, country, experience_name, billing_period, period_months, price, regular_price, currency, mrr, mrr_basis,
    change_pending, change_to_subscription_id, overdue, partial, events, first_event_at, last_event_at, synced_at
FROM
(
WITH
    ({at:DateTime64(3, 'UTC')} - INTERVAL 1 MILLISECOND) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms
SELECT
    subscription_id,
    user_id,
    CAST(transform(s.status, [1, 2, 3, 4, 5, 6], ['active', 'fail_and_retry', 'expired', 'expired_with_error', 'cancelled', 'upgraded'], ''), 'LowCardinality(String)') AS status,
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
    CAST(if(NOT closed, NULL, multiIf(s.status = 4, 'payment_failed', s.status = 6, 'plan_change', s.status = 5, 'cancelled', s.had_trial = 1 AND NOT s.charged, 'trial_not_converted', s.disabled_at != 0, 'auto_renew_off', 'unknown')), 'LowCardinality(Nullable(String))') AS end_reason,
    CAST(nullIf(s.term_type, ''), 'LowCardinality(Nullable(String))') AS term_type,
    CAST(nullIf(s.billing_period, ''), 'LowCardinality(Nullable(String))') AS billing_period,
    if(s.price < 0, NULL, reinterpret(toInt64(s.price), 'Decimal(18, 4)')) AS price,
    CAST(s.change_to != '' AND NOT closed, 'Bool') AS change_pending,
    if(change_pending, s.change_to, NULL) AS change_to_subscription_id,
    CAST(NOT closed AND s.status != 0 AND s.period_ends_at != 0 AND s.period_ends_at + 7 * 86400000 < now_ms, 'Bool') AS overdue,
    CAST(s.partial, 'Bool') AS partial,
    events,
    first_event_at,
    last_event_at,
    synced_at,
    if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
    CAST(s.had_trial = 1, 'Bool') AS had_trial,
    if(s.converted_at = 0, NULL, fromUnixTimestamp64Milli(s.converted_at, 'UTC')) AS converted_at,
    CAST(s.term_type IN ('payment', 'dynamic'), 'Bool') AS counts,
    CAST(nullIf(attributes.1, ''), 'LowCardinality(Nullable(String))') AS term_name,
    CAST(nullIf(attributes.2, ''), 'LowCardinality(Nullable(String))') AS resource_name,
    CAST(nullIf(attributes.3, ''), 'LowCardinality(Nullable(String))') AS country,
    CAST(nullIf(attributes.4, ''), 'LowCardinality(Nullable(String))') AS experience_name,
    CAST(multiIf(list_currency != '', list_currency, attributes.5 != '', attributes.5, 'unknown'), 'LowCardinality(String)') AS currency,
    if(s.price_rate != 0 AND (s.price >= 0 OR list_rate = 0), s.price_rate, list_rate) AS rate,
    CAST(multiIf(s.price >= 0, 'charged', list_price >= 0, 'list', 'none'), 'LowCardinality(String)') AS mrr_basis,
    if(rate = 0, NULL, bitAnd(rate, 4294967295) / bitShiftRight(rate, 32)) AS period_months,
    reinterpret(toInt64(if(s.status IN (1, 2) AND counts AND NOT in_trial AND NOT (s.price < 0 AND s.had_trial != 0 AND NOT s.charged), toInt64(intDiv(2 * toInt128(greatest(if(s.price >= 0, s.price, list_price), 0)) * bitShiftRight(rate, 32) + bitAnd(rate, 4294967295), 2 * toInt128(greatest(bitAnd(rate, 4294967295), 1)))), 0)), 'Decimal(18, 4)') AS mrr,
    if(list_price < 0, NULL, reinterpret(toInt64(list_price), 'Decimal(18, 4)')) AS regular_price
FROM
(
    SELECT
        subscription_id, user_id, events, first_event_at, last_event_at, synced_at, attributes, list_price, list_currency, list_rate,
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
                multiIf((e.rank = 2 OR (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at)), 1, e.rank = 3 AND a.had_trial = 0, 2, a.had_trial),
                a.charged OR (e.rank = 3 AND e.price > 0) OR (e.rank = 5 AND a.status != 6) OR (e.rank = 6 AND a.status IN (3, 4, 5)),
                multiIf(e.rank = 4, a.failed_payments + 1, e.rank IN (5, 6) AND a.status != 6, 0, a.failed_payments),
                multiIf(e.rank = 4, if(a.failed_payments = 0, e.at, a.failed_since), e.rank IN (5, 6) AND a.status != 6, 0, a.failed_since),
                if(e.rank = 4, e.at, a.last_failed_at),
                multiIf(e.rank = 8, 1, e.rank IN (4, 7) OR (e.rank IN (5, 6) AND a.status != 6), 0, a.off_after_failure),
                if(e.next_billed_at != 0 AND e.rank NOT IN (0, 4, 13, 14), e.next_billed_at, a.period_ends_at),
                if((e.rank = 1 AND a.partial) OR (e.rank = 2 AND a.partial AND a.started_at = 0), e.at, a.started_at),
                multiIf(
                    e.rank IN (5, 6) AND a.status != 6, 0,
                    e.rank IN (11, 12) AND a.status < 3, e.at,
                    e.rank = 13 AND a.status < 3 AND a.change_to = e.change_to, e.at,
                    a.ended_at),
                if(e.term_type != '' AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.term_type, a.term_type),
                if(e.billing_period != '' AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.billing_period, a.billing_period),
                multiIf(
                    e.rank IN (9, 10) AND e.change_to != '' AND a.status < 3, e.change_to,
                    a.status < 3 AND (e.rank IN (11, 12) OR (e.rank = 13 AND a.change_to = e.change_to)), '',
                    a.change_to),
                a.partial AND e.rank != 1,
                if((e.price >= 0 AND multiIf(e.rank = 1, a.partial AND NOT e.trial_ends_at > e.at AND NOT trial_at_start, e.rank = 3, e.price > 0, e.rank = 5, 1, e.rank = 6, e.price > 0 OR a.status >= 3, 0)), e.price, a.price),
                if((e.price >= 0 AND multiIf(e.rank = 1, a.partial AND NOT e.trial_ends_at > e.at AND NOT trial_at_start, e.rank = 3, e.price > 0, e.rank = 5, 1, e.rank = 6, e.price > 0 OR a.status >= 3, 0)) OR a.price < 0 OR a.price_rate = 0, if(e.rate != 0 AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.rate, a.rate), a.price_rate),
                if(e.rate != 0 AND (e.rank NOT IN (0, 13, 14) AND e.change_to = ''), e.rate, a.rate),
                if(a.trial_from = 0 AND a.status < 3 AND (e.rank = 2 OR (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at)), e.at, a.trial_from),
                a.ended OR a.status >= 3,
                if(a.converted_at = 0 AND a.had_trial = 1 AND NOT a.ended AND a.status < 3 AND ((e.rank = 5 AND a.status != 6) OR (e.rank = 3 AND e.price > 0)), e.at, a.converted_at)
            ), 'Tuple(status UInt8, auto UInt8, disabled_at Int64, in_trial UInt8, trial_ends_at Int64, had_trial UInt8, charged UInt8, failed_payments UInt32, failed_since Int64, last_failed_at Int64, off_after_failure UInt8, period_ends_at Int64, started_at Int64, ended_at Int64, term_type String, billing_period String, change_to String, partial UInt8, price Int64, price_rate UInt64, rate UInt64, trial_from Int64, ended UInt8, converted_at Int64)'),
            facts,
            CAST((0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', '', 1, -1, 0, 0, 0, 0, 0), 'Tuple(status UInt8, auto UInt8, disabled_at Int64, in_trial UInt8, trial_ends_at Int64, had_trial UInt8, charged UInt8, failed_payments UInt32, failed_since Int64, last_failed_at Int64, off_after_failure UInt8, period_ends_at Int64, started_at Int64, ended_at Int64, term_type String, billing_period String, change_to String, partial UInt8, price Int64, price_rate UInt64, rate UInt64, trial_from Int64, ended UInt8, converted_at Int64)')) AS s
    FROM
    (
        SELECT
            l.subscription_id AS subscription_id, user_id, l.events AS events, first_event_at, last_event_at, synced_at, created_at,
            attributes,
            ifNull(reinterpretAsInt64(n.regular_price), -1) AS list_price,
            ifNull(toString(n.currency), '') AS list_currency,
            n.rate AS list_rate,
            arrayExists((e) -> e.rank = 2 AND e.at = created_at, l.told) AS trial_at_start,
            arraySort(
                (e) -> (if(e.rank = 1 AND e.at = created_at, 0, 1), e.at, if(e.rank = 13, e.after, e.rank), e.rank = 13),
                arrayConcat(l.told, effects)) AS facts
        FROM
        (
            SELECT
                subscription_id,
                argMaxIf(subscription_events.user_id, (event_timestamp, rank, subscription_action), subscription_events.user_id != '') AS user_id,
                minIf(toUnixTimestamp64Milli(event_timestamp), subscription_action = 'Created') AS created_at,
                groupArray(CAST((
                    rank,
                    0,
                    toUnixTimestamp64Milli(event_timestamp),
                    ifNull(toUnixTimestamp64Milli(next_billed_at), 0),
                    ifNull(toUnixTimestamp64Milli(trial_period_ended_at), 0),
                    ifNull(reinterpretAsInt64(transaction_value), -1),
                    ifNull(term_type, ''),
                    ifNull(billing_period, ''),
                    change_to,
                    if(toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1)) = 0, 0, toUInt64(transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [4294967296, 4294967296, 55834574848, 1567663063040], 0) + transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [1, 12, 3, 12], 0) * toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1))))
                ), 'Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, price Int64, term_type String, billing_period String, change_to String, rate UInt64)')) AS told,
                count() AS events,
                min(event_timestamp) AS first_event_at,
                max(event_timestamp) AS last_event_at,
                max(subscription_events.synced_at) AS synced_at,
                toUnixTimestamp64Milli(first_event_at) AS first_at,
                (
                    argMaxIf(ifNull(term_name, ''), (event_timestamp, rank), own AND isNotNull(term_name)),
                    argMaxIf(ifNull(resource_name, ''), (event_timestamp, rank), own AND isNotNull(resource_name)),
                    argMaxIf(ifNull(billing_country_code, ''), (event_timestamp, rank), rank != 0 AND isNotNull(billing_country_code)),
                    argMaxIf(ifNull(experience_name, ''), (event_timestamp, rank), rank != 0 AND isNotNull(experience_name)),
                    argMaxIf(plan_currency, (event_timestamp, rank), own AND plan_currency != '')
                ) AS attributes
            FROM
            (
                SELECT
                    *,
                    toUInt8(transform(toString(subscription_action), ['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0)) AS rank,
                    if(subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != subscription_id, ifNull(upgrade_to_subscription_id, ''), '') AS change_to,
                    rank != 0 AND change_to = '' AS own,
                    replaceRegexpOne(replaceRegexpOne(lower(trimBoth(ifNull(billing_period, ''))), '^.*?\\[([^\\[\\]]*\\|\\s*\\*\\s*)\\].*$', '\\1'), '^.*\\[([^\\[\\]]*)\\]\\s*$', '\\1') AS segment,
                    upper(extract(segment, '^\\s*\\d+(?:\\.\\d+)?\\s+([a-z]{3})\\s*\\|')) AS plan_currency
                FROM `piano`.`subscription_events` AS subscription_events FINAL
                WHERE event_timestamp <= as_of AND (subscription_id = {subscription:String})
            ) AS subscription_events
            GROUP BY subscription_id
        ) AS l
        GLOBAL LEFT JOIN
        (
            SELECT
                subscription_id,
                groupArray(CAST((
                    13,
                    if(first_at <= event_timestamp, toUInt8(transform(toString(subscription_action), ['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0)), 0),
                    toUnixTimestamp64Milli(greatest(first_at, event_timestamp)),
                    0, 0, -1, '', '', upgrade_to_subscription_id, 0
                ), 'Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, price Int64, term_type String, billing_period String, change_to String, rate UInt64)')) AS effects
            FROM `piano`.`subscription_events` AS changes FINAL
            GLOBAL INNER JOIN
            (
                SELECT subscription_id AS target, min(event_timestamp) AS first_at
                FROM `piano`.`subscription_events` AS targets FINAL
                WHERE event_timestamp <= as_of AND subscription_id GLOBAL IN
                (
                    SELECT upgrade_to_subscription_id
                    FROM `piano`.`subscription_events`
                    WHERE subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != '' AND (subscription_id = {subscription:String})
                )
                GROUP BY subscription_id
            ) AS t ON changes.upgrade_to_subscription_id = t.target
            WHERE subscription_action IN ('Upgraded', 'Downgraded') AND event_timestamp <= as_of AND target != subscription_id AND (subscription_id = {subscription:String})
            GROUP BY subscription_id
        ) AS c ON l.subscription_id = c.subscription_id
        LEFT JOIN
        (
            SELECT subscription_id, regular_price, currency, replaceRegexpOne(replaceRegexpOne(lower(trimBoth(ifNull(billing_period, ''))), '^.*?\\[([^\\[\\]]*\\|\\s*\\*\\s*)\\].*$', '\\1'), '^.*\\[([^\\[\\]]*)\\]\\s*$', '\\1') AS segment, if(toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1)) = 0, 0, toUInt64(transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [4294967296, 4294967296, 55834574848, 1567663063040], 0) + transform(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\2'), ['month', 'year', 'week', 'day'], [1, 12, 3, 12], 0) * toUInt64OrDefault(replaceRegexpOne(segment, '^(?:every |\\$\\d+(?:\\.\\d+)? per |\\s*\\d+(?:\\.\\d+)?\\s+[a-z]{3}\\s*\\|\\s*)?(?:(\\d{1,4})\\s+)?(day|week|month|year)s?(?:\\s*\\|\\s*(?:\\*|\\d+)\\s*)?$', '\\1'), toUInt64(1)))) AS rate, cityHash64(ifNull(toString(regular_price), ''), ifNull(currency, ''), ifNull(billing_period, '')) AS hash
            FROM `piano`.`subscription_snapshots` AS snapshots FINAL
            WHERE true AND (subscription_id = {subscription:String}) AND snapshot_id GLOBAL IN (SELECT snapshot_id FROM `piano`.`snapshot_runs` FINAL WHERE state = 'complete' AND as_of <= now64(3) ORDER BY whole DESC, as_of DESC, completed_at DESC, snapshot_id DESC LIMIT 1) AND NOT filtered AND NOT unreadable
        ) AS n ON l.subscription_id = n.subscription_id
    )
)
SETTINGS do_not_merge_across_partitions_select_final = 1, short_circuit_function_evaluation = 'disable', optimize_and_compare_chain = 0
)
COMMENT 'The state of one subscription at a moment: subscription_state_of(subscription = …, at = …)';
CREATE VIEW IF NOT EXISTS `piano`.`subscription_timeline` ON CLUSTER `main`
(
)
AS
SELECT *, toUInt8(transform(toString(subscription_action), ['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0)) AS action_rank
FROM `piano`.`piano_subscriber_event_stream`
COMMENT 'The event stream and the order of the actions of one instant';
CREATE TABLE IF NOT EXISTS `piano`.`suppressions_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', listed_at)
ORDER BY (key_id, hash)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Keyed hashes of erased people, whose messages are dropped. An entry may be here twice: equal hashes count once';
CREATE TABLE IF NOT EXISTS `piano`.`suppressions` ON CLUSTER `main` AS `piano`.`suppressions_local`
ENGINE = Distributed(`main`, `piano`, `suppressions_local`, murmurHash3_64(hash));
CREATE TABLE IF NOT EXISTS `piano`.`erasures_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', written_at)
ORDER BY erasure_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every erasure with its counts, without personal data. May hold several states of one: read it with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`erasures` ON CLUSTER `main` AS `piano`.`erasures_local`
ENGINE = Distributed(`main`, `piano`, `erasures_local`, murmurHash3_64(erasure_id));
CREATE TABLE IF NOT EXISTS `piano`.`erasure_targets_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY erasure_id
ORDER BY (erasure_id, kind, value)
COMMENT 'What an erasure under way looks for. Empty when none is under way';
CREATE TABLE IF NOT EXISTS `piano`.`erasure_targets` ON CLUSTER `main` AS `piano`.`erasure_targets_local`
ENGINE = Distributed(`main`, `piano`, `erasure_targets_local`, murmurHash3_64(value));
CREATE TABLE IF NOT EXISTS `piano`.`analytics_calendar_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', filled_at)
ORDER BY day
COMMENT 'The first instant of each day from 2000 to 2099 in the time zone of the analysts. Read it with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`analytics_calendar` ON CLUSTER `main` AS `piano`.`analytics_calendar_local`
ENGINE = Distributed(`main`, `piano`, `analytics_calendar_local`, toUInt32(day));
INSERT INTO `piano`.`analytics_calendar` (day, starts_at, timezone, filled_at)
SELECT toDate('2000-01-01') + number AS day, toDateTime64(day, 3, 'UTC'), 'UTC', toDateTime64(0, 3, 'UTC')
FROM numbers(36525);
CREATE TABLE IF NOT EXISTS `piano`.`mrr_movements` ON CLUSTER `main`
(
)
ENGINE = MergeTree
ORDER BY (month, currency, kind, churn_kind)
COMMENT 'Movements of monthly recurring revenue by month, currency and kind. Recomputed every five minutes';
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`mrr_movements_refresh` ON CLUSTER `main`
REFRESH EVERY 5 MINUTE TO `piano`.`mrr_movements`
(
)
EMPTY AS
WITH
    (SELECT now64(3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar,
    (SELECT groupArray(subscription_id) FROM (SELECT subscription_id
    FROM
    (
        SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
        FROM `piano`.`filtered_subscriptions`
        UNION ALL
        SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered
        FROM `piano`.`subscriptions` FINAL
        WHERE subscription_id GLOBAL IN (SELECT subscription_id FROM `piano`.`filtered_subscriptions`)
    )
    GROUP BY subscription_id
    HAVING argMax(is_filtered, (version, written_at, is_filtered)))) AS internal,
    visible AS
    (
        SELECT
            subscription_id,
            if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
            currency,
            toUnixTimestamp64Milli(first_event_at) AS first_ms,
            if(partial, 9223372036854775807, toUnixTimestamp64Milli(assumeNotNull(started_at))) AS created_ms,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.mrr), mrr_steps)) AS steps,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.status IN ('active', 'fail_and_retry') AND s.counts, s.in_trial, s.status = 'fail_and_retry', s.counts), status_steps)) AS states,
            dunning, payments,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.at), states).5 AND e.at < as_of, ends) AS counted_ends,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.started_at), states).5 AND e.started_at < as_of, dunning) AS counted_dunning,
            status_steps, ends, trial, changes,
            arrayFilter((o) -> o.1 < now_ms, arrayPushBack(
                arrayMap((o) -> (toUnixTimestamp64Milli(o.since), ifNull(toUnixTimestamp64Milli(o.until), toInt64(9223372036854775807))), overdue_spans),
                (if((notEmpty(overdue_spans) AND isNull(overdue_spans[-1].until)) OR isNull(current_period_ends_at), now_ms, toUnixTimestamp64Milli(assumeNotNull(current_period_ends_at)) + 7 * 86400000), toInt64(9223372036854775807)))) AS overdue,
            counts, status != '' AND NOT closed AS is_live, had_trial AND NOT paid_after_trial AS unpaid_trial, regular_price
        FROM `piano`.`subscriptions` FINAL
        WHERE first_event_at < as_of AND subscription_id NOT IN (SELECT arrayJoin(internal))
    ),
    several AS (SELECT cityHash64(customer) AS hash FROM visible GROUP BY hash HAVING count() > 1),
    changing AS
    (
        SELECT
            customer, subscription_id, toString(currency) AS currency, created_ms,
            arrayFilter((e) -> e.4 > 0, arrayMap((e) -> (roundDown(toUnixTimestamp64Milli(e.at), starts), toUnixTimestamp64Milli(e.at), toString(e.kind), e.mrr), counted_ends)) AS paid_ends,
    arrayMap((s) -> (roundDown(s.1, starts), s.2), steps) AS placed,
            arrayFilter((s, next) -> s.1 != next, placed, arrayShiftLeft(placed.1, 1, 0)) AS month_ends
        FROM visible
        WHERE notEmpty(steps)
    )
SELECT
    arrayElement(months_of_calendar, indexOf(starts, month_ms)) AS month,
    currency,
    kind,
    if(kind = 'churn', if(last_end IN ('voluntary', 'involuntary'), last_end, 'unknown'), '') AS churn_kind,
    count() AS customers,
    countIf(kind IN ('new', 'discovered', 'reactivation', 'churn') AND once) AS customers_once,
    countIf(opening = 0 AND closing > 0) AS entered,
    countIf(opening > 0 AND closing = 0) AS left,
    sum(abs(closing - opening)) AS amount,
    as_of
FROM
(
    SELECT
        m.1 AS month_ms, currency, toDecimal128(m.2, 4) AS closing, toDecimal128(previous, 4) AS opening, true AS once,
        multiIf(
            opening = 0, multiIf(place > first_above, 'reactivation', roundDown(created_ms, starts) > month_ms OR created_ms >= now_ms, 'discovered', 'new'),
            closing = 0, 'churn',
            closing > opening, 'expansion',
            'contraction') AS kind,
        if(kind = 'churn', arraySort(arrayFilter((e) -> e.1 = month_ms, paid_ends))[-1].3, '') AS last_end
    FROM (SELECT currency, created_ms, paid_ends, month_ends, arrayFirstIndex((m) -> m.2 > 0, month_ends) AS first_above FROM changing WHERE cityHash64(customer) NOT IN (SELECT hash FROM several))
    ARRAY JOIN month_ends AS m, arrayShiftRight(month_ends.2, 1, toDecimal64(0, 4)) AS previous, arrayEnumerate(month_ends) AS place
    WHERE m.2 != previous
    UNION ALL
    SELECT
        months[i] AS month_ms,
        currencies[j] AS currency,
        closings[i][j] AS closing,
        if(i = 1, toDecimal128(0, 4), closings[i - 1][j]) AS opening,
        j = arrayFirstIndex((a, b) -> a != b, closings[i], if(i = 1, arrayMap((x) -> toDecimal128(0, 4), closings[i]), closings[i - 1])) AS once,
        multiIf(
            NOT (i > 1 AND above[i - 1]), multiIf(has(arraySlice(above, 1, i - 1), 1), 'reactivation', arrayExists((c) -> c.1 = months[i] AND c.3 > 0 AND c.4, changes), 'discovered', 'new'),
            NOT above[i], 'churn',
            closing > opening, 'expansion',
            'contraction') AS kind,
        if(kind = 'churn', arraySort(arrayFilter((e) -> e.1 = months[i], paid_ends))[-1].4, '') AS last_end
    FROM
    (
        SELECT
            changes, paid_ends,
            arraySort(arrayDistinct(changes.1)) AS months,
            arraySort(arrayDistinct(changes.2)) AS currencies,
            arrayMap((m) -> arrayMap((c) -> arraySum((x) -> if(x.1 <= m AND x.2 = c, x.3, toDecimal128(0, 4)), changes), currencies), months) AS closings,
            arrayMap((of_month) -> arrayExists((v) -> v > 0, of_month), closings) AS above
        FROM
        (
            SELECT
                groupArrayArray(arrayMap(
                    (c, previous) -> (c.1, currency, toDecimal128(c.2 - previous, 4), roundDown(created_ms, starts) > c.1 OR created_ms >= now_ms),
                    month_ends, arrayShiftRight(month_ends.2, 1, toDecimal64(0, 4)))) AS changes,
                groupArrayArray(arrayMap((e) -> (e.1, e.2, subscription_id, e.3), paid_ends)) AS paid_ends
            FROM changing
            WHERE cityHash64(customer) IN (SELECT hash FROM several)
            GROUP BY customer
        )
    )
    ARRAY JOIN arrayEnumerate(months) AS i
    ARRAY JOIN arrayEnumerate(currencies) AS j
    WHERE closing != opening
)
GROUP BY month_ms, currency, kind, churn_kind
UNION ALL
SELECT
    arrayElement(months_of_calendar, indexOf(starts, roundDown(min(min(first_ms)) OVER (), starts))) AS month,
    currency, '' AS kind, '' AS churn_kind, 0, 0, 0, 0, toDecimal128(0, 4), as_of
FROM visible
GROUP BY currency
SETTINGS max_bytes_before_external_group_by = 1000000000
COMMENT 'Computes mrr_movements again';
CREATE VIEW IF NOT EXISTS `piano`.`mrr_by_month` ON CLUSTER `main`
(
)
AS
WITH
    (SELECT max(as_of) FROM `piano`.`mrr_movements`) AS figures_as_of,
    by_month AS
    (
        SELECT
            m.month AS month, c.currency AS currency, m.ends_at <= figures_as_of AS complete,
            sumIf(v.amount, v.kind = 'new') AS new_mrr,
            sumIf(v.amount, v.kind = 'discovered') AS discovered_mrr,
            sumIf(v.amount, v.kind = 'reactivation') AS reactivation_mrr,
            sumIf(v.amount, v.kind = 'expansion') AS expansion_mrr,
            sumIf(v.amount, v.kind = 'contraction') AS contraction_mrr,
            sumIf(v.amount, v.kind = 'churn') AS churned_mrr,
            sumIf(v.amount, v.churn_kind = 'voluntary') AS churned_voluntary_mrr,
            sumIf(v.amount, v.churn_kind = 'involuntary') AS churned_involuntary_mrr,
            sumIf(v.amount, v.churn_kind = 'unknown') AS churned_unknown_mrr,
            sumIf(v.customers, v.kind = 'new') AS new_customers,
            sumIf(v.customers, v.kind = 'discovered') AS discovered_customers,
            sumIf(v.customers, v.kind = 'reactivation') AS reactivated_customers,
            sumIf(v.customers, v.kind = 'expansion') AS expanded_customers,
            sumIf(v.customers, v.kind = 'contraction') AS contracted_customers,
            sumIf(v.customers, v.kind = 'churn') AS churned_customers,
            new_mrr + discovered_mrr + reactivation_mrr + expansion_mrr - contraction_mrr - churned_mrr AS mrr_change,
            toInt64(sum(v.entered)) - toInt64(sum(v.left)) AS customer_change
        FROM
        (
            SELECT day AS month, starts_at, leadInFrame(starts_at, 1, toDateTime64('2100-01-02 00:00:00', 3, 'UTC')) OVER (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS ends_at
            FROM `piano`.`analytics_calendar` FINAL
            WHERE toDayOfMonth(day) = 1
        ) AS m
        CROSS JOIN (SELECT DISTINCT currency FROM `piano`.`mrr_movements` WHERE kind = '') AS c
        LEFT JOIN `piano`.`mrr_movements` AS v ON v.month = m.month AND v.currency = c.currency
        WHERE m.month >= (SELECT min(month) FROM `piano`.`mrr_movements`) AND m.starts_at < figures_as_of
        GROUP BY month, currency, complete
    ),
    closed AS
    (
        SELECT
            *,
            sum(mrr_change) OVER (PARTITION BY currency ORDER BY month) AS closing_mrr,
            closing_mrr - mrr_change AS opening_mrr,
            sum(customer_change) OVER (PARTITION BY currency ORDER BY month) AS closing_customers,
            closing_customers - customer_change AS opening_customers,
            sum(o.change) OVER (PARTITION BY currency ORDER BY month) AS overdue_mrr
        FROM by_month
        LEFT JOIN
        (
            SELECT toStartOfMonth(day) AS month, currency, sum(overdue_mrr) AS change FROM `piano`.`subscription_day_changes` GROUP BY month, currency
        ) AS o USING (month, currency)
    ),
    rated AS
    (
        SELECT
            *,
            arrayFilter((m) -> m.3 > 0, arraySlice(arrayFilter((m) -> m.1, groupArray((complete, churned_customers, opening_customers)) OVER (PARTITION BY currency ORDER BY month ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)), -3)) AS rates,
            arrayFold((a, m) -> (a.1 * m.3 + toInt256(m.2) * a.2, a.2 * m.3), rates, (toInt256(0), toInt256(1))) AS churn,
            toInt256(closing_mrr * 10000) AS mrr_units
        FROM closed
    )
SELECT
    month, currency, complete,
    opening_mrr, new_mrr, discovered_mrr, reactivation_mrr, expansion_mrr, contraction_mrr, churned_mrr,
    churned_voluntary_mrr, churned_involuntary_mrr, churned_unknown_mrr, closing_mrr, overdue_mrr,
    opening_customers, new_customers, discovered_customers, reactivated_customers, expanded_customers, contracted_customers, churned_customers, closing_customers,
    if(closing_customers = 0, NULL, toDecimal128(intDiv(2 * mrr_units + closing_customers, 2 * greatest(closing_customers, 1)), 4) / 10000) AS arpu,
    if(closing_customers = 0 OR churn.1 = 0, NULL, toDecimal128(intDiv(2 * mrr_units * churn.2 * length(rates) + closing_customers * churn.1,
        2 * greatest(closing_customers, 1) * greatest(churn.1, 1)), 4) / 10000) AS ltv,
    figures_as_of AS as_of
FROM rated
ORDER BY month, currency
SETTINGS join_use_nulls = 0
COMMENT 'Monthly recurring revenue by month and currency, with its movements, customers, ARPU and LTV';
CREATE VIEW IF NOT EXISTS `piano`.`customers_by_month` ON CLUSTER `main`
(
)
AS
WITH
    (SELECT max(as_of) FROM `piano`.`mrr_movements`) AS figures_as_of,
    by_month AS
    (
        SELECT
            m.month AS month, m.complete AS complete,
            sumIf(v.customers_once, v.kind = 'new') AS new,
            sumIf(v.customers_once, v.kind = 'discovered') AS discovered,
            sumIf(v.customers_once, v.kind = 'reactivation') AS reactivated,
            sumIf(v.customers_once, v.kind = 'churn') AS churned,
            sumIf(v.customers_once, v.churn_kind = 'voluntary') AS churned_voluntary,
            sumIf(v.customers_once, v.churn_kind = 'involuntary') AS churned_involuntary,
            sumIf(v.customers_once, v.churn_kind = 'unknown') AS churned_unknown,
            toInt64(new + discovered + reactivated) - toInt64(churned) AS change
        FROM (SELECT month, any(complete) AS complete FROM `piano`.`mrr_by_month` GROUP BY month) AS m
        LEFT JOIN `piano`.`mrr_movements` AS v ON v.month = m.month
        GROUP BY month, complete
    )
SELECT
    month, complete,
    closing - change AS opening, new, discovered, reactivated, churned, churned_voluntary, churned_involuntary, churned_unknown,
    sum(change) OVER (ORDER BY month) AS closing,
    if(opening = 0, NULL, churned / opening) AS churn_rate,
    figures_as_of AS as_of
FROM by_month
ORDER BY month
SETTINGS join_use_nulls = 0
COMMENT 'Customers with monthly recurring revenue by month, over all currencies, each counted once';
CREATE TABLE IF NOT EXISTS `piano`.`subscription_ends` ON CLUSTER `main`
(
)
ENGINE = MergeTree
ORDER BY (month, currency, kind, subscription_id, ended_at)
COMMENT 'Each end of a subscription, its kind, and whether the customer came back. Recomputed every five minutes';
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`subscription_ends_refresh` ON CLUSTER `main`
REFRESH EVERY 5 MINUTE TO `piano`.`subscription_ends`
(
)
EMPTY AS
WITH
    (SELECT now64(3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM `piano`.`analytics_calendar` FINAL), [toInt64(4102531200000)]) AS days,
    (SELECT groupArray(subscription_id) FROM (SELECT subscription_id
    FROM
    (
        SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
        FROM `piano`.`filtered_subscriptions`
        UNION ALL
        SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered
        FROM `piano`.`subscriptions` FINAL
        WHERE subscription_id GLOBAL IN (SELECT subscription_id FROM `piano`.`filtered_subscriptions`)
    )
    GROUP BY subscription_id
    HAVING argMax(is_filtered, (version, written_at, is_filtered)))) AS internal,
    visible AS
    (
        SELECT
            subscription_id,
            if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
            currency,
            toUnixTimestamp64Milli(first_event_at) AS first_ms,
            if(partial, 9223372036854775807, toUnixTimestamp64Milli(assumeNotNull(started_at))) AS created_ms,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.mrr), mrr_steps)) AS steps,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.status IN ('active', 'fail_and_retry') AND s.counts, s.in_trial, s.status = 'fail_and_retry', s.counts), status_steps)) AS states,
            dunning, payments,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.at), states).5 AND e.at < as_of, ends) AS counted_ends,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.started_at), states).5 AND e.started_at < as_of, dunning) AS counted_dunning,
            status_steps, ends, trial, changes,
            arrayFilter((o) -> o.1 < now_ms, arrayPushBack(
                arrayMap((o) -> (toUnixTimestamp64Milli(o.since), ifNull(toUnixTimestamp64Milli(o.until), toInt64(9223372036854775807))), overdue_spans),
                (if((notEmpty(overdue_spans) AND isNull(overdue_spans[-1].until)) OR isNull(current_period_ends_at), now_ms, toUnixTimestamp64Milli(assumeNotNull(current_period_ends_at)) + 7 * 86400000), toInt64(9223372036854775807)))) AS overdue,
            counts, status != '' AND NOT closed AS is_live, had_trial AND NOT paid_after_trial AS unpaid_trial, regular_price
        FROM `piano`.`subscriptions` FINAL
        WHERE first_event_at < as_of AND subscription_id NOT IN (SELECT arrayJoin(internal))
    ),
    several AS (SELECT cityHash64(customer) AS hash FROM visible GROUP BY hash HAVING count() > 1),
    ended AS (SELECT subscription_id, customer, currency, toUnixTimestamp64Milli(e.at) AS at_ms, toString(e.kind) AS kind, e.mrr AS mrr_before, e.paid AS paid, states, steps
        FROM (SELECT subscription_id, customer, currency, states, steps, arrayJoin(counted_ends) AS e FROM visible WHERE notEmpty(ends)))
SELECT
    subscription_id,
    fromUnixTimestamp64Milli(at_ms, 'UTC') AS ended_at,
    transform(roundDown(at_ms, starts), starts, arrayPushBack(months_of_calendar, toDate(0)), toDate(0)) AS month,
    customer, currency, kind, mrr_before, paid, left_none,
    if(paid AND left_none AND kind != 'plan_change' AND return_ms != 0, fromUnixTimestamp64Milli(return_ms, 'UTC'), NULL) AS won_back_at,
    if(isNull(won_back_at), NULL, toInt32(transform(roundDown(return_ms, days), days, range(length(days)), 0)) - toInt32(transform(roundDown(at_ms, days), days, range(length(days)), 0))) AS won_back_days,
    as_of
FROM
(
    SELECT
        subscription_id, customer, currency, at_ms, kind, mrr_before, paid,
        NOT arrayLast((s) -> s.1 <= at_ms, states).2 AS left_none,
        arrayFirst((s) -> s.1 > at_ms AND s.2 > 0, steps).1 AS return_ms
    FROM ended
    WHERE cityHash64(customer) NOT IN (SELECT hash FROM several)
    UNION ALL
    SELECT
        subscription_id, customer, currency, at_ms, kind, mrr_before, paid,
        NOT arrayExists((o) -> arrayLast((s) -> s.1 <= at_ms, o.1).2, o.others) AS left_none,
        arrayMin(arrayMap((c) -> arrayFirst((s) -> s.1 > at_ms AND s.2 > 0, c.2).1, arrayFilter((c) -> arrayExists((s) -> s.1 > at_ms AND s.2 > 0, c.2), o.others))) AS return_ms
    FROM (SELECT * EXCEPT (states, steps) FROM ended WHERE cityHash64(customer) IN (SELECT hash FROM several)) AS v
    INNER JOIN
    (
        SELECT customer, groupArray((states, steps)) AS others
        FROM visible
        WHERE cityHash64(customer) IN (SELECT hash FROM several)
        GROUP BY customer
    ) AS o ON v.customer = o.customer
)
SETTINGS max_bytes_before_external_group_by = 1000000000
COMMENT 'Computes subscription_ends again';
CREATE TABLE IF NOT EXISTS `piano`.`dunning_episodes` ON CLUSTER `main`
(
)
ENGINE = MergeTree
ORDER BY (month, currency, subscription_id, started_at)
COMMENT 'Each stay of a subscription in fail_and_retry and its outcome. Recomputed every five minutes';
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`dunning_episodes_refresh` ON CLUSTER `main`
REFRESH EVERY 5 MINUTE TO `piano`.`dunning_episodes`
(
)
EMPTY AS
WITH
    (SELECT now64(3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar,
    (SELECT groupArray(subscription_id) FROM (SELECT subscription_id
    FROM
    (
        SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
        FROM `piano`.`filtered_subscriptions`
        UNION ALL
        SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered
        FROM `piano`.`subscriptions` FINAL
        WHERE subscription_id GLOBAL IN (SELECT subscription_id FROM `piano`.`filtered_subscriptions`)
    )
    GROUP BY subscription_id
    HAVING argMax(is_filtered, (version, written_at, is_filtered)))) AS internal,
    visible AS
    (
        SELECT
            subscription_id,
            if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
            currency,
            toUnixTimestamp64Milli(first_event_at) AS first_ms,
            if(partial, 9223372036854775807, toUnixTimestamp64Milli(assumeNotNull(started_at))) AS created_ms,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.mrr), mrr_steps)) AS steps,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.status IN ('active', 'fail_and_retry') AND s.counts, s.in_trial, s.status = 'fail_and_retry', s.counts), status_steps)) AS states,
            dunning, payments,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.at), states).5 AND e.at < as_of, ends) AS counted_ends,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.started_at), states).5 AND e.started_at < as_of, dunning) AS counted_dunning,
            status_steps, ends, trial, changes,
            arrayFilter((o) -> o.1 < now_ms, arrayPushBack(
                arrayMap((o) -> (toUnixTimestamp64Milli(o.since), ifNull(toUnixTimestamp64Milli(o.until), toInt64(9223372036854775807))), overdue_spans),
                (if((notEmpty(overdue_spans) AND isNull(overdue_spans[-1].until)) OR isNull(current_period_ends_at), now_ms, toUnixTimestamp64Milli(assumeNotNull(current_period_ends_at)) + 7 * 86400000), toInt64(9223372036854775807)))) AS overdue,
            counts, status != '' AND NOT closed AS is_live, had_trial AND NOT paid_after_trial AS unpaid_trial, regular_price
        FROM `piano`.`subscriptions` FINAL
        WHERE first_event_at < as_of AND subscription_id NOT IN (SELECT arrayJoin(internal))
    )
SELECT
    subscription_id, e.started_at AS started_at,
    transform(roundDown(toUnixTimestamp64Milli(e.started_at), starts), starts, arrayPushBack(months_of_calendar, toDate(0)), toDate(0)) AS month,
    customer, currency, e.failures AS failures, e.mrr AS mrr, toString(e.outcome) AS outcome, e.ended_at AS ended_at,
    (toUnixTimestamp64Milli(e.ended_at) - toUnixTimestamp64Milli(e.started_at)) / 3600000 AS hours,
    as_of
FROM (SELECT subscription_id, customer, currency, arrayJoin(counted_dunning) AS e FROM visible WHERE notEmpty(dunning))
COMMENT 'Computes dunning_episodes again';
CREATE TABLE IF NOT EXISTS `piano`.`customer_retention` ON CLUSTER `main`
(
)
ENGINE = MergeTree
ORDER BY (cohort, month)
COMMENT 'Retention of customers by the month of their first MRR. Recomputed every five minutes';
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`customer_retention_refresh` ON CLUSTER `main`
REFRESH EVERY 5 MINUTE TO `piano`.`customer_retention`
(
)
EMPTY AS
WITH
    (SELECT now64(3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar,
    (SELECT groupArray(subscription_id) FROM (SELECT subscription_id
    FROM
    (
        SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
        FROM `piano`.`filtered_subscriptions`
        UNION ALL
        SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered
        FROM `piano`.`subscriptions` FINAL
        WHERE subscription_id GLOBAL IN (SELECT subscription_id FROM `piano`.`filtered_subscriptions`)
    )
    GROUP BY subscription_id
    HAVING argMax(is_filtered, (version, written_at, is_filtered)))) AS internal,
    visible AS
    (
        SELECT
            subscription_id,
            if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
            currency,
            toUnixTimestamp64Milli(first_event_at) AS first_ms,
            if(partial, 9223372036854775807, toUnixTimestamp64Milli(assumeNotNull(started_at))) AS created_ms,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.mrr), mrr_steps)) AS steps,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.status IN ('active', 'fail_and_retry') AND s.counts, s.in_trial, s.status = 'fail_and_retry', s.counts), status_steps)) AS states,
            dunning, payments,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.at), states).5 AND e.at < as_of, ends) AS counted_ends,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.started_at), states).5 AND e.started_at < as_of, dunning) AS counted_dunning,
            status_steps, ends, trial, changes,
            arrayFilter((o) -> o.1 < now_ms, arrayPushBack(
                arrayMap((o) -> (toUnixTimestamp64Milli(o.since), ifNull(toUnixTimestamp64Milli(o.until), toInt64(9223372036854775807))), overdue_spans),
                (if((notEmpty(overdue_spans) AND isNull(overdue_spans[-1].until)) OR isNull(current_period_ends_at), now_ms, toUnixTimestamp64Milli(assumeNotNull(current_period_ends_at)) + 7 * 86400000), toInt64(9223372036854775807)))) AS overdue,
            counts, status != '' AND NOT closed AS is_live, had_trial AND NOT paid_after_trial AS unpaid_trial, regular_price
        FROM `piano`.`subscriptions` FINAL
        WHERE first_event_at < as_of AND subscription_id NOT IN (SELECT arrayJoin(internal))
    ),
    several AS (SELECT cityHash64(customer) AS hash FROM visible GROUP BY hash HAVING count() > 1),
    toUInt32(indexOf(starts, roundDown(now_ms, starts))) AS last_month,
    cohort_changes AS
    (
        SELECT cohort_ms, arrayJoin(arrayConcat(
            [(cohort_ms, toInt64(1), toInt64(0), toInt64(0))],
            arrayMap((m, previous, place) -> (m.1, toInt64(0), toInt64(m.2 > 0) - toInt64(previous > 0),
                if(month_ends[first_above].1 = cohort_ms, toInt64(place = first_above) - toInt64(place = first_zero), 0)),
                month_ends, arrayShiftRight(month_ends.2, 1, toDecimal64(0, 4)), arrayEnumerate(month_ends)))) AS c
        FROM
        (
            SELECT
                created_ms,
                arrayFirst((s) -> s.2 > 0, steps).1 AS rise,
                roundDown(rise, starts) AS cohort_ms,
    arrayMap((s) -> (roundDown(s.1, starts), s.2), steps) AS placed,
            arrayFilter((s, next) -> s.1 != next, placed, arrayShiftLeft(placed.1, 1, 0)) AS month_ends,
                arrayFirstIndex((m) -> m.2 > 0, month_ends) AS first_above,
                arrayFirstIndex((m, place) -> place > first_above AND m.2 = 0, month_ends, arrayEnumerate(month_ends)) AS first_zero
            FROM visible
            WHERE arrayExists((s) -> s.2 > 0, steps) AND cityHash64(customer) NOT IN (SELECT hash FROM several)
        )
        WHERE NOT if(first_above = 0, created_ms > rise, roundDown(created_ms, starts) > month_ends[first_above].1 OR created_ms >= now_ms)
    ),
    lives AS
    (
        SELECT
            toUInt32(indexOf(starts, roundDown(rise, starts))) AS cohort,
            arrayMap((n) -> arrayExists((c) -> arrayLast((s) -> s.1 < least(starts[n + 1], now_ms), c.1).2 > 0, subscriptions), range(cohort, last_month + 1)) AS above,
            arrayMap((place) -> arrayAll((a) -> a, arraySlice(above, 1, place)), arrayEnumerate(above)) AS unbroken,
            arrayFirstIndex((a) -> a, above) AS first_above,
            least(starts[cohort + first_above], now_ms) AS first_edge,
            if(first_above = 0,
                arrayExists((c) -> arrayLast((s) -> s.1 <= rise, c.1).2 > 0 AND c.2 > rise, subscriptions),
                arrayExists((c) -> arrayLast((s) -> s.1 < first_edge, c.1).2 > 0 AND c.2 >= first_edge, subscriptions)) AS is_discovered
        FROM
        (
            SELECT customer, groupArray((steps, created_ms)) AS subscriptions, min(arrayFirst((s) -> s.2 > 0, steps).1) AS rise
            FROM visible
            WHERE arrayExists((s) -> s.2 > 0, steps) AND cityHash64(customer) IN (SELECT hash FROM several)
            GROUP BY customer
        )
    )
SELECT
    months_of_calendar[cohort_number] AS cohort,
    months_of_calendar[month_number] AS month,
    toUInt32(month_number - cohort_number) AS age,
    toUInt64(sum(sum(c.customers)) OVER of_cohort) AS customers,
    toUInt64(sum(sum(c.active)) OVER of_cohort) AS active,
    toUInt64(sum(sum(c.unbroken)) OVER of_cohort) AS unbroken,
    starts[month_number + 1] > now_ms AS immature,
    as_of
FROM
(
    SELECT toUInt32(indexOf(starts, cohort_ms)) AS cohort_number, toUInt32(indexOf(starts, month_ms)) AS month_number, customers, active, unbroken
    FROM (SELECT cohort_ms, c.1 AS month_ms, sum(c.2) AS customers, sum(c.3) AS active, sum(c.4) AS unbroken FROM cohort_changes GROUP BY cohort_ms, month_ms)
    UNION ALL
    SELECT cohort, toUInt32(cohort + place - 1), toInt64(sum(place = 1)), sum(toInt64(now_above) - toInt64(previous_above)), sum(toInt64(now_unbroken) - toInt64(previous_unbroken))
    FROM lives
    ARRAY JOIN above AS now_above, arrayShiftRight(above, 1, 0) AS previous_above, unbroken AS now_unbroken, arrayShiftRight(unbroken, 1, 0) AS previous_unbroken, arrayEnumerate(above) AS place
    WHERE NOT is_discovered
    GROUP BY ALL
    UNION ALL
    SELECT first_month + number AS cohort_number, toUInt32(arrayJoin(range(cohort_number, last_month + 1))) AS month_number, toInt64(0), toInt64(0), toInt64(0)
    FROM (SELECT toUInt32(indexOf(starts, roundDown(min(first_ms), starts))) AS first_month FROM visible HAVING count() > 0) AS f
    CROSS JOIN numbers(1200) AS n
    WHERE first_month + number <= last_month
) AS c
GROUP BY cohort_number, month_number
WINDOW of_cohort AS (PARTITION BY cohort_number ORDER BY month_number)
COMMENT 'Computes customer_retention again';
CREATE TABLE IF NOT EXISTS `piano`.`subscription_day_changes` ON CLUSTER `main`
(
)
ENGINE = MergeTree
ORDER BY (day, currency)
COMMENT 'Changes of the numbers of subscriptions by day and currency. Recomputed every five minutes';
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`subscription_day_changes_refresh` ON CLUSTER `main`
REFRESH EVERY 5 MINUTE TO `piano`.`subscription_day_changes`
(
)
EMPTY AS
WITH
    (SELECT now64(3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM `piano`.`analytics_calendar` FINAL), [toInt64(4102531200000)]) AS day_starts,
    (SELECT arraySort(groupArray(day)) FROM `piano`.`analytics_calendar` FINAL) AS days_of_calendar,
    (SELECT groupArray(subscription_id) FROM (SELECT subscription_id
    FROM
    (
        SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
        FROM `piano`.`filtered_subscriptions`
        UNION ALL
        SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered
        FROM `piano`.`subscriptions` FINAL
        WHERE subscription_id GLOBAL IN (SELECT subscription_id FROM `piano`.`filtered_subscriptions`)
    )
    GROUP BY subscription_id
    HAVING argMax(is_filtered, (version, written_at, is_filtered)))) AS internal,
    visible AS
    (
        SELECT
            subscription_id,
            if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
            currency,
            toUnixTimestamp64Milli(first_event_at) AS first_ms,
            if(partial, 9223372036854775807, toUnixTimestamp64Milli(assumeNotNull(started_at))) AS created_ms,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.mrr), mrr_steps)) AS steps,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.status IN ('active', 'fail_and_retry') AND s.counts, s.in_trial, s.status = 'fail_and_retry', s.counts), status_steps)) AS states,
            dunning, payments,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.at), states).5 AND e.at < as_of, ends) AS counted_ends,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.started_at), states).5 AND e.started_at < as_of, dunning) AS counted_dunning,
            status_steps, ends, trial, changes,
            arrayFilter((o) -> o.1 < now_ms, arrayPushBack(
                arrayMap((o) -> (toUnixTimestamp64Milli(o.since), ifNull(toUnixTimestamp64Milli(o.until), toInt64(9223372036854775807))), overdue_spans),
                (if((notEmpty(overdue_spans) AND isNull(overdue_spans[-1].until)) OR isNull(current_period_ends_at), now_ms, toUnixTimestamp64Milli(assumeNotNull(current_period_ends_at)) + 7 * 86400000), toInt64(9223372036854775807)))) AS overdue,
            counts, status != '' AND NOT closed AS is_live, had_trial AND NOT paid_after_trial AS unpaid_trial, regular_price
        FROM `piano`.`subscriptions` FINAL
        WHERE first_event_at < as_of AND subscription_id NOT IN (SELECT arrayJoin(internal))
    )
SELECT
    arrayElement(days_of_calendar, indexOf(day_starts, day_ms)) AS day, currency,
    sum(d_live) AS live, sum(d_trial) AS in_trial, sum(d_failing) AS failing, sum(d_paying) AS paying, sum(d_mrr) AS mrr,
    sum(d_overdue) AS overdue, sum(d_overdue_mrr) AS overdue_mrr,
    as_of
FROM
(
    SELECT
        currency, roundDown(s.1, day_starts) AS day_ms,
        toInt64(s.2) - toInt64(p.2) AS d_live, toInt64(s.2 AND s.3) - toInt64(p.2 AND p.3) AS d_trial, toInt64(s.2 AND s.4) - toInt64(p.2 AND p.4) AS d_failing,
        toInt64(0) AS d_paying, toDecimal128(0, 4) AS d_mrr, toInt64(0) AS d_overdue, toDecimal128(0, 4) AS d_overdue_mrr
    FROM visible
    ARRAY JOIN states AS s, arrayPopBack(arrayPushFront(states, (toInt64(0), false, false, false, false))) AS p
    UNION ALL
    SELECT currency, roundDown(s.1, day_starts) AS day_ms, toInt64(0), toInt64(0), toInt64(0), toInt64(s.2 > 0) - toInt64(previous > 0), toDecimal128(s.2, 4) - toDecimal128(previous, 4), toInt64(0), toDecimal128(0, 4)
    FROM visible
    ARRAY JOIN steps AS s, arrayShiftRight(steps.2, 1, toDecimal64(0, 4)) AS previous
    UNION ALL
    SELECT currency, c.1 AS day_ms, toInt64(0), toInt64(0), toInt64(0), toInt64(0), toDecimal128(0, 4), toInt64(c.2), toDecimal128(c.3, 4)
    FROM
    (
        SELECT
            currency,
            arraySort(arrayDistinct(arrayMap((t) -> roundDown(t, day_starts), arrayConcat(steps.1, states.1, overdue.1, arrayFilter((t) -> t < now_ms, overdue.2))))) AS changed,
            arrayMap((o) -> (roundDown(o.1, day_starts), roundDown(o.2, day_starts)), overdue) AS overdue_by_day,
            arrayMap((s) -> (roundDown(s.1, day_starts), s.2), states) AS states_by_day,
            arrayMap((s) -> (roundDown(s.1, day_starts), s.2), steps) AS steps_by_day,
            arrayMap((is_live, mrr, is_overdue) -> (toInt64(is_live AND is_overdue), if(is_live AND is_overdue, mrr, toDecimal64(0, 4))),
                arrayMap((d) -> arrayLast((s) -> s.1 <= d, states_by_day).2, changed),
                arrayMap((d) -> arrayLast((s) -> s.1 <= d, steps_by_day).2, changed),
                arrayMap((d) -> arrayExists((o) -> o.1 <= d AND o.2 > d, overdue_by_day), changed)) AS at_end,
            arrayJoin(arrayMap((d, now, i) -> (d, now.1 - if(i = 1, 0, at_end[i - 1].1), now.2 - if(i = 1, toDecimal64(0, 4), at_end[i - 1].2)),
                changed, at_end, arrayEnumerate(changed))) AS c
        FROM visible
        WHERE arrayExists((o) -> arrayExists((s, next) -> s.2 AND s.1 < o.2 AND next > o.1, states, arrayShiftLeft(states.1, 1, 9223372036854775807)), overdue)
    )
)
GROUP BY day_ms, currency
UNION ALL
SELECT
    arrayElement(days_of_calendar, indexOf(day_starts, roundDown(min(min(first_ms)) OVER (), day_starts))) AS day, currency, 0, 0, 0, 0, toDecimal128(0, 4), 0, toDecimal128(0, 4), as_of
FROM visible
GROUP BY currency
COMMENT 'Computes subscription_day_changes again';
CREATE VIEW IF NOT EXISTS `piano`.`subscriptions_by_day` ON CLUSTER `main`
(
)
AS
WITH (SELECT max(as_of) FROM `piano`.`subscription_day_changes`) AS figures_as_of
SELECT
    day, currency, ends_at <= figures_as_of AS complete,
    sum(d_live) OVER by_currency AS live, sum(d_trial) OVER by_currency AS in_trial, sum(d_failing) OVER by_currency AS failing,
    sum(d_paying) OVER by_currency AS paying, sum(d_mrr) OVER by_currency AS mrr,
    sum(d_overdue) OVER by_currency AS overdue, sum(d_overdue_mrr) OVER by_currency AS overdue_mrr,
    figures_as_of AS as_of
FROM
(
    SELECT d.day AS day, c.currency AS currency, d.ends_at AS ends_at, sum(v.live) AS d_live, sum(v.in_trial) AS d_trial, sum(v.failing) AS d_failing, sum(v.paying) AS d_paying, sum(v.mrr) AS d_mrr,
        sum(v.overdue) AS d_overdue, sum(v.overdue_mrr) AS d_overdue_mrr
    FROM
    (
        SELECT day, starts_at, leadInFrame(starts_at, 1, toDateTime64('2100-01-02 00:00:00', 3, 'UTC')) OVER (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS ends_at
        FROM `piano`.`analytics_calendar` FINAL
    ) AS d
    CROSS JOIN (SELECT DISTINCT currency FROM `piano`.`subscription_day_changes`) AS c
    LEFT JOIN `piano`.`subscription_day_changes` AS v ON v.day = d.day AND v.currency = c.currency
    WHERE d.day >= (SELECT min(day) FROM `piano`.`subscription_day_changes`) AND d.starts_at < figures_as_of
    GROUP BY day, currency, ends_at
)
WINDOW by_currency AS (PARTITION BY currency ORDER BY day)
ORDER BY day, currency
SETTINGS join_use_nulls = 0
COMMENT 'Subscriptions and their MRR at the end of each day, by currency';
CREATE TABLE IF NOT EXISTS `piano`.`revenue_by_month` ON CLUSTER `main`
(
)
ENGINE = MergeTree
ORDER BY (month, currency, term_name, resource_name, country, experience_name)
COMMENT 'Charges and refunds by month, currency, term, resource, country and experience. Recomputed every fifteen minutes';
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`revenue_by_month_refresh` ON CLUSTER `main`
REFRESH EVERY 15 MINUTE TO `piano`.`revenue_by_month`
(
)
EMPTY AS
WITH
    (SELECT now64(3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar,
    (SELECT groupArray(subscription_id) FROM (SELECT subscription_id
    FROM
    (
        SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
        FROM `piano`.`filtered_subscriptions`
        UNION ALL
        SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered
        FROM `piano`.`subscriptions` FINAL
        WHERE subscription_id GLOBAL IN (SELECT subscription_id FROM `piano`.`filtered_subscriptions`)
    )
    GROUP BY subscription_id
    HAVING argMax(is_filtered, (version, written_at, is_filtered)))) AS internal,
    visible AS
    (
        SELECT
            subscription_id,
            if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
            currency,
            toUnixTimestamp64Milli(first_event_at) AS first_ms,
            if(partial, 9223372036854775807, toUnixTimestamp64Milli(assumeNotNull(started_at))) AS created_ms,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.mrr), mrr_steps)) AS steps,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.status IN ('active', 'fail_and_retry') AND s.counts, s.in_trial, s.status = 'fail_and_retry', s.counts), status_steps)) AS states,
            dunning, payments,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.at), states).5 AND e.at < as_of, ends) AS counted_ends,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.started_at), states).5 AND e.started_at < as_of, dunning) AS counted_dunning,
            status_steps, ends, trial, changes,
            arrayFilter((o) -> o.1 < now_ms, arrayPushBack(
                arrayMap((o) -> (toUnixTimestamp64Milli(o.since), ifNull(toUnixTimestamp64Milli(o.until), toInt64(9223372036854775807))), overdue_spans),
                (if((notEmpty(overdue_spans) AND isNull(overdue_spans[-1].until)) OR isNull(current_period_ends_at), now_ms, toUnixTimestamp64Milli(assumeNotNull(current_period_ends_at)) + 7 * 86400000), toInt64(9223372036854775807)))) AS overdue,
            counts, status != '' AND NOT closed AS is_live, had_trial AND NOT paid_after_trial AS unpaid_trial, regular_price
        FROM `piano`.`subscriptions` FINAL
        WHERE first_event_at < as_of AND subscription_id NOT IN (SELECT arrayJoin(internal))
    )
SELECT
    arrayElement(months_of_calendar, indexOf(starts, month_ms)) AS month,
    currency, p.term_name AS term_name, p.resource_name AS resource_name, p.country AS country, p.experience_name AS experience_name,
    sumIf(p.value, p.value > 0) AS charges, sumIf(p.value, p.value < 0) AS refunds, countIf(p.value > 0) AS charge_count, countIf(p.value < 0) AS refund_count,
    as_of
FROM (SELECT currency, arrayJoin(payments) AS p, roundDown(toUnixTimestamp64Milli(p.at), starts) AS month_ms FROM visible)
WHERE p.counts AND p.at < as_of
GROUP BY month_ms, currency, term_name, resource_name, country, experience_name
COMMENT 'Computes revenue_by_month again';
CREATE TABLE IF NOT EXISTS `piano`.`subscription_changes` ON CLUSTER `main`
(
)
ENGINE = MergeTree
ORDER BY (month, currency, subscription_id, announced_at)
COMMENT 'Each plan change of a live subscription, and the MRR before and after. Recomputed every fifteen minutes';
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`subscription_changes_refresh` ON CLUSTER `main`
REFRESH EVERY 15 MINUTE TO `piano`.`subscription_changes`
(
)
EMPTY AS
WITH
    (SELECT now64(3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar,
    (SELECT groupArray(subscription_id) FROM (SELECT subscription_id
    FROM
    (
        SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
        FROM `piano`.`filtered_subscriptions`
        UNION ALL
        SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered
        FROM `piano`.`subscriptions` FINAL
        WHERE subscription_id GLOBAL IN (SELECT subscription_id FROM `piano`.`filtered_subscriptions`)
    )
    GROUP BY subscription_id
    HAVING argMax(is_filtered, (version, written_at, is_filtered)))) AS internal,
    visible AS
    (
        SELECT
            subscription_id,
            if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
            currency,
            toUnixTimestamp64Milli(first_event_at) AS first_ms,
            if(partial, 9223372036854775807, toUnixTimestamp64Milli(assumeNotNull(started_at))) AS created_ms,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.mrr), mrr_steps)) AS steps,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.status IN ('active', 'fail_and_retry') AND s.counts, s.in_trial, s.status = 'fail_and_retry', s.counts), status_steps)) AS states,
            dunning, payments,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.at), states).5 AND e.at < as_of, ends) AS counted_ends,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.started_at), states).5 AND e.started_at < as_of, dunning) AS counted_dunning,
            status_steps, ends, trial, changes,
            arrayFilter((o) -> o.1 < now_ms, arrayPushBack(
                arrayMap((o) -> (toUnixTimestamp64Milli(o.since), ifNull(toUnixTimestamp64Milli(o.until), toInt64(9223372036854775807))), overdue_spans),
                (if((notEmpty(overdue_spans) AND isNull(overdue_spans[-1].until)) OR isNull(current_period_ends_at), now_ms, toUnixTimestamp64Milli(assumeNotNull(current_period_ends_at)) + 7 * 86400000), toInt64(9223372036854775807)))) AS overdue,
            counts, status != '' AND NOT closed AS is_live, had_trial AND NOT paid_after_trial AS unpaid_trial, regular_price
        FROM `piano`.`subscriptions` FINAL
        WHERE first_event_at < as_of AND subscription_id NOT IN (SELECT arrayJoin(internal))
    ),
    announced AS
    (
        SELECT c.*, a.target AS target
        FROM
        (
            SELECT
                subscription_id, customer, currency, change.at AS announced_at, change.direction AS direction, change.in_place AS in_place,
                change.outcome AS outcome, change.effective_at AS effective_at, change.ended_at AS ended_at, change.mrr_before AS mrr_before, change.mrr_after AS mrr_after,
                arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(change.at), states).5 AS counted
            FROM visible
            ARRAY JOIN changes AS change
            WHERE change.at < as_of
        ) AS c
        INNER JOIN
        (
            SELECT
                subscription_id, event_timestamp AS announced_at, if(subscription_action = 'Upgraded', 'upgrade', 'downgrade') AS direction,
                if(upgrade_to_subscription_id = subscription_id, '', ifNull(upgrade_to_subscription_id, '')) AS target
            FROM `piano`.`subscription_events` FINAL
            WHERE subscription_action IN ('Upgraded', 'Downgraded')
        ) AS a USING (subscription_id, announced_at, direction)
    )
SELECT
    n.subscription_id AS subscription_id,
    n.announced_at AS announced_at,
    transform(roundDown(toUnixTimestamp64Milli(n.announced_at), starts), starts, arrayPushBack(months_of_calendar, toDate(0)), toDate(0)) AS month,
    n.direction AS direction,
    nullIf(n.target, '') AS change_to_subscription_id,
    n.customer AS customer,
    n.currency AS currency,
    n.counted AS counts,
    n.outcome AS outcome,
    n.effective_at AS effective_at,
    n.ended_at AS ended_at,
    n.mrr_before AS mrr_before,
    multiIf(
        n.in_place, n.mrr_after,
        n.outcome = 'effective' AND t.subscription_id != '', arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(n.effective_at), t.steps).2,
        NULL) AS mrr_after,
    multiIf(isNull(mrr_after), '', n.in_place, n.currency, t.currency) AS currency_after,
    as_of
FROM announced AS n
LEFT JOIN
(
    SELECT subscription_id, currency, steps FROM visible WHERE subscription_id IN (SELECT target FROM announced)
) AS t ON n.target = t.subscription_id
SETTINGS do_not_merge_across_partitions_select_final = 1, max_bytes_before_external_group_by = 1000000000, join_use_nulls = 0
COMMENT 'Computes subscription_changes again';
CREATE TABLE IF NOT EXISTS `piano`.`subscription_trials` ON CLUSTER `main`
(
)
ENGINE = MergeTree
ORDER BY (cohort, currency, subscription_id)
COMMENT 'The first trial of each subscription and its outcome. Recomputed every fifteen minutes';
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`subscription_trials_refresh` ON CLUSTER `main`
REFRESH EVERY 15 MINUTE DEPENDS ON `piano`.`subscription_changes_refresh` TO `piano`.`subscription_trials`
(
)
EMPTY AS
WITH RECURSIVE
    (SELECT now64(3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM `piano`.`analytics_calendar` FINAL), [toInt64(4102531200000)]) AS days,
    (SELECT groupArray(subscription_id) FROM (SELECT subscription_id
    FROM
    (
        SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
        FROM `piano`.`filtered_subscriptions`
        UNION ALL
        SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered
        FROM `piano`.`subscriptions` FINAL
        WHERE subscription_id GLOBAL IN (SELECT subscription_id FROM `piano`.`filtered_subscriptions`)
    )
    GROUP BY subscription_id
    HAVING argMax(is_filtered, (version, written_at, is_filtered)))) AS internal,
    visible AS
    (
        SELECT
            subscription_id,
            if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
            currency,
            toUnixTimestamp64Milli(first_event_at) AS first_ms,
            if(partial, 9223372036854775807, toUnixTimestamp64Milli(assumeNotNull(started_at))) AS created_ms,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.mrr), mrr_steps)) AS steps,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.status IN ('active', 'fail_and_retry') AND s.counts, s.in_trial, s.status = 'fail_and_retry', s.counts), status_steps)) AS states,
            dunning, payments,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.at), states).5 AND e.at < as_of, ends) AS counted_ends,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.started_at), states).5 AND e.started_at < as_of, dunning) AS counted_dunning,
            status_steps, ends, trial, changes,
            arrayFilter((o) -> o.1 < now_ms, arrayPushBack(
                arrayMap((o) -> (toUnixTimestamp64Milli(o.since), ifNull(toUnixTimestamp64Milli(o.until), toInt64(9223372036854775807))), overdue_spans),
                (if((notEmpty(overdue_spans) AND isNull(overdue_spans[-1].until)) OR isNull(current_period_ends_at), now_ms, toUnixTimestamp64Milli(assumeNotNull(current_period_ends_at)) + 7 * 86400000), toInt64(9223372036854775807)))) AS overdue,
            counts, status != '' AND NOT closed AS is_live, had_trial AND NOT paid_after_trial AS unpaid_trial, regular_price
        FROM `piano`.`subscriptions` FINAL
        WHERE first_event_at < as_of AND subscription_id NOT IN (SELECT arrayJoin(internal))
    ),
    trials AS
    (
        SELECT
            subscription_id, customer, currency, assumeNotNull(trial.started_at) AS started_at, trial.ends_at AS ends_at, trial.converted_at AS own_charge,
            multiIf(isNotNull(own_charge), 'converted', isNull(trial.ended_at), 'open', trial.end_kind != 'plan_change', 'lapsed', 'changed') AS own
        FROM visible
        WHERE isNotNull(trial.started_at) AND trial.started_at < as_of AND arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(trial.started_at), states).5
    ),
    exits AS
    (
        SELECT
            subscription_id, assumeNotNull(change_to_subscription_id) AS target, assumeNotNull(ended_at) AS left_at,
            announced_at < left_at AND ifNull(effective_at = left_at, false) AS first
        FROM `piano`.`subscription_changes`
        WHERE isNotNull(ended_at) AND outcome != 'void' AND isNotNull(change_to_subscription_id)
        LIMIT 1 BY subscription_id
    ),
    chain AS
    (
        SELECT e.subscription_id AS root, e.target AS target, e.left_at AS since, [e.subscription_id, e.target] AS path
        FROM exits AS e
        WHERE e.subscription_id IN (SELECT subscription_id FROM trials WHERE own = 'changed')
        UNION ALL
        SELECT c.root, e.target, e.left_at, arrayPushBack(c.path, e.target)
        FROM chain AS c
        INNER JOIN exits AS e ON c.target = e.subscription_id
        WHERE e.left_at >= c.since AND NOT has(c.path, e.target)
    ),
    links AS (SELECT root, target, since, length(path) AS place FROM chain),
    charged AS
    (
        SELECT
            subscription_id,
            minIf(at, rank = 1) AS created_at,
            groupArray((at, rank, value, trial_ends_at)) AS facts,
            arraySort(arrayFilter((f) -> f.2 = 5 OR (f.2 = 3 AND f.3 > 0)
                OR (f.2 = 1 AND f.1 = created_at AND f.3 > 0 AND NOT ifNull(f.4 > f.1, false) AND NOT arrayExists((o) -> o.2 = 2 AND o.1 = created_at, facts)), facts).1) AS charges
        FROM
        (
            SELECT
                subscription_id, event_timestamp AS at, toUInt8(transform(toString(subscription_action), ['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0)) AS rank, ifNull(transaction_value, toDecimal64(0, 4)) AS value, trial_period_ended_at AS trial_ends_at
            FROM `piano`.`subscription_events` FINAL
            WHERE event_timestamp < as_of AND subscription_id IN (SELECT target FROM links)
        )
        WHERE rank IN (1, 2, 3, 5)
        GROUP BY subscription_id
    ),
    decided AS
    (
        SELECT root, arrayFirst((r) -> r.2 != 'changed', arraySort(groupArray((place, result, charged_at, target)))) AS decision
        FROM
        (
            SELECT
                k.root AS root, k.place AS place, k.target AS target,
                arrayFirst((at) -> at >= k.since, c.charges) AS charged_at,
                arrayFirst((e) -> e.at >= k.since AND e.at < as_of, t.ends) AS next_end,
                multiIf(
                    t.subscription_id = '' OR (x.subscription_id != '' AND x.left_at < k.since), 'open',
                    charged_at >= k.since AND (next_end.at < k.since OR charged_at < next_end.at OR (charged_at = next_end.at AND NOT (next_end.kind = 'plan_change' AND x.first))), 'converted',
                    next_end.at < k.since, 'open',
                    next_end.kind != 'plan_change', 'lapsed',
                    'changed') AS result
            FROM links AS k
            LEFT JOIN (SELECT subscription_id, ends FROM visible WHERE subscription_id IN (SELECT target FROM links)) AS t ON k.target = t.subscription_id
            LEFT JOIN charged AS c ON k.target = c.subscription_id
            LEFT JOIN exits AS x ON k.target = x.subscription_id
        )
        GROUP BY root
    )
SELECT
    t.subscription_id AS subscription_id,
    t.started_at AS started_at,
    transform(roundDown(toUnixTimestamp64Milli(t.started_at), starts), starts, arrayPushBack(months_of_calendar, toDate(0)), toDate(0)) AS cohort,
    t.customer AS customer,
    t.currency AS currency,
    t.ends_at AS ends_at,
    multiIf(t.own != 'changed', t.own, d.decision.2 IN ('converted', 'lapsed'), d.decision.2, 'open') AS outcome,
    multiIf(t.own = 'converted', t.own_charge, outcome = 'converted', d.decision.3, NULL) AS converted_at,
    multiIf(t.own = 'converted', t.subscription_id, outcome = 'converted', d.decision.4, NULL) AS converted_subscription_id,
    outcome = 'open' AND (isNull(ends_at) OR toInt32(transform(roundDown(now_ms, days), days, range(length(days)), 0)) < toInt32(transform(roundDown(toUnixTimestamp64Milli(assumeNotNull(ends_at)), days), days, range(length(days)), 0)) + 30) AS immature,
    as_of
FROM trials AS t
LEFT JOIN decided AS d ON t.subscription_id = d.root
SETTINGS do_not_merge_across_partitions_select_final = 1, max_bytes_before_external_group_by = 1000000000, join_use_nulls = 0, enable_analyzer = 1
COMMENT 'Computes subscription_trials again';
CREATE VIEW IF NOT EXISTS `piano`.`trials_by_month` ON CLUSTER `main`
(
)
AS
WITH (SELECT max(as_of) FROM `piano`.`mrr_movements`) AS series_as_of
SELECT
    m.month AS cohort, m.currency AS currency,
    countIf(t.subscription_id != '') AS trials,
    countIf(t.outcome = 'converted') AS converted,
    countIf(t.outcome = 'lapsed') AS lapsed,
    countIf(t.outcome = 'open') AS open,
    max(t.immature) AS immature,
    if(trials = 0 OR immature, NULL, converted / trials) AS conversion_rate,
    if(max(t.as_of) = toDateTime64(0, 3, 'UTC'), assumeNotNull(series_as_of), max(t.as_of)) AS as_of
FROM
(
    SELECT d.day AS month, c.currency AS currency
    FROM (SELECT day FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1 AND starts_at < series_as_of) AS d
    CROSS JOIN (SELECT DISTINCT currency FROM `piano`.`mrr_movements` WHERE kind = '') AS c
    WHERE d.day >= (SELECT min(month) FROM `piano`.`mrr_movements`)
) AS m
LEFT JOIN `piano`.`subscription_trials` AS t ON t.cohort = m.month AND t.currency = m.currency
GROUP BY cohort, currency
ORDER BY cohort, currency
SETTINGS join_use_nulls = 0
COMMENT 'Trials by the month of their start, and how many were converted';
CREATE TABLE IF NOT EXISTS `piano`.`subscriptions_at_risk` ON CLUSTER `main`
(
)
ENGINE = MergeTree
ORDER BY (currency, subscription_id)
COMMENT 'Live subscriptions with auto-renew off, a failed payment, an overdue period or a trial. Recomputed every five minutes';
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`subscriptions_at_risk_refresh` ON CLUSTER `main`
REFRESH EVERY 5 MINUTE TO `piano`.`subscriptions_at_risk`
(
)
EMPTY AS
SELECT
    subscription_id, customer, currency, ifNull(NOT autorenew, false) AS autorenew_off, status = 'fail_and_retry' AS failing, overdue, in_trial,
    if(in_trial, s.trial_ends_at, NULL) AS trial_ends_at, current_period_ends_at, mrr, now64(3, 'UTC') AS as_of
FROM `piano`.`subscription_state` AS s
WHERE counts AND NOT closed AND status != '' AND (autorenew_off OR failing OR overdue OR in_trial)
    AND subscription_id GLOBAL NOT IN
    (
    SELECT subscription_id
    FROM
    (
        SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
        FROM `piano`.`filtered_subscriptions`
        UNION ALL
        SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered
        FROM `piano`.`subscriptions` FINAL
        WHERE subscription_id GLOBAL IN (SELECT subscription_id FROM `piano`.`filtered_subscriptions`)
    )
    GROUP BY subscription_id
    HAVING argMax(is_filtered, (version, written_at, is_filtered))
    )
COMMENT 'Computes the subscriptions at risk';
CREATE TABLE IF NOT EXISTS `piano`.`promo_codes` ON CLUSTER `main`
(
)
ENGINE = MergeTree
ORDER BY (promo_code, currency)
COMMENT 'Subscriptions by promo code and currency, and what they were charged. Recomputed every fifteen minutes';
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`promo_codes_refresh` ON CLUSTER `main`
REFRESH EVERY 15 MINUTE TO `piano`.`promo_codes`
(
)
EMPTY AS
WITH
    (SELECT now64(3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM `piano`.`analytics_calendar` FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar,
    (SELECT groupArray(subscription_id) FROM (SELECT subscription_id
    FROM
    (
        SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
        FROM `piano`.`filtered_subscriptions`
        UNION ALL
        SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered
        FROM `piano`.`subscriptions` FINAL
        WHERE subscription_id GLOBAL IN (SELECT subscription_id FROM `piano`.`filtered_subscriptions`)
    )
    GROUP BY subscription_id
    HAVING argMax(is_filtered, (version, written_at, is_filtered)))) AS internal,
    visible AS
    (
        SELECT
            subscription_id,
            if(user_id != '', user_id, concat('subscription:', subscription_id)) AS customer,
            currency,
            toUnixTimestamp64Milli(first_event_at) AS first_ms,
            if(partial, 9223372036854775807, toUnixTimestamp64Milli(assumeNotNull(started_at))) AS created_ms,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.mrr), mrr_steps)) AS steps,
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.status IN ('active', 'fail_and_retry') AND s.counts, s.in_trial, s.status = 'fail_and_retry', s.counts), status_steps)) AS states,
            dunning, payments,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.at), states).5 AND e.at < as_of, ends) AS counted_ends,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.started_at), states).5 AND e.started_at < as_of, dunning) AS counted_dunning,
            status_steps, ends, trial, changes,
            arrayFilter((o) -> o.1 < now_ms, arrayPushBack(
                arrayMap((o) -> (toUnixTimestamp64Milli(o.since), ifNull(toUnixTimestamp64Milli(o.until), toInt64(9223372036854775807))), overdue_spans),
                (if((notEmpty(overdue_spans) AND isNull(overdue_spans[-1].until)) OR isNull(current_period_ends_at), now_ms, toUnixTimestamp64Milli(assumeNotNull(current_period_ends_at)) + 7 * 86400000), toInt64(9223372036854775807)))) AS overdue,
            counts, status != '' AND NOT closed AS is_live, had_trial AND NOT paid_after_trial AS unpaid_trial, regular_price
        FROM `piano`.`subscriptions` FINAL
        WHERE first_event_at < as_of AND subscription_id NOT IN (SELECT arrayJoin(internal))
    ),
    coded AS
    (
        SELECT v.*, c.code AS code
        FROM visible AS v
        INNER JOIN
        (
            SELECT subscription_id, upperUTF8(trimBoth(ifNull(promo_code, ''))) AS code FROM `piano`.`subscription_traits` WHERE code != ''
        ) AS c ON v.subscription_id = c.subscription_id
        WHERE v.counts
    ),
    charged AS
    (
        SELECT
            subscription_id,
            minIf(at_ms, rank = 1) AS created_ms,
            arraySort((f) -> (NOT (f.2 = 1 AND f.1 = created_ms), f.1, f.2), groupArray((at_ms, rank, value, trial_ends_ms))) AS facts
        FROM
        (
            SELECT
                subscription_id, toUnixTimestamp64Milli(event_timestamp) AS at_ms, toUInt8(transform(toString(subscription_action), ['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0)) AS rank, transaction_value AS value,
                ifNull(toUnixTimestamp64Milli(trial_period_ended_at), 0) AS trial_ends_ms
            FROM `piano`.`subscription_events` FINAL
            WHERE event_timestamp < as_of AND subscription_id IN (SELECT subscription_id FROM coded)
        )
        GROUP BY subscription_id
    ),
    priced AS
    (
        SELECT
            c.*,
            arrayFilter((f) -> NOT (f.2 IN (1, 3) AND arrayExists((o) -> o.1 = f.1 AND o.2 = if(f.2 = 3, 5, 2) AND (o.3 = f.3 OR (isNull(o.3) AND isNull(f.3))), e.facts)), e.facts) AS single,
            arrayFilter((f) -> ifNull(f.3, -1) >= 0 AND multiIf(
                f.2 = 1, f.1 = e.created_ms AND NOT f.4 > f.1 AND NOT arrayExists((o) -> o.2 = 2 AND o.1 = f.1, e.facts),
                f.2 = 3, f.3 > 0,
                f.2 = 5, true,
                f.2 = 6, f.3 > 0
                    OR arrayLast((s) -> toUnixTimestamp64Milli(s.at) < f.1, c.status_steps).status = 'upgraded'
                    OR (arrayLast((s) -> toUnixTimestamp64Milli(s.at) < f.1, c.status_steps).status IN ('expired', 'expired_with_error', 'cancelled') AND NOT arrayExists((o) -> o.2 = 5 AND o.1 = f.1, e.facts))
                    OR arrayExists((x) -> toUnixTimestamp64Milli(x.at) < f.1 AND ifNull(toUnixTimestamp64Milli(x.ended_at) = f.1 AND x.effective_at = x.ended_at, false), c.changes),
                false), single).3 AS prices,
            arrayFilter((f) -> ifNull(f.3, 0) != 0 AND f.2 != 4 AND arrayLast((s) -> s.1 <= f.1, c.states).5, single).3 AS payments,
            o.first_of_customer AS first_of_customer
        FROM coded AS c
        INNER JOIN charged AS e ON c.subscription_id = e.subscription_id
        INNER JOIN
        (
            SELECT customer, min(first_ms) AS first_of_customer FROM visible WHERE customer IN (SELECT customer FROM coded) GROUP BY customer
        ) AS o ON c.customer = o.customer
    )
SELECT
    code AS promo_code,
    currency,
    count() AS subscriptions,
    countIf(NOT unpaid_trial) AS redeemed,
    countIf(unpaid_trial AND is_live) AS reserved,
    countIf(unpaid_trial AND NOT is_live) AS released,
    countIf(NOT unpaid_trial AND first_of_customer >= first_ms) AS new_customers,
    countIf(NOT unpaid_trial AND is_live) AS live,
    countIf(NOT unpaid_trial AND is_live AND length(prices) < 2) AS not_yet_due,
    countIf(NOT unpaid_trial AND arrayExists((price) -> ifNull(price >= regular_price, false), arraySlice(prices, 2))) AS full_price,
    countIf(NOT unpaid_trial AND is_live AND notEmpty(prices) AND ifNull(prices[-1] < regular_price, false)) AS discounted,
    sumIf(toDecimal128(ifNull(regular_price - prices[1], 0), 4), NOT unpaid_trial AND notEmpty(prices) AND ifNull(prices[1] < regular_price, false)) AS first_discount,
    sumIf(arraySum((v) -> toDecimal128(greatest(assumeNotNull(v), toDecimal64(0, 4)), 4), payments), NOT unpaid_trial) AS charges,
    sumIf(arraySum((v) -> toDecimal128(least(assumeNotNull(v), toDecimal64(0, 4)), 4), payments), NOT unpaid_trial) AS refunds,
    sumIf(toDecimal128(steps[-1].2, 4), NOT unpaid_trial) AS mrr,
    as_of
FROM priced
GROUP BY promo_code, currency
SETTINGS do_not_merge_across_partitions_select_final = 1, max_bytes_before_external_group_by = 1000000000, join_use_nulls = 0
COMMENT 'Computes promo_codes again';
CREATE TABLE IF NOT EXISTS `piano`.`month_closings` ON CLUSTER `main`
(
)
ENGINE = MergeTree
ORDER BY (month, currency, metric, as_of)
COMMENT 'The figures of complete months and each restatement. A row is added, and none is changed: read it through month_figures_as_of';
CREATE MATERIALIZED VIEW IF NOT EXISTS `piano`.`month_closings_refresh` ON CLUSTER `main`
REFRESH EVERY 5 MINUTE DEPENDS ON `piano`.`mrr_movements_refresh` APPEND TO `piano`.`month_closings`
(
)
EMPTY AS
WITH
    (SELECT max(as_of) FROM `piano`.`mrr_movements`) AS figures_as_of,
    figures AS
    (
        SELECT m.month AS month, toString(m.currency) AS currency, figure.1 AS metric, figure.2 AS value
        FROM `piano`.`mrr_by_month` AS m
        LEFT JOIN
        (
            SELECT month, currency, sum(charges) AS charges, sum(refunds) AS refunds, sum(charge_count) AS charge_count, sum(refund_count) AS refund_count
            FROM `piano`.`revenue_by_month`
            GROUP BY month, currency
        ) AS r ON m.month = r.month AND m.currency = r.currency
        ARRAY JOIN
            [
                ('opening_mrr', toNullable(toDecimal128(m.opening_mrr, 4))), ('new_mrr', toNullable(toDecimal128(m.new_mrr, 4))), ('discovered_mrr', toNullable(toDecimal128(m.discovered_mrr, 4))), ('reactivation_mrr', toNullable(toDecimal128(m.reactivation_mrr, 4))),
                ('expansion_mrr', toNullable(toDecimal128(m.expansion_mrr, 4))), ('contraction_mrr', toNullable(toDecimal128(m.contraction_mrr, 4))), ('churned_mrr', toNullable(toDecimal128(m.churned_mrr, 4))), ('churned_voluntary_mrr', toNullable(toDecimal128(m.churned_voluntary_mrr, 4))),
                ('churned_involuntary_mrr', toNullable(toDecimal128(m.churned_involuntary_mrr, 4))), ('churned_unknown_mrr', toNullable(toDecimal128(m.churned_unknown_mrr, 4))), ('closing_mrr', toNullable(toDecimal128(m.closing_mrr, 4))), ('overdue_mrr', toNullable(toDecimal128(m.overdue_mrr, 4))), ('opening_customers', toNullable(toDecimal128(m.opening_customers, 4))),
                ('new_customers', toNullable(toDecimal128(m.new_customers, 4))), ('discovered_customers', toNullable(toDecimal128(m.discovered_customers, 4))), ('reactivated_customers', toNullable(toDecimal128(m.reactivated_customers, 4))), ('expanded_customers', toNullable(toDecimal128(m.expanded_customers, 4))),
                ('contracted_customers', toNullable(toDecimal128(m.contracted_customers, 4))), ('churned_customers', toNullable(toDecimal128(m.churned_customers, 4))), ('closing_customers', toNullable(toDecimal128(m.closing_customers, 4))), ('arpu', m.arpu),
                ('ltv', m.ltv),
                ('charges', toNullable(toDecimal128(r.charges, 4))), ('refunds', toNullable(toDecimal128(r.refunds, 4))), ('charge_count', toNullable(toDecimal128(r.charge_count, 4))), ('refund_count', toNullable(toDecimal128(r.refund_count, 4)))
            ] AS figure
        WHERE m.complete
        UNION ALL
        SELECT month, '' AS currency, figure.1 AS metric, figure.2 AS value
        FROM `piano`.`customers_by_month` AS c
        ARRAY JOIN
            [
                ('customers_opening', toNullable(toDecimal128(c.opening, 4))), ('customers_new', toNullable(toDecimal128(c.new, 4))), ('customers_discovered', toNullable(toDecimal128(c.discovered, 4))), ('customers_reactivated', toNullable(toDecimal128(c.reactivated, 4))),
                ('customers_churned', toNullable(toDecimal128(c.churned, 4))), ('customers_churned_voluntary', toNullable(toDecimal128(c.churned_voluntary, 4))), ('customers_churned_involuntary', toNullable(toDecimal128(c.churned_involuntary, 4))), ('customers_churned_unknown', toNullable(toDecimal128(c.churned_unknown, 4))),
                ('customers_closing', toNullable(toDecimal128(c.closing, 4)))
            ] AS figure
        WHERE complete
    ),
    stated AS
    (
        SELECT month, toString(currency) AS currency, toString(metric) AS metric, argMax(tuple(value), as_of).1 AS value
        FROM `piano`.`month_closings`
        GROUP BY month, currency, metric
    )
SELECT
    if(f.metric != '', f.month, s.month) AS month,
    if(f.metric != '', f.currency, s.currency) AS currency,
    if(f.metric != '', f.metric, s.metric) AS metric,
    if(f.metric != '', f.value, NULL) AS value,
    figures_as_of AS as_of
FROM figures AS f
FULL JOIN stated AS s ON f.month = s.month AND f.currency = s.currency AND f.metric = s.metric
WHERE figures_as_of > toDateTime64(0, 3, 'UTC')
    AND multiIf(f.metric = '', isNotNull(s.value), s.metric = '', true, ifNull(toString(f.value), '') != ifNull(toString(s.value), ''))
SETTINGS join_use_nulls = 0
COMMENT 'Adds the figures that are new or have changed to month_closings';
CREATE VIEW IF NOT EXISTS `piano`.`month_figures_as_of` ON CLUSTER `main`
AS
SELECT month, currency, metric, argMax(tuple(value), as_of).1 AS value, max(as_of) AS stated_at
FROM `piano`.`month_closings`
WHERE as_of <= {at:DateTime64(3, 'UTC')}
GROUP BY month, currency, metric
HAVING isNotNull(value)
COMMENT 'The figures of complete months as they were stated at a moment: month_figures_as_of(at = …)';
CREATE VIEW IF NOT EXISTS `piano`.`freshness` ON CLUSTER `main`
(
)
AS
SELECT part, name, nullIf(at, toDateTime64(0, 3, 'UTC')) AS as_of, dateDiff('second', as_of, now64(3, 'UTC')) AS age_seconds, severity, open
FROM
(
    SELECT 'events' AS part, 'subscription_events' AS name, max(synced_at) AS at, '' AS severity, toUInt64(0) AS open FROM `piano`.`subscription_events`
    UNION ALL
    SELECT 'state', 'subscription_state', (SELECT min(complete_to) FROM (SELECT argMax(progress.complete_to, (refresh, refreshed_at)) AS complete_to FROM `piano`.`subscriptions` WHERE subscription_id = '' GROUP BY hostName())), '', 0
    UNION ALL
    SELECT 'snapshot', 'piano_api_subscriptions', max(as_of), '', 0 FROM `piano`.`snapshot_runs` FINAL WHERE snapshot_id IN (SELECT snapshot_id FROM `piano`.`snapshot_runs` FINAL WHERE state = 'complete' AND as_of <= now64(3) ORDER BY whole DESC, as_of DESC, completed_at DESC, snapshot_id DESC LIMIT 1)
    UNION ALL
    SELECT 'traits', 'subscription_traits', max(as_of), '', 0 FROM `piano`.`snapshot_runs` FINAL WHERE snapshot_id IN (SELECT snapshot_id FROM `piano`.`snapshot_runs` FINAL WHERE state = 'complete' AND as_of <= now64(3) AND source = 'csv' ORDER BY whole DESC, as_of DESC, completed_at DESC, snapshot_id DESC LIMIT 1)
    UNION ALL
    SELECT 'reconciliation', 'reconciliation_runs', ifNull(max(as_of), toDateTime64(0, 3, 'UTC')), '', 0 FROM `piano`.`reconciliation_runs` FINAL WHERE state = 'complete'
    UNION ALL
    SELECT 'metrics', 'mrr_movements', max(as_of), '', 0 FROM (SELECT as_of FROM `piano`.`mrr_movements` LIMIT 1)
    UNION ALL
    SELECT 'metrics', 'subscription_ends', max(as_of), '', 0 FROM (SELECT as_of FROM `piano`.`subscription_ends` LIMIT 1)
    UNION ALL
    SELECT 'metrics', 'dunning_episodes', max(as_of), '', 0 FROM (SELECT as_of FROM `piano`.`dunning_episodes` LIMIT 1)
    UNION ALL
    SELECT 'metrics', 'customer_retention', max(as_of), '', 0 FROM (SELECT as_of FROM `piano`.`customer_retention` LIMIT 1)
    UNION ALL
    SELECT 'metrics', 'subscription_day_changes', max(as_of), '', 0 FROM (SELECT as_of FROM `piano`.`subscription_day_changes` LIMIT 1)
    UNION ALL
    SELECT 'metrics', 'revenue_by_month', max(as_of), '', 0 FROM (SELECT as_of FROM `piano`.`revenue_by_month` LIMIT 1)
    UNION ALL
    SELECT 'metrics', 'subscription_changes', max(as_of), '', 0 FROM (SELECT as_of FROM `piano`.`subscription_changes` LIMIT 1)
    UNION ALL
    SELECT 'metrics', 'subscription_trials', max(as_of), '', 0 FROM (SELECT as_of FROM `piano`.`subscription_trials` LIMIT 1)
    UNION ALL
    SELECT 'metrics', 'subscriptions_at_risk', max(as_of), '', 0 FROM (SELECT as_of FROM `piano`.`subscriptions_at_risk` LIMIT 1)
    UNION ALL
    SELECT 'metrics', 'promo_codes', max(as_of), '', 0 FROM (SELECT as_of FROM `piano`.`promo_codes` LIMIT 1)
    UNION ALL
    SELECT 'metrics', 'month_closings', max(as_of), '', 0 FROM (SELECT as_of FROM `piano`.`month_closings` LIMIT 1)
    UNION ALL
    SELECT 'drift', kind, max(last_seen_at), severity, count() FROM `piano`.`drift` FINAL WHERE closed_at IS NULL GROUP BY kind, severity
)
ORDER BY part, name, severity
COMMENT 'How old events, state, snapshots and metrics are, and what stream and API disagree about';
CREATE TABLE IF NOT EXISTS `piano`.`promotion_rules_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (promotion_id, valid_from)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every version of the rules of promotions that was read from Piano; the last one of a promotion holds now';
CREATE TABLE IF NOT EXISTS `piano`.`promotion_rules` ON CLUSTER `main` AS `piano`.`promotion_rules_local`
ENGINE = Distributed(`main`, `piano`, `promotion_rules_local`, murmurHash3_64(promotion_id));
CREATE TABLE IF NOT EXISTS `piano`.`promo_conversions_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', read_at)
ORDER BY conversion_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Conversions with a promo code as Piano lists them, without personal data. May hold several readings of one: read it with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`promo_conversions` ON CLUSTER `main` AS `piano`.`promo_conversions_local`
ENGINE = Distributed(`main`, `piano`, `promo_conversions_local`, murmurHash3_64(conversion_id));
CREATE TABLE IF NOT EXISTS `piano`.`segment_runs_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', written_at)
ORDER BY run_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every materialisation of a segment. May hold several states of one: read it with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`segment_runs` ON CLUSTER `main` AS `piano`.`segment_runs_local`
ENGINE = Distributed(`main`, `piano`, `segment_runs_local`, cityHash64(run_id));
CREATE TABLE IF NOT EXISTS `piano`.`segment_members_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY run_id
ORDER BY (run_id, user_id)
COMMENT 'The users of each materialisation of a segment. Holds incomplete ones too: segment_runs says which are complete';
CREATE TABLE IF NOT EXISTS `piano`.`segment_members` ON CLUSTER `main` AS `piano`.`segment_members_local`
ENGINE = Distributed(`main`, `piano`, `segment_members_local`, murmurHash3_64(user_id));
CREATE TABLE IF NOT EXISTS `piano`.`experiments_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (experiment_id, created_at, salt)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Experiments with promo codes. A name with several rows was created twice at once, and is refused';
CREATE TABLE IF NOT EXISTS `piano`.`experiments` ON CLUSTER `main` AS `piano`.`experiments_local`
ENGINE = Distributed(`main`, `piano`, `experiments_local`, murmurHash3_64(experiment_id));
CREATE TABLE IF NOT EXISTS `piano`.`experiment_assignments_local` ON CLUSTER `main`
(
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
ORDER BY (experiment_id, user_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The arm of each user of an experiment. May hold several rows of one: read it with FINAL';
CREATE TABLE IF NOT EXISTS `piano`.`experiment_assignments` ON CLUSTER `main` AS `piano`.`experiment_assignments_local`
ENGINE = Distributed(`main`, `piano`, `experiment_assignments_local`, murmurHash3_64(user_id));
