-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='table', engine='MergeTree()', order_by='(promo_code, currency)') }}
-- Subscriptions by promo code, from their charges in order. A code on a trial is reserved
-- until the first charge after it.
SELECT
    CAST(promo_code, 'LowCardinality(String)') AS promo_code,
    CAST(currency, 'LowCardinality(String)') AS currency,
    CAST(subscriptions, 'UInt64') AS subscriptions,
    CAST(redeemed, 'UInt64') AS redeemed,
    CAST(reserved, 'UInt64') AS reserved,
    CAST(released, 'UInt64') AS released,
    CAST(new_customers, 'UInt64') AS new_customers,
    CAST(live, 'UInt64') AS live,
    CAST(not_yet_due, 'UInt64') AS not_yet_due,
    CAST(full_price, 'UInt64') AS full_price,
    CAST(discounted, 'UInt64') AS discounted,
    CAST(first_discount, 'Decimal(38, 4)') AS first_discount,
    CAST(charges, 'Decimal(38, 4)') AS charges,
    CAST(refunds, 'Decimal(38, 4)') AS refunds,
    CAST(mrr, 'Decimal(38, 4)') AS mrr,
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
    coded AS
    (
        SELECT v.*, c.code AS code
        FROM visible AS v
        INNER JOIN
        (
            SELECT subscription_id, upperUTF8(trimBoth(ifNull(promo_code, ''))) AS code FROM {{ ref('base_pianola__subscription_traits') }} WHERE code != ''
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
            FROM {{ ref('base_pianola__subscription_events') }}
            WHERE event_timestamp < as_of AND subscription_id IN (SELECT subscription_id FROM coded)
        )
        GROUP BY subscription_id
    ),
    priced AS
    (
        SELECT
            c.*,
            -- one charge that stands on two events counts once
            arrayFilter((f) -> NOT (f.2 IN (1, 3) AND arrayExists((o) -> o.1 = f.1 AND o.2 = if(f.2 = 3, 5, 2) AND (o.3 = f.3 OR (isNull(o.3) AND isNull(f.3))), e.facts)), e.facts) AS single,
            -- a zero of Resumed is a price after an end
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
)
