{{- /* The view internal_subscriptions, for those that have a state: it knows their newest event,
so no events are read. */ -}}
{{define "internal" -}}
    SELECT subscription_id
    FROM
    (
        SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered
        FROM {{ .Table "filtered_subscriptions" }}
        UNION ALL
        SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered
        FROM {{ .Table "subscriptions" }} FINAL
        WHERE subscription_id {{ .Global }}IN (SELECT subscription_id FROM {{ .Table "filtered_subscriptions" }})
    )
    GROUP BY subscription_id
    HAVING argMax(is_filtered, (version, written_at, is_filtered))
{{- end}}
{{define "visible" -}}
    -- A scalar, since each use of a subquery reads its tables again.
    (SELECT groupArray(subscription_id) FROM ({{ template "internal" . }})) AS internal,
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
        FROM {{ .Table "subscriptions" }} FINAL
        WHERE first_event_at < as_of AND subscription_id NOT IN (SELECT arrayJoin(internal))
    )
{{- end}}
{{define "announced" -}}
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
            FROM {{ .Table "subscription_events" }} FINAL
            WHERE subscription_action IN ('Upgraded', 'Downgraded')
        ) AS a USING (subscription_id, announced_at, direction)
    )
{{- end}}
{{- /* Months and days of the calendar by a look-up: indexOf goes through the whole calendar. */ -}}
{{define "month of" -}}
    transform(roundDown({{ . }}, starts), starts, arrayPushBack(months_of_calendar, toDate(0)), toDate(0))
{{- end}}
{{define "day of" -}}
    toInt32(transform(roundDown({{ . }}, days), days, range(length(days)), 0))
{{- end}}
{{define "several" -}}
    -- The few customers of several subscriptions cost much more than the others. Customers
    -- of one hash are treated as such too.
    several AS (SELECT cityHash64(customer) AS hash FROM visible GROUP BY hash HAVING count() > 1)
{{- end}}
{{define "month ends" -}}
    -- MRR at the end of each month in which it has a step
    arrayMap((s) -> (roundDown(s.1, starts), s.2), steps) AS placed,
            arrayFilter((s, next) -> s.1 != next, placed, arrayShiftLeft(placed.1, 1, 0)) AS month_ends
{{- end}}
{{define "month starts" -}}
    (SELECT now64(3, 'UTC')) AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms,
    -- The last element is the end of the calendar.
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM {{ .Table "analytics_calendar" }} FINAL WHERE toDayOfMonth(day) = 1), [toInt64(4102531200000)]) AS starts,
    (SELECT arraySort(groupArray(day)) FROM {{ .Table "analytics_calendar" }} FINAL WHERE toDayOfMonth(day) = 1) AS months_of_calendar
{{- end -}}
-- The first instant of each local day. It is the only place that knows a time zone, so
-- marts need no time zone of their own, and days without a midnight are right. Pianola
-- fills it; UTC until then.
CREATE TABLE IF NOT EXISTS {{ .Stored "analytics_calendar" }}{{ .OnCluster }}
(
    `day` Date COMMENT 'The local day' CODEC(Delta, ZSTD(1)),
    `starts_at` DateTime64(3, 'UTC') COMMENT 'Its first instant' CODEC(Delta(8), ZSTD(1)),
    `timezone` LowCardinality(String) COMMENT 'Time zone of the day, analytics.timezone' CODEC(ZSTD(1)),
    `filled_at` DateTime64(3, 'UTC') COMMENT 'When it was filled; the last filling counts' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "filled_at" }}
ORDER BY day
COMMENT 'The first instant of each day from 2000 to 2099 in the time zone of the analysts. Read it with FINAL';
{{ .Distributed "analytics_calendar" "toUInt32(day)" }}
INSERT INTO {{ .Table "analytics_calendar" }} (day, starts_at, timezone, filled_at)
SELECT toDate('2000-01-01') + number AS day, toDateTime64(day, 3, 'UTC'), 'UTC', toDateTime64(0, 3, 'UTC')
FROM numbers(36525);

