-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='table', engine='MergeTree()', order_by='(month, currency, kind, churn_kind)') }}
-- The movements of MRR by month, currency and kind. A customer's MRR at each month end is
-- the sum of its subscriptions', from their steps. Only months in which something changes
-- have a row, so a closing is the sum of all changes until then.
--
-- Rows of kind '' carry what rows of movements cannot: each currency, the month of the
-- first event, and the time of the figures.
SELECT
    CAST(month, 'Date') AS month,
    CAST(currency, 'LowCardinality(String)') AS currency,
    CAST(kind, 'LowCardinality(String)') AS kind,
    CAST(churn_kind, 'LowCardinality(String)') AS churn_kind,
    CAST(customers, 'UInt64') AS customers,
    CAST(customers_once, 'UInt64') AS customers_once,
    CAST(entered, 'UInt64') AS entered,
    CAST(left, 'UInt64') AS left,
    CAST(amount, 'Decimal(38, 4)') AS amount,
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
    changing AS
    (
        SELECT
            customer, subscription_id, toString(currency) AS currency, created_ms,
            arrayFilter((e) -> e.4 > 0, arrayMap((e) -> (roundDown(toUnixTimestamp64Milli(e.at), starts), toUnixTimestamp64Milli(e.at), toString(e.kind), e.mrr), counted_ends)) AS paid_ends,
            -- MRR at the end of each month in which it has a step
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
                -- what changes at the end of each month: month, currency, amount, and whether
                -- the subscription has no Created before the month end
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
)
