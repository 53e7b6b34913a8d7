-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='table', engine='MergeTree()', order_by='(cohort, month)') }}
-- Customers by the month in which their MRR first rose above zero, and by month since.
SELECT
    CAST(cohort, 'Date') AS cohort,
    CAST(month, 'Date') AS month,
    CAST(age, 'UInt32') AS age,
    CAST(customers, 'UInt64') AS customers,
    CAST(active, 'UInt64') AS active,
    CAST(unbroken, 'UInt64') AS unbroken,
    CAST(immature, 'Bool') AS immature,
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
    -- The few customers of several subscriptions cost much more than the others. Customers
    -- of one hash are treated as such too.
    several AS (SELECT cityHash64(customer) AS hash FROM visible GROUP BY hash HAVING count() > 1),
    toUInt32(indexOf(starts, roundDown(now_ms, starts))) AS last_month,
    -- What changes in a month: customers of the cohort, those with MRR at its end, and those
    -- without a month end at zero until then.
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
                -- MRR at the end of each month in which it has a step
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
        -- The end of month n is starts[n + 1], or the time of the figures.
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
    -- every month of every cohort
    SELECT first_month + number AS cohort_number, toUInt32(arrayJoin(range(cohort_number, last_month + 1))) AS month_number, toInt64(0), toInt64(0), toInt64(0)
    FROM (SELECT toUInt32(indexOf(starts, roundDown(min(first_ms), starts))) AS first_month FROM visible HAVING count() > 0) AS f
    CROSS JOIN numbers(1200) AS n
    WHERE first_month + number <= last_month
) AS c
GROUP BY cohort_number, month_number
WINDOW of_cohort AS (PARTITION BY cohort_number ORDER BY month_number)
)