{{define "mrr_movements columns" -}}
    `month` Date COMMENT 'First day of the month',
    `currency` LowCardinality(String) COMMENT 'Currency; unknown where none is known',
    `kind` LowCardinality(String) COMMENT 'new, discovered, reactivation, expansion, contraction or churn; empty for a row without a movement',
    `churn_kind` LowCardinality(String) COMMENT 'Of churn: voluntary, involuntary or unknown',
    `customers` UInt64 COMMENT 'Customers with this movement in this currency',
    `customers_once` UInt64 COMMENT 'Of new, discovered, reactivation and churn: each customer in one currency only, so the sum over currencies counts each once',
    `entered` UInt64 COMMENT 'Customers whose MRR in this currency rises from zero',
    `left` UInt64 COMMENT 'Customers whose MRR in this currency falls to zero',
    `amount` Decimal(38, 4) COMMENT 'Sum of the changes of MRR, positive for every kind',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
{{- end -}}
-- The movements of MRR by month, currency and kind. A customer's MRR at each month end is
-- the sum of its subscriptions', from their steps. Only months in which something changes
-- have a row, so a closing is the sum of all changes until then.
--
-- Rows of kind '' carry what rows of movements cannot: each currency, the month of the
-- first event, and the time of the figures.
CREATE TABLE IF NOT EXISTS {{ .View "mrr_movements" }}{{ .OnCluster }}
(
    {{ template "mrr_movements columns" }}
)
ENGINE = MergeTree
ORDER BY (month, currency, kind, churn_kind)
COMMENT 'Movements of monthly recurring revenue by month, currency and kind. Recomputed every five minutes';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "mrr_movements_refresh" }}{{ .OnCluster }}
REFRESH EVERY 5 MINUTE TO {{ .View "mrr_movements" }}
(
    {{ template "mrr_movements columns" }}
)
EMPTY AS
WITH
    {{ template "month starts" . }},
    {{ template "visible" . }},
    {{ template "several" . }},
    changing AS
    (
        SELECT
            customer, subscription_id, toString(currency) AS currency, created_ms,
            arrayFilter((e) -> e.4 > 0, arrayMap((e) -> (roundDown(toUnixTimestamp64Milli(e.at), starts), toUnixTimestamp64Milli(e.at), toString(e.kind), e.mrr), counted_ends)) AS paid_ends,
            {{ template "month ends" . }}
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
COMMENT 'Computes mrr_movements again';

-- Every month and currency from the first event to the time of the figures.
-- ltv: ARPU ÷ the mean churn rate of the last three complete months, as one fraction of
-- integers, rounded once.
CREATE VIEW IF NOT EXISTS {{ .View "mrr_by_month" }}{{ .OnCluster }}
(
    `month` Date COMMENT 'First day of the month',
    `currency` LowCardinality(String) COMMENT 'Currency; unknown where none is known. Never add up currencies',
    `complete` Bool COMMENT 'Whether the month has ended; the figures of the month in progress are those of as_of',
    `opening_mrr` Decimal(38, 4) COMMENT 'MRR at the beginning',
    `new_mrr` Decimal(38, 4) COMMENT 'MRR of customers who have MRR at a month end for the first time',
    `discovered_mrr` Decimal(38, 4) COMMENT 'The same, where a subscription began before the stream',
    `reactivation_mrr` Decimal(38, 4) COMMENT 'MRR of customers who had MRR earlier, and none at the beginning',
    `expansion_mrr` Decimal(38, 4) COMMENT 'More MRR of customers with MRR at the beginning',
    `contraction_mrr` Decimal(38, 4) COMMENT 'Less MRR of customers who still have some; positive',
    `churned_mrr` Decimal(38, 4) COMMENT 'MRR of customers who have none any more; positive',
    `churned_voluntary_mrr` Decimal(38, 4) COMMENT 'Of this, by cancelling or with auto-renew off',
    `churned_involuntary_mrr` Decimal(38, 4) COMMENT 'Of this, after failed payments',
    `churned_unknown_mrr` Decimal(38, 4) COMMENT 'Of this, for an unknown reason',
    `closing_mrr` Decimal(38, 4) COMMENT 'MRR at the end: opening + new + discovered + reactivation + expansion - contraction - churned',
    `overdue_mrr` Decimal(38, 4) COMMENT 'Of the closing MRR, that of subscriptions past their period by seven days, at the time of subscriptions_by_day',
    `opening_customers` Int64 COMMENT 'Customers with MRR in this currency at the beginning',
    `new_customers` UInt64 COMMENT 'Customers with new MRR in this currency',
    `discovered_customers` UInt64 COMMENT 'Customers with discovered MRR',
    `reactivated_customers` UInt64 COMMENT 'Customers with reactivation MRR',
    `expanded_customers` UInt64 COMMENT 'Customers with expansion MRR',
    `contracted_customers` UInt64 COMMENT 'Customers with contraction MRR',
    `churned_customers` UInt64 COMMENT 'Customers with churned MRR',
    `closing_customers` Int64 COMMENT 'Customers with MRR in this currency at the end',
    `arpu` Nullable(Decimal(38, 4)) COMMENT 'Closing MRR of a customer; NULL without customers',
    `ltv` Nullable(Decimal(38, 4)) COMMENT 'arpu / mean churn rate of customers in the last three complete months; NULL without churn',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
)
AS
WITH
    (SELECT max(as_of) FROM {{ .View "mrr_movements" }}) AS figures_as_of,
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
            FROM {{ .Table "analytics_calendar" }} FINAL
            WHERE toDayOfMonth(day) = 1
        ) AS m
        CROSS JOIN (SELECT DISTINCT currency FROM {{ .View "mrr_movements" }} WHERE kind = '') AS c
        LEFT JOIN {{ .View "mrr_movements" }} AS v ON v.month = m.month AND v.currency = c.currency
        WHERE m.month >= (SELECT min(month) FROM {{ .View "mrr_movements" }}) AND m.starts_at < figures_as_of
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
            SELECT toStartOfMonth(day) AS month, currency, sum(overdue_mrr) AS change FROM {{ .View "subscription_day_changes" }} GROUP BY month, currency
        ) AS o USING (month, currency)
    ),
    rated AS
    (
        SELECT
            *,
            arrayFilter((m) -> m.3 > 0, arraySlice(arrayFilter((m) -> m.1, groupArray((complete, churned_customers, opening_customers)) OVER (PARTITION BY currency ORDER BY month ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)), -3)) AS rates,
            -- the sum of the rates as a fraction
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

CREATE VIEW IF NOT EXISTS {{ .View "customers_by_month" }}{{ .OnCluster }}
(
    `month` Date COMMENT 'First day of the month',
    `complete` Bool COMMENT 'Whether the month has ended',
    `opening` Int64 COMMENT 'Customers with MRR in any currency at the beginning',
    `new` UInt64 COMMENT 'Customers with MRR at a month end for the first time',
    `discovered` UInt64 COMMENT 'The same, where a subscription began before the stream',
    `reactivated` UInt64 COMMENT 'Customers who had MRR earlier, and none at the beginning',
    `churned` UInt64 COMMENT 'Customers with MRR at the beginning and none at the end',
    `churned_voluntary` UInt64 COMMENT 'Of these, by cancelling or with auto-renew off',
    `churned_involuntary` UInt64 COMMENT 'Of these, after failed payments',
    `churned_unknown` UInt64 COMMENT 'Of these, for an unknown reason',
    `closing` Int64 COMMENT 'Customers with MRR in any currency at the end',
    `churn_rate` Nullable(Float64) COMMENT 'churned / opening; NULL without customers at the beginning',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
)
AS
WITH
    (SELECT max(as_of) FROM {{ .View "mrr_movements" }}) AS figures_as_of,
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
        FROM (SELECT month, any(complete) AS complete FROM {{ .View "mrr_by_month" }} GROUP BY month) AS m
        LEFT JOIN {{ .View "mrr_movements" }} AS v ON v.month = m.month
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

{{define "subscription_ends columns" -}}
    `subscription_id` String COMMENT 'The subscription',
    `ended_at` DateTime64(3, 'UTC') COMMENT 'When it ended',
    `month` Date COMMENT 'First day of the month of the end',
    `customer` String COMMENT 'The user, or subscription: and the id',
    `currency` LowCardinality(String) COMMENT 'Currency',
    `kind` LowCardinality(String) COMMENT 'voluntary, involuntary, trial, plan_change or unknown',
    `mrr_before` Decimal(18, 4) COMMENT 'Its MRR just before',
    `paid` Bool COMMENT 'Whether it was ever paid, or had MRR by its list price',
    `left_none` Bool COMMENT 'Whether the customer had no other live subscription that counts',
    `won_back_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the customer had MRR again; NULL when never, or when the end was unpaid, a plan change, or left another subscription',
    `won_back_days` Nullable(Int32) COMMENT 'Days from the end to the return',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
{{- end -}}
-- One row an end of a subscription of a term that counts, with the return of its customer.
CREATE TABLE IF NOT EXISTS {{ .View "subscription_ends" }}{{ .OnCluster }}
(
    {{ template "subscription_ends columns" }}
)
ENGINE = MergeTree
ORDER BY (month, currency, kind, subscription_id, ended_at)
COMMENT 'Each end of a subscription, its kind, and whether the customer came back. Recomputed every five minutes';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "subscription_ends_refresh" }}{{ .OnCluster }}
REFRESH EVERY 5 MINUTE TO {{ .View "subscription_ends" }}
(
    {{ template "subscription_ends columns" }}
)
EMPTY AS
WITH
    {{ template "month starts" . }},
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM {{ .Table "analytics_calendar" }} FINAL), [toInt64(4102531200000)]) AS days,
    {{ template "visible" . }},
    {{ template "several" . }},
    ended AS (SELECT subscription_id, customer, currency, toUnixTimestamp64Milli(e.at) AS at_ms, toString(e.kind) AS kind, e.mrr AS mrr_before, e.paid AS paid, states, steps
        FROM (SELECT subscription_id, customer, currency, states, steps, arrayJoin(counted_ends) AS e FROM visible WHERE notEmpty(ends)))
SELECT
    subscription_id,
    fromUnixTimestamp64Milli(at_ms, 'UTC') AS ended_at,
    {{ template "month of" "at_ms" }} AS month,
    customer, currency, kind, mrr_before, paid, left_none,
    if(paid AND left_none AND kind != 'plan_change' AND return_ms != 0, fromUnixTimestamp64Milli(return_ms, 'UTC'), NULL) AS won_back_at,
    if(isNull(won_back_at), NULL, {{ template "day of" "return_ms" }} - {{ template "day of" "at_ms" }}) AS won_back_days,
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

{{define "dunning_episodes columns" -}}
    `subscription_id` String COMMENT 'The subscription',
    `started_at` DateTime64(3, 'UTC') COMMENT 'The first failed payment',
    `month` Date COMMENT 'First day of its month',
    `customer` String COMMENT 'The user, or subscription: and the id',
    `currency` LowCardinality(String) COMMENT 'Currency',
    `failures` UInt32 COMMENT 'Failed payments of the episode',
    `mrr` Decimal(18, 4) COMMENT 'MRR at its start',
    `outcome` LowCardinality(String) COMMENT 'recovered, lost, plan_change or open',
    `ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it ended; NULL while it is open',
    `hours` Nullable(Float64) COMMENT 'Hours from the first failure to the end',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
{{- end -}}
-- Stays in fail_and_retry.
CREATE TABLE IF NOT EXISTS {{ .View "dunning_episodes" }}{{ .OnCluster }}
(
    {{ template "dunning_episodes columns" }}
)
ENGINE = MergeTree
ORDER BY (month, currency, subscription_id, started_at)
COMMENT 'Each stay of a subscription in fail_and_retry and its outcome. Recomputed every five minutes';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "dunning_episodes_refresh" }}{{ .OnCluster }}
REFRESH EVERY 5 MINUTE TO {{ .View "dunning_episodes" }}
(
    {{ template "dunning_episodes columns" }}
)
EMPTY AS
WITH
    {{ template "month starts" . }},
    {{ template "visible" . }}
