{{define "state columns" -}}
    `subscription_id` String COMMENT 'The subscription',
    `user_id` String COMMENT 'The subscriber that its latest event names; empty when none does',
    `customer` String COMMENT 'The subscriber, or subscription: and the id where no event names one',
    `status` LowCardinality(String) COMMENT 'active, fail_and_retry, expired, expired_with_error, cancelled or upgraded; empty when no event says',
    `closed` Bool COMMENT 'Whether it has ended: expired, expired_with_error, cancelled or upgraded',
    `autorenew` Nullable(Bool) COMMENT 'Whether it renews by itself; NULL when no event says',
    `autorenew_disabled_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When auto-renew was turned off the last time, unless it is on again',
    `in_trial` Bool COMMENT 'Whether it is in a trial',
    `trial_ends_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When its trial ends or ended',
    `had_trial` Bool COMMENT 'Whether it has had a trial',
    `converted_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The first Renewed or TrialEnded above zero after its first trial began and before the first end; NULL when there is none',
    `failed_payments` UInt32 COMMENT 'Failed payments since the last one that came through',
    `failed_since` Nullable(DateTime64(3, 'UTC')) COMMENT 'The first of these',
    `last_failed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The last failed payment of all',
    `current_period_ends_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The latest next billing date of an event; never a retry date',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it started; NULL when that was before the stream',
    `ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it ended',
    `end_reason` LowCardinality(Nullable(String)) COMMENT 'payment_failed, plan_change, cancelled, trial_not_converted, auto_renew_off or unknown; NULL while it lives',
    `term_type` LowCardinality(Nullable(String)) COMMENT 'Kind of term, the latest known',
    `counts` Bool COMMENT 'Whether that is payment or dynamic, which metrics count',
    `term_name` LowCardinality(Nullable(String)) COMMENT 'Name of the term, the latest known',
    `resource_name` LowCardinality(Nullable(String)) COMMENT 'What was subscribed to, the latest known',
    `country` LowCardinality(Nullable(String)) COMMENT 'Billing country, the latest known',
    `experience_name` LowCardinality(Nullable(String)) COMMENT 'Experience, the latest known',
    `billing_period` LowCardinality(Nullable(String)) COMMENT 'Length of a billing period, the latest known',
    `period_months` Nullable(Float64) COMMENT 'Months of the period for which the price was charged: a year is 12, a week 12/52, a day 12/365',
    `price` Nullable(Decimal(18, 4)) COMMENT 'Amount of the last charge that is a price, exact; NULL when no event has one',
    `regular_price` Nullable(Decimal(18, 4)) COMMENT 'Price of the latest complete snapshot; the price where no charge is known',
    `currency` LowCardinality(String) COMMENT 'Currency: of the latest complete snapshot, else of the plan text, else unknown',
    `mrr` Decimal(18, 4) COMMENT 'Monthly recurring revenue; 0 in a trial, when closed, when the term does not count, or without a price',
    `mrr_basis` LowCardinality(String) COMMENT 'charged: from a charge; list: from the price of the snapshot; none: no price is known',
    `change_pending` Bool COMMENT 'Whether it waits for the subscription that takes over',
    `change_to_subscription_id` Nullable(String) COMMENT 'That subscription',
    `overdue` Bool COMMENT 'Past its period by seven days, and not ended',
    `partial` Bool COMMENT 'Whether its Created is not among the events',
    `events` UInt64 COMMENT 'How many events it has',
    `first_event_at` DateTime64(3, 'UTC') COMMENT 'The first of them',
    `last_event_at` DateTime64(3, 'UTC') COMMENT 'The last of them',
    `synced_at` DateTime64(3, 'UTC') COMMENT 'When the one that came last was written; the sync timestamp'
{{- end}}
{{define "ranked columns" -}}
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
    `synced_at` DateTime64(3, 'UTC') COMMENT 'When the row was written, UTC; the sync timestamp',
    `action_rank` UInt8 COMMENT 'Order of the actions of one instant, from 1; 0 for an unknown action'
{{- end}}
{{define "subscription columns" -}}
    `subscription_id` String COMMENT 'The subscription',
    `user_id` String COMMENT 'The subscriber that its latest event names; empty when none does',
    `status` LowCardinality(String) COMMENT 'active, fail_and_retry, expired, expired_with_error, cancelled or upgraded; empty when no event says',
    `closed` Bool COMMENT 'Whether it has ended',
    `autorenew` Nullable(Bool) COMMENT 'Whether it renews by itself; NULL when no event says',
    `autorenew_disabled_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When auto-renew was turned off the last time, unless it is on again',
    `trial_open` Bool COMMENT 'Whether it is in a trial, unless trial_ends_at has passed',
    `trial_ends_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When its trial ends or ended',
    `had_trial` Bool COMMENT 'Whether it has had a trial',
    `paid_after_trial` Bool COMMENT 'Whether it was renewed, charged at the end of a trial, or resumed after an end',
    `converted_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The first Renewed or TrialEnded above zero after its first trial began and before the first end',
    `failed_payments` UInt32 COMMENT 'Failed payments since the last one that came through',
    `failed_since` Nullable(DateTime64(3, 'UTC')) COMMENT 'The first of these',
    `last_failed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The last failed payment of all',
    `current_period_ends_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The latest next billing date of an event; never a retry date',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it started; NULL when that was before the stream',
    `ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it ended',
    `end_reason` LowCardinality(Nullable(String)) COMMENT 'Why it ended; NULL while it lives',
    `term_type` LowCardinality(Nullable(String)) COMMENT 'Kind of term, the latest known',
    `counts` Bool COMMENT 'Whether that is payment or dynamic, which metrics count',
    `term_name` LowCardinality(Nullable(String)) COMMENT 'Name of the term, the latest known',
    `resource_name` LowCardinality(Nullable(String)) COMMENT 'What was subscribed to, the latest known',
    `country` LowCardinality(Nullable(String)) COMMENT 'Billing country, the latest known',
    `experience_name` LowCardinality(Nullable(String)) COMMENT 'Experience, the latest known',
    `billing_period` LowCardinality(Nullable(String)) COMMENT 'Length of a billing period, the latest known',
    `period_months` Nullable(Float64) COMMENT 'Months of the period for which the price was charged',
    `price` Nullable(Decimal(18, 4)) COMMENT 'Amount of the last charge that is a price, exact',
    `regular_price` Nullable(Decimal(18, 4)) COMMENT 'Price of the latest complete snapshot',
    `currency` LowCardinality(String) COMMENT 'Currency: of the latest complete snapshot, else of the plan text, else unknown',
    `mrr_basis` LowCardinality(String) COMMENT 'charged, list or none',
    `change_pending` Bool COMMENT 'Whether it waits for the subscription that takes over',
    `change_to_subscription_id` Nullable(String) COMMENT 'That subscription',
    `partial` Bool COMMENT 'Whether its Created is not among the events',
    `events` UInt64 COMMENT 'How many events it has',
    `first_event_at` DateTime64(3, 'UTC') COMMENT 'The first of them',
    `last_event_at` DateTime64(3, 'UTC') COMMENT 'The last of them',
    `synced_at` DateTime64(3, 'UTC') COMMENT 'When the one that came last was written',
    `mrr_steps` Array(Tuple(at DateTime64(3, 'UTC'), mrr Decimal(18, 4))) COMMENT 'Each change of its monthly recurring revenue; 0 before the first',
    `status_steps` Array(Tuple(at DateTime64(3, 'UTC'), status LowCardinality(String), in_trial Bool, counts Bool)) COMMENT 'Each change of its status, of its being in a trial, and of whether its term counts',
    `ends` Array(Tuple(at DateTime64(3, 'UTC'), kind LowCardinality(String), reason LowCardinality(String), paid Bool, in_trial Bool, counts Bool, mrr Decimal(18, 4))) COMMENT 'Each end. kind: voluntary, involuntary, trial, plan_change or unknown; mrr: what it was before',
    `trial` Tuple(started_at Nullable(DateTime64(3, 'UTC')), ends_at Nullable(DateTime64(3, 'UTC')), converted_at Nullable(DateTime64(3, 'UTC')), ended_at Nullable(DateTime64(3, 'UTC')), end_kind LowCardinality(String)) COMMENT 'Its first trial. ended_at: the next end of the subscription; end_kind as in ends',
    `changes` Array(Tuple(at DateTime64(3, 'UTC'), direction LowCardinality(String), in_place Bool, outcome LowCardinality(String), effective_at Nullable(DateTime64(3, 'UTC')), ended_at Nullable(DateTime64(3, 'UTC')), mrr_before Decimal(18, 4), mrr_after Nullable(Decimal(18, 4)))) COMMENT 'Each plan change that was announced. direction: upgrade or downgrade; outcome: effective, pending or void; ended_at: its own end by this change; mrr_after: of a change in place, after the next Renewed',
    `overdue_spans` Array(Tuple(since DateTime64(3, 'UTC'), until Nullable(DateTime64(3, 'UTC')))) COMMENT 'Each time that it was past its period by seven days, live or not; until NULL: until a later event. What the clock does after the last event is not in it',
    `dunning` Array(Tuple(started_at DateTime64(3, 'UTC'), ended_at Nullable(DateTime64(3, 'UTC')), failures UInt32, outcome LowCardinality(String), mrr Decimal(18, 4))) COMMENT 'Each stay in fail_and_retry. outcome: recovered, lost, plan_change or open',
    `payments` Array(Tuple(at DateTime64(3, 'UTC'), value Decimal(18, 4), counts Bool, term_name LowCardinality(String), resource_name LowCardinality(String), country LowCardinality(String), experience_name LowCardinality(String))) COMMENT 'Each charge, and each refund with a negative value. counts: whether the term counted then; the texts are the latest known ones then, empty if unknown',
    `mrr_after_trial` Decimal(18, 4) COMMENT 'Monthly recurring revenue, also while in a trial: what it will be when the trial ends by the clock',
    `snapshot_hash` UInt64 COMMENT 'Of what the snapshot says of price, currency and period; 0 where it has no such subscription',
    `newest` Tuple(version UInt64, written_at DateTime64(3, 'UTC')) COMMENT 'Version of its newest event row, and when that was written; tells whether a filtered delivery is newer',
    `next_event_at` DateTime64(3, 'UTC') COMMENT 'The next event that lies in the future, its own or of the subscription that takes over; the epoch for none',
    `progress` Tuple(read_to DateTime64(3, 'UTC'), complete_to DateTime64(3, 'UTC'), snapshot_id UUID, seen Array(Tuple(until DateTime64(3, 'UTC'), hash UInt64))) COMMENT 'Of the empty id: how far the refresh has come',
    `refreshed_at` DateTime64(3, 'UTC') COMMENT 'When the refresh that wrote the row began',
    `refresh` UInt64 COMMENT 'Number of the refresh; the highest one of a subscription wins',
    `is_deleted` UInt8 COMMENT '1: the row hides the subscription, or has the empty id'
{{- end}}
{{define "state names" -}}
    subscription_id, user_id, customer, status, closed, autorenew, autorenew_disabled_at, in_trial, trial_ends_at, had_trial, converted_at,
    failed_payments, failed_since, last_failed_at, current_period_ends_at, started_at, ended_at, end_reason, term_type, counts,
    term_name, resource_name, country, experience_name, billing_period, period_months, price, regular_price, currency, mrr, mrr_basis,
    change_pending, change_to_subscription_id, overdue, partial, events, first_event_at, last_event_at, synced_at
{{- end}}
{{define "computed rows" -}}
    subscription_id, user_id, status, closed, autorenew, autorenew_disabled_at, trial_open, trial_ends_at, had_trial, paid_after_trial, converted_at,
    failed_payments, failed_since, last_failed_at, current_period_ends_at, started_at, ended_at, end_reason, term_type, counts,
    term_name, resource_name, country, experience_name, billing_period, period_months, price, regular_price, currency, mrr_basis,
    change_pending, change_to_subscription_id, partial, events, first_event_at, last_event_at, synced_at, snapshot_hash, newest,
    mrr_steps, status_steps, ends, trial, changes, overdue_spans, dunning, payments, mrr_after_trial, next_event_at
{{- end -}}
-- Which subscriptions may change when another one has its first event: the pairs of all
-- events that announce a change. A set, which only grows: a pair too many does no harm,
-- since whoever reads it looks at the events.
CREATE TABLE IF NOT EXISTS {{ .Stored "plan_changes" }}{{ .OnCluster }}
(
    `target_subscription_id` String COMMENT 'The subscription that takes over' CODEC(ZSTD(1)),
    `subscription_id` String COMMENT 'The subscription that changes to it' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" }}
ORDER BY (target_subscription_id, subscription_id)
COMMENT 'Which subscription changes to which, by any event that was ever stored. May hold a pair more than once';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "plan_changes_fill" }}{{ .OnCluster }} TO {{ .Stored "plan_changes" }}
(
    `target_subscription_id` String COMMENT 'The subscription that takes over',
    `subscription_id` String COMMENT 'The subscription that changes to it'
)
AS
SELECT DISTINCT assumeNotNull(upgrade_to_subscription_id) AS target_subscription_id, subscription_id
FROM {{ .Stored "subscription_events" }}
WHERE subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != '' AND upgrade_to_subscription_id != subscription_id
COMMENT 'Fills plan_changes from each insert of events';

