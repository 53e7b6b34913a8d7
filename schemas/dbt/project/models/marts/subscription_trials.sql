-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='table', engine='MergeTree()', order_by='(cohort, currency, subscription_id)') }}
-- Trials. One that ended by a plan change is followed to the subscription that took over,
-- and so on: the first of these that is charged, or ends otherwise, decides.
SELECT
    CAST(subscription_id, 'String') AS subscription_id,
    CAST(started_at, 'DateTime64(3, \'UTC\')') AS started_at,
    CAST(cohort, 'Date') AS cohort,
    CAST(customer, 'String') AS customer,
    CAST(currency, 'LowCardinality(String)') AS currency,
    CAST(ends_at, 'Nullable(DateTime64(3, \'UTC\'))') AS ends_at,
    CAST(outcome, 'LowCardinality(String)') AS outcome,
    CAST(converted_at, 'Nullable(DateTime64(3, \'UTC\'))') AS converted_at,
    CAST(converted_subscription_id, 'Nullable(String)') AS converted_subscription_id,
    CAST(immature, 'Bool') AS immature,
    CAST(as_of, 'DateTime64(3, \'UTC\')') AS as_of
FROM
(
WITH RECURSIVE
    (SELECT toDateTime64('{{ var("pianola_as_of", run_started_at.strftime("%Y-%m-%d %H:%M:%S")) }}', 3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    -- The last element is the end of the calendar.
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM {{ source('pianola_inputs', 'analytics_calendar') }} FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM {{ source('pianola_inputs', 'analytics_calendar') }} FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM {{ source('pianola_inputs', 'analytics_calendar') }} FINAL), [toInt64(4102531200000)]) AS days,
    -- A scalar, since each use of a subquery reads its tables again.
    (SELECT groupArray(subscription_id) FROM (SELECT subscription_id
    FROM
    (
        SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
        FROM {{ source('pianola_inputs', 'filtered_subscriptions') }}
        UNION ALL
        SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered
        FROM {{ source('pianola_inputs', 'subscriptions') }} FINAL
        WHERE subscription_id IN (SELECT subscription_id FROM {{ source('pianola_inputs', 'filtered_subscriptions') }})
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
            -- live and counted; in a trial; in fail_and_retry; counted
            arrayFilter((s) -> s.1 < now_ms, arrayMap((s) -> (toUnixTimestamp64Milli(s.at), s.status IN ('active', 'fail_and_retry') AND s.counts, s.in_trial, s.status = 'fail_and_retry', s.counts), status_steps)) AS states,
            dunning, payments,
            -- ends and failures whose term counts after the events of the instant
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.at), states).5 AND e.at < as_of, ends) AS counted_ends,
            arrayFilter((e) -> arrayLast((s) -> s.1 <= toUnixTimestamp64Milli(e.started_at), states).5 AND e.started_at < as_of, dunning) AS counted_dunning,
            status_steps, ends, trial, changes,
            arrayFilter((o) -> o.1 < now_ms, arrayPushBack(
                arrayMap((o) -> (toUnixTimestamp64Milli(o.since), ifNull(toUnixTimestamp64Milli(o.until), toInt64(9223372036854775807))), overdue_spans),
                (if((notEmpty(overdue_spans) AND isNull(overdue_spans[-1].until)) OR isNull(current_period_ends_at), now_ms, toUnixTimestamp64Milli(assumeNotNull(current_period_ends_at)) + 7 * 86400000), toInt64(9223372036854775807)))) AS overdue,
            counts, status != '' AND NOT closed AS is_live, had_trial AND NOT paid_after_trial AS unpaid_trial, regular_price
        FROM {{ source('pianola_inputs', 'subscriptions') }} FINAL
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
    -- The end of each subscription by a plan change. first: it came before all other events
    -- of its instant.
    exits AS
    (
        SELECT
            subscription_id, assumeNotNull(change_to_subscription_id) AS target, assumeNotNull(ended_at) AS left_at,
            announced_at < left_at AND ifNull(effective_at = left_at, false) AS first
        FROM {{ ref('subscription_changes') }}
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
            -- a price above zero on Created, TrialEnded above zero, Renewed
            arraySort(arrayFilter((f) -> f.2 = 5 OR (f.2 = 3 AND f.3 > 0)
                OR (f.2 = 1 AND f.1 = created_at AND f.3 > 0 AND NOT ifNull(f.4 > f.1, false) AND NOT arrayExists((o) -> o.2 = 2 AND o.1 = created_at, facts)), facts).1) AS charges
        FROM
        (
            SELECT
                subscription_id, event_timestamp AS at, toUInt8(transform(toString(subscription_action), ['Created', 'TrialStarted', 'TrialEnded', 'PaymentFailed', 'Renewed', 'Resumed', 'Auto-renew enabled', 'Auto-renew disabled', 'Downgraded', 'Upgraded', 'Canceled', 'Expired'], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0)) AS rank, ifNull(transaction_value, toDecimal64(0, 4)) AS value, trial_period_ended_at AS trial_ends_at
            FROM {{ ref('base_pianola__subscription_events') }}
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
)