SELECT
    subscription_id, e.started_at AS started_at,
    {{ template "month of" "toUnixTimestamp64Milli(e.started_at)" }} AS month,
    customer, currency, e.failures AS failures, e.mrr AS mrr, toString(e.outcome) AS outcome, e.ended_at AS ended_at,
    (toUnixTimestamp64Milli(e.ended_at) - toUnixTimestamp64Milli(e.started_at)) / 3600000 AS hours,
    as_of
FROM (SELECT subscription_id, customer, currency, arrayJoin(counted_dunning) AS e FROM visible WHERE notEmpty(dunning))
COMMENT 'Computes dunning_episodes again';

{{define "customer_retention columns" -}}
    `cohort` Date COMMENT 'First day of the month in which the customers'' MRR first rose above zero',
    `month` Date COMMENT 'First day of the month',
    `age` UInt32 COMMENT 'Months since the cohort''s',
    `customers` UInt64 COMMENT 'Customers of the cohort; discovered ones belong to none',
    `active` UInt64 COMMENT 'Of these, with MRR at the end of the month',
    `unbroken` UInt64 COMMENT 'Of these, with MRR at every month end since',
    `immature` Bool COMMENT 'Whether the month is still in progress',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
{{- end -}}
-- Customers by the month in which their MRR first rose above zero, and by month since.
CREATE TABLE IF NOT EXISTS {{ .View "customer_retention" }}{{ .OnCluster }}
(
    {{ template "customer_retention columns" }}
)
ENGINE = MergeTree
ORDER BY (cohort, month)
COMMENT 'Retention of customers by the month of their first MRR. Recomputed every five minutes';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "customer_retention_refresh" }}{{ .OnCluster }}
REFRESH EVERY 5 MINUTE TO {{ .View "customer_retention" }}
(
    {{ template "customer_retention columns" }}
)
EMPTY AS
WITH
    {{ template "month starts" . }},
    {{ template "visible" . }},
    {{ template "several" . }},
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
                {{ template "month ends" . }},
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
COMMENT 'Computes customer_retention again';