{{ .Distributed "plan_changes" "murmurHash3_64(subscription_id)" }}
INSERT INTO {{ .Table "plan_changes" }} (target_subscription_id, subscription_id)
SELECT DISTINCT assumeNotNull(upgrade_to_subscription_id) AS target_subscription_id, subscription_id
FROM {{ .Table "subscription_events" }}
WHERE subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != '' AND upgrade_to_subscription_id != subscription_id;
-- The state of each subscription, and its history as arrays. The view subscriptions_refresh
-- writes a subscription again when its events change, all columns together, so a late
-- event corrects the history too.
--
-- Order: subscription_id, for the look-up of one. Index user_id_bloom: support asks for
-- one user, and lists 25. Each of them finds few granules by mistake.
--
-- is_deleted hides rows: of a subscription that has no events until now, and of
-- the empty id, whose row says how far the refresh has come (progress). A refresh writes
-- that row after all others, so one that was killed is repeated as a whole.
--
-- The version is the number of the refresh, not a time: clocks are set back.
CREATE TABLE IF NOT EXISTS {{ .Stored "subscriptions" }}{{ .OnCluster }}
(
    {{ template "subscription columns" }},
    INDEX user_id_bloom user_id TYPE bloom_filter(0.0001) GRANULARITY 1,
    INDEX next_event_at_minmax next_event_at TYPE minmax GRANULARITY 1
)
ENGINE = {{ .Engine "ReplacingMergeTree" "refresh" "is_deleted" }}
ORDER BY subscription_id
COMMENT 'The state of each subscription and its history. May hold several rows of a subscription: read it with FINAL, or through the view subscription_state';
{{ .Distributed "subscriptions" "murmurHash3_64(subscription_id)" }}
-- There is no first filling: the refresh starts with the oldest events, and takes some at
-- a time.

