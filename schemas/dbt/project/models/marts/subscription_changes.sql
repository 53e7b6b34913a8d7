-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='table', engine='MergeTree()', order_by='(month, currency, subscription_id, announced_at)') }}
-- Plan changes. mrr_after of another subscription is its own, right after its first event.
-- Changes of terms that do not count are here too, because trials are followed through them.
SELECT
    CAST(subscription_id, 'String') AS subscription_id,
    CAST(announced_at, 'DateTime64(3, \'UTC\')') AS announced_at,
    CAST(month, 'Date') AS month,
    CAST(direction, 'LowCardinality(String)') AS direction,
    CAST(change_to_subscription_id, 'Nullable(String)') AS change_to_subscription_id,
    CAST(customer, 'String') AS customer,
    CAST(currency, 'LowCardinality(String)') AS currency,
    CAST(counts, 'Bool') AS counts,
    CAST(outcome, 'LowCardinality(String)') AS outcome,
    CAST(effective_at, 'Nullable(DateTime64(3, \'UTC\'))') AS effective_at,
    CAST(ended_at, 'Nullable(DateTime64(3, \'UTC\'))') AS ended_at,
    CAST(mrr_before, 'Decimal(18, 4)') AS mrr_before,
    CAST(mrr_after, 'Nullable(Decimal(18, 4))') AS mrr_after,
    CAST(currency_after, 'LowCardinality(String)') AS currency_after,
    CAST(as_of, 'DateTime64(3, \'UTC\')') AS as_of
FROM
(
WITH
    (SELECT toDateTime64('{{ var("pianola_as_of", run_started_at.strftime("%Y-%m-%d %H:%M:%S")) }}', 3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    -- The last element is the end of the calendar.
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM {{ source('pianola_inputs', 'analytics_calendar') }} FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM {{ source('pianola_inputs', 'analytics_calendar') }} FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar,
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
    -- Each plan change with the subscription that it names, which only its event has.
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
            -- No PREWHERE: the dbt model of this mart reads a view.
            FROM {{ ref('base_pianola__subscription_events') }}
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
)