{{define "subscription_day_changes columns" -}}
    `day` Date COMMENT 'The day',
    `currency` LowCardinality(String) COMMENT 'Currency',
    `live` Int64 COMMENT 'Change of the live subscriptions of terms that count',
    `in_trial` Int64 COMMENT 'Of those in a trial',
    `failing` Int64 COMMENT 'Of those in fail_and_retry',
    `paying` Int64 COMMENT 'Of those with MRR',
    `mrr` Decimal(38, 4) COMMENT 'Of their MRR',
    `overdue` Int64 COMMENT 'Of those past their period by seven days',
    `overdue_mrr` Decimal(38, 4) COMMENT 'Of the MRR of these',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
{{- end -}}
-- Changes of the numbers of subscriptions by day: a day's number is the sum of all changes
-- until then. Rows with all changes 0 carry the currencies and the first day.
CREATE TABLE IF NOT EXISTS {{ .View "subscription_day_changes" }}{{ .OnCluster }}
(
    {{ template "subscription_day_changes columns" }}
)
ENGINE = MergeTree
ORDER BY (day, currency)
COMMENT 'Changes of the numbers of subscriptions by day and currency. Recomputed every five minutes';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "subscription_day_changes_refresh" }}{{ .OnCluster }}
REFRESH EVERY 5 MINUTE TO {{ .View "subscription_day_changes" }}
(
    {{ template "subscription_day_changes columns" }}
)
EMPTY AS
WITH
    {{ template "month starts" . }},
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM {{ .Table "analytics_calendar" }} FINAL), [toInt64(4102531200000)]) AS day_starts,
    (SELECT arraySort(groupArray(day)) FROM {{ .Table "analytics_calendar" }} FINAL) AS days_of_calendar,
    {{ template "visible" . }}
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
COMMENT 'Computes subscription_day_changes again';

CREATE VIEW IF NOT EXISTS {{ .View "subscriptions_by_day" }}{{ .OnCluster }}
(
    `day` Date COMMENT 'The day',
    `currency` LowCardinality(String) COMMENT 'Currency; unknown where none is known',
    `complete` Bool COMMENT 'Whether the day has ended; the figures of the day in progress are those of as_of',
    `live` Int64 COMMENT 'Live subscriptions of terms that count, at the end of the day',
    `in_trial` Int64 COMMENT 'Of these, in a trial',
    `failing` Int64 COMMENT 'Of these, in fail_and_retry',
    `paying` Int64 COMMENT 'Of these, with MRR',
    `mrr` Decimal(38, 4) COMMENT 'Their MRR',
    `overdue` Int64 COMMENT 'Of the live ones, past their period by seven days',
    `overdue_mrr` Decimal(38, 4) COMMENT 'MRR of these',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
)
AS
WITH (SELECT max(as_of) FROM {{ .View "subscription_day_changes" }}) AS figures_as_of
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
        FROM {{ .Table "analytics_calendar" }} FINAL
    ) AS d
    CROSS JOIN (SELECT DISTINCT currency FROM {{ .View "subscription_day_changes" }}) AS c
    LEFT JOIN {{ .View "subscription_day_changes" }} AS v ON v.day = d.day AND v.currency = c.currency
    WHERE d.day >= (SELECT min(day) FROM {{ .View "subscription_day_changes" }}) AND d.starts_at < figures_as_of
    GROUP BY day, currency, ends_at
)
WINDOW by_currency AS (PARTITION BY currency ORDER BY day)
ORDER BY day, currency
SETTINGS join_use_nulls = 0
COMMENT 'Subscriptions and their MRR at the end of each day, by currency';

