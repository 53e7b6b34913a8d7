-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='table', engine='MergeTree()', order_by='(day, currency)') }}
-- Changes of the numbers of subscriptions by day: a day's number is the sum of all changes
-- until then. Rows with all changes 0 carry the currencies and the first day.
SELECT
    CAST(day, 'Date') AS day,
    CAST(currency, 'LowCardinality(String)') AS currency,
    CAST(live, 'Int64') AS live,
    CAST(in_trial, 'Int64') AS in_trial,
    CAST(failing, 'Int64') AS failing,
    CAST(paying, 'Int64') AS paying,
    CAST(mrr, 'Decimal(38, 4)') AS mrr,
    CAST(overdue, 'Int64') AS overdue,
    CAST(overdue_mrr, 'Decimal(38, 4)') AS overdue_mrr,
    CAST(as_of, 'DateTime64(3, \'UTC\')') AS as_of
FROM
(
WITH
    (SELECT toDateTime64('{{ var("pianola_as_of", run_started_at.strftime("%Y-%m-%d %H:%M:%S")) }}', 3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    -- The last element is the end of the calendar.
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM {{ source('pianola_inputs', 'analytics_calendar') }} FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM {{ source('pianola_inputs', 'analytics_calendar') }} FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar,
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM {{ source('pianola_inputs', 'analytics_calendar') }} FINAL), [toInt64(4102531200000)]) AS day_starts,
    (SELECT arraySort(groupArray(day)) FROM {{ source('pianola_inputs', 'analytics_calendar') }} FINAL) AS days_of_calendar,
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
    )
SELECT
    arrayElement(days_of_calendar, indexOf(day_starts, day_ms)) AS day, currency,
    sum(d_live) AS live, sum(d_trial) AS in_trial, sum(d_failing) AS failing, sum(d_paying) AS paying, sum(d_mrr) AS mrr,
    sum(d_overdue) AS overdue, sum(d_overdue_mrr) AS overdue_mrr,
    as_of
FROM
(
    -- Each step counts on its day, also where another one of the day takes it back.
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
    -- Few are overdue while they are live. These need the values at the end of each day.
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
)
