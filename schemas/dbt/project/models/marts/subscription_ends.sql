-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='table', engine='MergeTree()', order_by='(month, currency, kind, subscription_id, ended_at)') }}
-- One row an end of a subscription of a term that counts, with the return of its customer.
SELECT
    CAST(subscription_id, 'String') AS subscription_id,
    CAST(ended_at, 'DateTime64(3, \'UTC\')') AS ended_at,
    CAST(month, 'Date') AS month,
    CAST(customer, 'String') AS customer,
    CAST(currency, 'LowCardinality(String)') AS currency,
    CAST(kind, 'LowCardinality(String)') AS kind,
    CAST(mrr_before, 'Decimal(18, 4)') AS mrr_before,
    CAST(paid, 'Bool') AS paid,
    CAST(left_none, 'Bool') AS left_none,
    CAST(won_back_at, 'Nullable(DateTime64(3, \'UTC\'))') AS won_back_at,
    CAST(won_back_days, 'Nullable(Int32)') AS won_back_days,
    CAST(as_of, 'DateTime64(3, \'UTC\')') AS as_of
FROM
(
WITH
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
    -- The few customers of several subscriptions cost much more than the others. Customers
    -- of one hash are treated as such too.
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
)