{{define "revenue_by_month columns" -}}
    `month` Date COMMENT 'First day of the month',
    `currency` LowCardinality(String) COMMENT 'Currency; unknown where none is known',
    `term_name` LowCardinality(String) COMMENT 'Term; empty if unknown',
    `resource_name` LowCardinality(String) COMMENT 'What was subscribed to; empty if unknown',
    `country` LowCardinality(String) COMMENT 'Billing country; empty if unknown',
    `experience_name` LowCardinality(String) COMMENT 'Experience; empty if unknown',
    `charges` Decimal(38, 4) COMMENT 'Sum of the positive values; a charge on two events of one instant counts once',
    `refunds` Decimal(38, 4) COMMENT 'Sum of the negative values; zero or negative',
    `charge_count` UInt64 COMMENT 'Number of charges',
    `refund_count` UInt64 COMMENT 'Number of refunds',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
{{- end -}}
-- Charges and refunds by month and by what was sold. An event counts if the term of its
-- subscription counts then. The texts are the latest known ones at the event.
CREATE TABLE IF NOT EXISTS {{ .View "revenue_by_month" }}{{ .OnCluster }}
(
    {{ template "revenue_by_month columns" }}
)
ENGINE = MergeTree
ORDER BY (month, currency, term_name, resource_name, country, experience_name)
COMMENT 'Charges and refunds by month, currency, term, resource, country and experience. Recomputed every fifteen minutes';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "revenue_by_month_refresh" }}{{ .OnCluster }}
REFRESH EVERY 15 MINUTE TO {{ .View "revenue_by_month" }}
(
    {{ template "revenue_by_month columns" }}
)
EMPTY AS
WITH
    {{ template "month starts" . }},
    {{ template "visible" . }}
SELECT
    arrayElement(months_of_calendar, indexOf(starts, month_ms)) AS month,
    currency, p.term_name AS term_name, p.resource_name AS resource_name, p.country AS country, p.experience_name AS experience_name,
    sumIf(p.value, p.value > 0) AS charges, sumIf(p.value, p.value < 0) AS refunds, countIf(p.value > 0) AS charge_count, countIf(p.value < 0) AS refund_count,
    as_of
FROM (SELECT currency, arrayJoin(payments) AS p, roundDown(toUnixTimestamp64Milli(p.at), starts) AS month_ms FROM visible)
WHERE p.counts AND p.at < as_of
GROUP BY month_ms, currency, term_name, resource_name, country, experience_name
COMMENT 'Computes revenue_by_month again';

{{define "subscription_changes columns" -}}
    `subscription_id` String COMMENT 'The subscription',
    `announced_at` DateTime64(3, 'UTC') COMMENT 'When the change was announced',
    `month` Date COMMENT 'First day of its month',
    `direction` LowCardinality(String) COMMENT 'upgrade or downgrade, as the event says',
    `change_to_subscription_id` Nullable(String) COMMENT 'The subscription that takes over; NULL for a change in place',
    `customer` String COMMENT 'The user, or subscription: and the id',
    `currency` LowCardinality(String) COMMENT 'Currency',
    `counts` Bool COMMENT 'Whether its term counts; metrics leave out the others',
    `outcome` LowCardinality(String) COMMENT 'effective, pending or void: replaced by another change, or ended otherwise',
    `effective_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it took effect',
    `ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the subscription ended by it; NULL for a change in place',
    `mrr_before` Decimal(18, 4) COMMENT 'MRR before it takes effect, or at the announcement',
    `mrr_after` Nullable(Decimal(18, 4)) COMMENT 'MRR after it, in place from the next Renewed on; NULL until then',
    `currency_after` LowCardinality(String) COMMENT 'Currency of mrr_after; empty without one',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
{{- end -}}
-- Plan changes. mrr_after of another subscription is its own, right after its first event.
-- Changes of terms that do not count are here too, because trials are followed through them.
CREATE TABLE IF NOT EXISTS {{ .View "subscription_changes" }}{{ .OnCluster }}
(
    {{ template "subscription_changes columns" }}
)
ENGINE = MergeTree
ORDER BY (month, currency, subscription_id, announced_at)
COMMENT 'Each plan change of a live subscription, and the MRR before and after. Recomputed every fifteen minutes';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "subscription_changes_refresh" }}{{ .OnCluster }}
REFRESH EVERY 15 MINUTE TO {{ .View "subscription_changes" }}
(
    {{ template "subscription_changes columns" }}
)
EMPTY AS
WITH
    {{ template "month starts" . }},
    {{ template "visible" . }},
    {{ template "announced" . }}