-- Keeps the table up to date. Each refresh computes the subscriptions that may have
-- changed since the one before:
--   events    with new rows, delete markers too, found by synced_at
--   targets   whose change names a subscription with new rows
--   due       with an event that was in the future and is not any more
--   snapshot  of which the latest complete snapshot says something else, some at a time
--
-- Rows are found by the value of synced_at, which all rows of a flush share. Of each
-- value in the last 15 minutes the row of progress has a hash of the rows that were there.
-- So rows that become visible late are found as long as they are at most 15 minutes late,
-- the difference between clocks included. Of a flush that was retried for longer, the
-- ledger's row is written after its rows, with another time: that row leads to them.
-- What was computed while more rows came is computed again.
--
-- A refresh takes about 500,000 rows of events, which bounds its memory, and the rest
-- waits for the next.
-- The row of progress is written last, and large results are sorted on disk. Blocks are
-- small, since the fold of a block needs several KB for each of its subscriptions.
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "subscriptions_refresh" }}{{ .OnCluster }}
REFRESH AFTER 20 SECOND
APPEND TO {{ .Stored "subscriptions" }}
(
    {{ template "subscription columns" }}
)
EMPTY
AS
WITH
    (
        SELECT argMax((progress.read_to, refresh, refreshed_at, progress.snapshot_id, progress.seen), (refresh, refreshed_at))
        FROM {{ .Stored "subscriptions" }}
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
                    FROM {{ .Table "subscription_events" }}
                    WHERE synced_at > last.1 OR synced_at {{ .Global }}IN
                    (
                        SELECT synced_at FROM {{ .Table "ingest_ledger" }} WHERE written_at > last.1 AND synced_at <= last.1
                    )
                    GROUP BY synced_at
                    HAVING hash NOT IN (SELECT arrayJoin(last.5.hash))
                    ORDER BY synced_at
                    LIMIT 10000
                )
            )
        )
    ) AS next,
    (SELECT any(snapshot_id) FROM ({{ .LatestSnapshot }})) AS latest_snapshot,
    (
        SELECT groupArray(subscription_id)
        FROM
        (
            SELECT s.subscription_id AS subscription_id
            FROM (SELECT subscription_id, snapshot_hash FROM {{ .Stored "subscriptions" }} FINAL WHERE latest_snapshot != last.4) AS s
            LEFT JOIN
            (
                SELECT subscription_id, {{ .SnapshotHash }} AS hash
                FROM {{ .Stored "subscription_snapshots" }} FINAL
                WHERE latest_snapshot != last.4 AND snapshot_id = latest_snapshot AND NOT filtered AND NOT unreadable
            ) AS n ON s.subscription_id = n.subscription_id
            WHERE s.snapshot_hash != n.hash
            LIMIT 100000
        )
    ) AS repriced,
    written AS
    (
        SELECT subscription_id FROM {{ .Table "subscription_events" }} WHERE synced_at IN (SELECT arrayJoin(next.2))
    ),
    -- A scalar, since each use of a subquery reads its tables again.
    (
        SELECT groupArray(subscription_id)
        FROM
        (
            SELECT subscription_id FROM written
            UNION DISTINCT
            SELECT subscription_id FROM {{ .Stored "plan_changes" }} WHERE target_subscription_id {{ .Global }}IN (SELECT subscription_id FROM written)
            UNION DISTINCT
            SELECT subscription_id FROM {{ .Stored "subscriptions" }} WHERE next_event_at > last.3 AND next_event_at <= next.1
            UNION DISTINCT
            SELECT arrayJoin(repriced)
        )
    ) AS touched,
    -- An event may be visible before its pair is in plan_changes.
    pairs AS
    (
        SELECT target_subscription_id, subscription_id FROM {{ .Stored "plan_changes" }} WHERE subscription_id IN (SELECT arrayJoin(touched))
        UNION DISTINCT
        SELECT assumeNotNull(upgrade_to_subscription_id) AS target_subscription_id, subscription_id
        FROM {{ .Stored "subscription_events" }}
        WHERE synced_at IN (SELECT arrayJoin(next.2)) AND subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != ''
    )