SELECT
    n.subscription_id AS subscription_id,
    n.announced_at AS announced_at,
    {{ template "month of" "toUnixTimestamp64Milli(n.announced_at)" }} AS month,
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

{{define "subscription_trials columns" -}}
    `subscription_id` String COMMENT 'The subscription',
    `started_at` DateTime64(3, 'UTC') COMMENT 'When its first trial started',
    `cohort` Date COMMENT 'First day of the month of the start',
    `customer` String COMMENT 'The user, or subscription: and the id',
    `currency` LowCardinality(String) COMMENT 'Currency',
    `ends_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the trial ends or ended; NULL if it is unknown',
    `outcome` LowCardinality(String) COMMENT 'converted, lapsed or open',
    `converted_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The first charge after it',
    `converted_subscription_id` Nullable(String) COMMENT 'The subscription that was charged: another one after a plan change',
    `immature` Bool COMMENT 'Whether it is open and less than 30 days past its end',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
{{- end -}}
-- Trials. One that ended by a plan change is followed to the subscription that took over,
-- and so on: the first of these that is charged, or ends otherwise, decides.
CREATE TABLE IF NOT EXISTS {{ .View "subscription_trials" }}{{ .OnCluster }}
(
    {{ template "subscription_trials columns" }}
)
ENGINE = MergeTree
ORDER BY (cohort, currency, subscription_id)
COMMENT 'The first trial of each subscription and its outcome. Recomputed every fifteen minutes';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "subscription_trials_refresh" }}{{ .OnCluster }}
REFRESH EVERY 15 MINUTE DEPENDS ON {{ .View "subscription_changes_refresh" }} TO {{ .View "subscription_trials" }}
(
    {{ template "subscription_trials columns" }}
)
EMPTY AS
WITH RECURSIVE
    {{ template "month starts" . }},
    arrayConcat((SELECT arraySort(groupArray(toUnixTimestamp64Milli(starts_at))) FROM {{ .Table "analytics_calendar" }} FINAL), [toInt64(4102531200000)]) AS days,
    {{ template "visible" . }},
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
        FROM {{ .View "subscription_changes" }}
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
                subscription_id, event_timestamp AS at, {{ .Rank }} AS rank, ifNull(transaction_value, toDecimal64(0, 4)) AS value, trial_period_ended_at AS trial_ends_at
            FROM {{ .Table "subscription_events" }} FINAL
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
    {{ template "month of" "toUnixTimestamp64Milli(t.started_at)" }} AS cohort,
    t.customer AS customer,
    t.currency AS currency,
    t.ends_at AS ends_at,
    multiIf(t.own != 'changed', t.own, d.decision.2 IN ('converted', 'lapsed'), d.decision.2, 'open') AS outcome,
    multiIf(t.own = 'converted', t.own_charge, outcome = 'converted', d.decision.3, NULL) AS converted_at,
    multiIf(t.own = 'converted', t.subscription_id, outcome = 'converted', d.decision.4, NULL) AS converted_subscription_id,
    outcome = 'open' AND (isNull(ends_at) OR {{ template "day of" "now_ms" }} < {{ template "day of" "toUnixTimestamp64Milli(assumeNotNull(ends_at))" }} + 30) AS immature,
    as_of
FROM trials AS t
LEFT JOIN decided AS d ON t.subscription_id = d.root
SETTINGS do_not_merge_across_partitions_select_final = 1, max_bytes_before_external_group_by = 1000000000, join_use_nulls = 0, enable_analyzer = 1
COMMENT 'Computes subscription_trials again';

CREATE VIEW IF NOT EXISTS {{ .View "trials_by_month" }}{{ .OnCluster }}
(
    `cohort` Date COMMENT 'First day of the month in which the trials started',
    `currency` LowCardinality(String) COMMENT 'Currency; unknown where none is known',
    `trials` UInt64 COMMENT 'Trials that started in the month',
    `converted` UInt64 COMMENT 'Of these, charged after the trial, plan changes followed',
    `lapsed` UInt64 COMMENT 'Of these, ended without a charge',
    `open` UInt64 COMMENT 'Of these, neither charged nor ended',
    `immature` Bool COMMENT 'Whether one of the open ones is less than 30 days past its end',
    `conversion_rate` Nullable(Float64) COMMENT 'converted / trials; NULL without trials, and of an immature cohort',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
)
AS
WITH (SELECT max(as_of) FROM {{ .View "mrr_movements" }}) AS series_as_of
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
    FROM (SELECT day FROM {{ .Table "analytics_calendar" }} FINAL WHERE toDayOfMonth(day) = 1 AND starts_at < series_as_of) AS d
    CROSS JOIN (SELECT DISTINCT currency FROM {{ .View "mrr_movements" }} WHERE kind = '') AS c
    WHERE d.day >= (SELECT min(month) FROM {{ .View "mrr_movements" }})
) AS m
LEFT JOIN {{ .View "subscription_trials" }} AS t ON t.cohort = m.month AND t.currency = m.currency
GROUP BY cohort, currency
ORDER BY cohort, currency
SETTINGS join_use_nulls = 0
COMMENT 'Trials by the month of their start, and how many were converted';