SELECT
    {{ template "computed rows" }},
    if(subscription_id = '',
        (next.3, next.4, if(length(repriced) < 100000, latest_snapshot, last.4), next.5),
        defaultValueOfTypeName('Tuple(DateTime64(3, \'UTC\'), DateTime64(3, \'UTC\'), UUID, Array(Tuple(DateTime64(3, \'UTC\'), UInt64)))')) AS progress,
    next.1 AS refreshed_at,
    last.2 + 1 AS refresh,
    events = 0 AS is_deleted
FROM
(
{{ .StateHistory "next.1" "subscription_id IN (SELECT arrayJoin(touched))" "SELECT target_subscription_id, subscription_id FROM pairs" }}
) AS computed
FULL JOIN
(
    SELECT DISTINCT subscription_id FROM {{ .Stored "subscriptions" }} WHERE subscription_id IN (SELECT arrayJoin(touched))
    UNION ALL
    SELECT '' AS subscription_id
) AS known USING (subscription_id)
ORDER BY subscription_id = ''
SETTINGS max_insert_threads = 1, max_bytes_before_external_sort = 300000000, join_use_nulls = 0, enable_analyzer = 1,
    group_by_two_level_threshold = 0, group_by_two_level_threshold_bytes = 0, max_block_size = 4096, max_joined_block_size_rows = 4096
COMMENT 'Computes the state of the subscriptions that may have changed, every few seconds';

-- The state of each subscription now: the table, and what the clock alone changes. A
-- replacement in one statement would need the right to drop every table.
DROP VIEW IF EXISTS {{ .View "subscription_state" }}{{ .OnCluster }};

CREATE VIEW IF NOT EXISTS {{ .View "subscription_state" }}{{ .OnCluster }}
(
    {{ template "state columns" }},
    `refreshed_at` DateTime64(3, 'UTC') COMMENT 'When its state was computed the last time',
    `complete_to` DateTime64(3, 'UTC') COMMENT 'What was stored before this moment is in the state of every subscription'
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
    ({{ .CompleteTo }}) AS complete_to
FROM {{ .Table "subscriptions" }} FINAL
COMMENT 'The state that follows from the events, one row a subscription';

-- The state at the end of a day, a month or any other moment: of the events before it. A
-- trial that ends exactly then has not ended. SELECT * FROM subscription_state_at(at = '2026-07-01 00:00:00')
CREATE VIEW IF NOT EXISTS {{ .View "subscription_state_at" }}{{ .OnCluster }}
AS
SELECT {{ template "state names" }}
FROM
(
{{ .FullState "({at:DateTime64(3, 'UTC')} - INTERVAL 1 MILLISECOND)" "" }}
)
COMMENT 'The state of each subscription at a moment, from the events before it: subscription_state_at(at = …)';

-- The same of one subscription, by its events and those of the subscriptions it changes to.
CREATE VIEW IF NOT EXISTS {{ .View "subscription_state_of" }}{{ .OnCluster }}
AS
SELECT {{ template "state names" }}
FROM
(
{{ .FullState "({at:DateTime64(3, 'UTC')} - INTERVAL 1 MILLISECOND)" "subscription_id = {subscription:String}" }}
)
COMMENT 'The state of one subscription at a moment: subscription_state_of(subscription = …, at = …)';

-- The event stream with the order of the actions of one instant. Many events share their
-- instant with another of the subscription: ORDER BY event_timestamp, action_rank.
CREATE VIEW IF NOT EXISTS {{ .View "subscription_timeline" }}{{ .OnCluster }}
(
    {{ template "ranked columns" }}
)
AS
SELECT *, {{ .Rank }} AS action_rank
FROM {{ .View "piano_subscriber_event_stream" }}
COMMENT 'The event stream and the order of the actions of one instant';