{{define "subscriptions_at_risk columns" -}}
    `subscription_id` String COMMENT 'The subscription',
    `customer` String COMMENT 'The user, or subscription: and the id',
    `currency` LowCardinality(String) COMMENT 'Currency',
    `autorenew_off` Bool COMMENT 'Whether auto-renew is off',
    `failing` Bool COMMENT 'Whether it is in fail_and_retry',
    `overdue` Bool COMMENT 'Past its period by seven days',
    `in_trial` Bool COMMENT 'Whether it is in a trial, each of which may lapse',
    `trial_ends_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the trial ends; NULL out of a trial',
    `current_period_ends_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When its period ends',
    `mrr` Decimal(18, 4) COMMENT 'Its MRR',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
{{- end -}}
-- Live subscriptions of which something says that they may end.
CREATE TABLE IF NOT EXISTS {{ .View "subscriptions_at_risk" }}{{ .OnCluster }}
(
    {{ template "subscriptions_at_risk columns" }}
)
ENGINE = MergeTree
ORDER BY (currency, subscription_id)
COMMENT 'Live subscriptions with auto-renew off, a failed payment, an overdue period or a trial. Recomputed every five minutes';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "subscriptions_at_risk_refresh" }}{{ .OnCluster }}
REFRESH EVERY 5 MINUTE TO {{ .View "subscriptions_at_risk" }}
(
    {{ template "subscriptions_at_risk columns" }}
)
EMPTY AS
SELECT
    subscription_id, customer, currency, ifNull(NOT autorenew, false) AS autorenew_off, status = 'fail_and_retry' AS failing, overdue, in_trial,
    if(in_trial, s.trial_ends_at, NULL) AS trial_ends_at, current_period_ends_at, mrr, now64(3, 'UTC') AS as_of
FROM {{ .View "subscription_state" }} AS s
WHERE counts AND NOT closed AND status != '' AND (autorenew_off OR failing OR overdue OR in_trial)
    AND subscription_id {{ .Global }}NOT IN
    (
    {{ template "internal" . }}
    )
COMMENT 'Computes the subscriptions at risk';

{{define "promo_codes columns" -}}
    `promo_code` LowCardinality(String) COMMENT 'The code, trimmed and in capitals',
    `currency` LowCardinality(String) COMMENT 'Currency; unknown where none is known',
    `subscriptions` UInt64 COMMENT 'Subscriptions of terms that count with this code in the latest complete traits',
    `redeemed` UInt64 COMMENT 'Of these, without a trial, or charged after it',
    `reserved` UInt64 COMMENT 'Of these, live after a trial without a charge',
    `released` UInt64 COMMENT 'Of these, ended after a trial without a charge',
    `new_customers` UInt64 COMMENT 'Of the redeemed, those of customers without an earlier subscription',
    `live` UInt64 COMMENT 'Of the redeemed, live ones',
    `not_yet_due` UInt64 COMMENT 'Of these, without a second charge',
    `full_price` UInt64 COMMENT 'Of the redeemed, charged the list price or more after the first charge',
    `discounted` UInt64 COMMENT 'Of the redeemed, live at a price below the list price',
    `first_discount` Decimal(38, 4) COMMENT 'Sum of list price - first charge of the redeemed, where it is above zero',
    `charges` Decimal(38, 4) COMMENT 'Sum of the positive values of the redeemed',
    `refunds` Decimal(38, 4) COMMENT 'Sum of the negative values; zero or negative',
    `mrr` Decimal(38, 4) COMMENT 'MRR of the redeemed',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures'
{{- end -}}
-- Subscriptions by promo code, from their charges in order. A code on a trial is reserved
-- until the first charge after it.
CREATE TABLE IF NOT EXISTS {{ .View "promo_codes" }}{{ .OnCluster }}
(
    {{ template "promo_codes columns" }}
)
ENGINE = MergeTree
ORDER BY (promo_code, currency)
COMMENT 'Subscriptions by promo code and currency, and what they were charged. Recomputed every fifteen minutes';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "promo_codes_refresh" }}{{ .OnCluster }}
REFRESH EVERY 15 MINUTE TO {{ .View "promo_codes" }}
(
    {{ template "promo_codes columns" }}
)
EMPTY AS
WITH
    {{ template "month starts" . }},
    {{ template "visible" . }},
    coded AS
    (
        SELECT v.*, c.code AS code
        FROM visible AS v
        INNER JOIN
        (
            SELECT subscription_id, upperUTF8(trimBoth(ifNull(promo_code, ''))) AS code FROM {{ .View "subscription_traits" }} WHERE code != ''
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
                subscription_id, toUnixTimestamp64Milli(event_timestamp) AS at_ms, {{ .Rank }} AS rank, transaction_value AS value,
                ifNull(toUnixTimestamp64Milli(trial_period_ended_at), 0) AS trial_ends_ms
            FROM {{ .Table "subscription_events" }} FINAL
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
COMMENT 'Computes promo_codes again';

{{define "month_closings columns" -}}
    `month` Date COMMENT 'First day of the month',
    `currency` LowCardinality(String) COMMENT 'Currency; empty for customers over all currencies',
    `metric` LowCardinality(String) COMMENT 'Column of mrr_by_month or revenue_by_month, or customers_ and a column of customers_by_month',
    `value` Nullable(Decimal(38, 4)) COMMENT 'The figure; NULL if there is none any more',
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the figures: the row holds from then until the next one of the figure'
{{- end -}}
-- The figures of complete months as they were stated: append-only. A row is added when a
-- month closes, and again when a late event or another correction changes the figure. So a
-- published figure can be found again, by the time at which it was read.
CREATE TABLE IF NOT EXISTS {{ .View "month_closings" }}{{ .OnCluster }}
(
    {{ template "month_closings columns" }}
)
ENGINE = MergeTree
ORDER BY (month, currency, metric, as_of)
COMMENT 'The figures of complete months and each restatement. A row is added, and none is changed: read it through month_figures_as_of';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{ .View "month_closings_refresh" }}{{ .OnCluster }}
REFRESH EVERY 5 MINUTE DEPENDS ON {{ .View "mrr_movements_refresh" }} APPEND TO {{ .View "month_closings" }}
(
    {{ template "month_closings columns" }}
)
EMPTY AS
WITH
    (SELECT max(as_of) FROM {{ .View "mrr_movements" }}) AS figures_as_of,
    figures AS
    (
        SELECT m.month AS month, toString(m.currency) AS currency, figure.1 AS metric, figure.2 AS value
        FROM {{ .View "mrr_by_month" }} AS m
        LEFT JOIN
        (
            SELECT month, currency, sum(charges) AS charges, sum(refunds) AS refunds, sum(charge_count) AS charge_count, sum(refund_count) AS refund_count
            FROM {{ .View "revenue_by_month" }}
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
        FROM {{ .View "customers_by_month" }} AS c
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
        FROM {{ .View "month_closings" }}
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
-- a figure that is new, has changed, or is gone
WHERE figures_as_of > toDateTime64(0, 3, 'UTC')
    AND multiIf(f.metric = '', isNotNull(s.value), s.metric = '', true, ifNull(toString(f.value), '') != ifNull(toString(s.value), ''))
SETTINGS join_use_nulls = 0
COMMENT 'Adds the figures that are new or have changed to month_closings';

CREATE VIEW IF NOT EXISTS {{ .View "month_figures_as_of" }}{{ .OnCluster }}
AS
SELECT month, currency, metric, argMax(tuple(value), as_of).1 AS value, max(as_of) AS stated_at
FROM {{ .View "month_closings" }}
WHERE as_of <= {at:DateTime64(3, 'UTC')}
GROUP BY month, currency, metric
HAVING isNotNull(value)
COMMENT 'The figures of complete months as they were stated at a moment: month_figures_as_of(at = …)';

-- How fresh the data is, and what stream and API disagree about: one row for each thing
-- that has an age, and for each kind of open difference. All rows of a refresh have one time.
CREATE VIEW IF NOT EXISTS {{ .View "freshness" }}{{ .OnCluster }}
(
    `part` LowCardinality(String) COMMENT 'events, state, snapshot, traits, reconciliation, metrics or drift',
    `name` LowCardinality(String) COMMENT 'The table or view; of drift the kind of difference',
    `as_of` Nullable(DateTime64(3, 'UTC')) COMMENT 'Of events the newest synced_at, of drift the last run that saw such a difference, otherwise the time of the figures; NULL without any',
    `age_seconds` Nullable(Int64) COMMENT 'Seconds since as_of',
    `severity` LowCardinality(String) COMMENT 'Of drift: drift, routine or information; empty otherwise',
    `open` UInt64 COMMENT 'Of drift: how many differences are open; 0 otherwise'
)
AS
SELECT part, name, nullIf(at, toDateTime64(0, 3, 'UTC')) AS as_of, dateDiff('second', as_of, now64(3, 'UTC')) AS age_seconds, severity, open
FROM
(
    SELECT 'events' AS part, 'subscription_events' AS name, max(synced_at) AS at, '' AS severity, toUInt64(0) AS open FROM {{ .Table "subscription_events" }}
    UNION ALL
    SELECT 'state', 'subscription_state', ({{ .CompleteTo }}), '', 0
    UNION ALL
    SELECT 'snapshot', 'piano_api_subscriptions', max(as_of), '', 0 FROM {{ .Table "snapshot_runs" }} FINAL WHERE snapshot_id IN ({{ .LatestSnapshot }})
    UNION ALL
    SELECT 'traits', 'subscription_traits', max(as_of), '', 0 FROM {{ .Table "snapshot_runs" }} FINAL WHERE snapshot_id IN ({{ .LatestFile }})
    UNION ALL
    SELECT 'reconciliation', 'reconciliation_runs', ifNull(max(as_of), toDateTime64(0, 3, 'UTC')), '', 0 FROM {{ .Table "reconciliation_runs" }} FINAL WHERE state = 'complete'
{{- range .Marts }}
    UNION ALL
    SELECT 'metrics', '{{ . }}', max(as_of), '', 0 FROM (SELECT as_of FROM {{ $.View . }} LIMIT 1)
{{- end }}
    UNION ALL
    SELECT 'drift', kind, max(last_seen_at), severity, count() FROM {{ .Table "drift" }} FINAL WHERE closed_at IS NULL GROUP BY kind, severity
)
ORDER BY part, name, severity
COMMENT 'How old events, state, snapshots and metrics are, and what stream and API disagree about';
