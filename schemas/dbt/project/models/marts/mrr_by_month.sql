-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='view') }}
-- Every month and currency from the first event to the time of the figures.
-- ltv: ARPU ÷ the mean churn rate of the last three complete months, as one fraction of
-- integers, rounded once.
SELECT
    CAST(month, 'Date') AS month,
    CAST(currency, 'LowCardinality(String)') AS currency,
    CAST(complete, 'Bool') AS complete,
    CAST(opening_mrr, 'Decimal(38, 4)') AS opening_mrr,
    CAST(new_mrr, 'Decimal(38, 4)') AS new_mrr,
    CAST(discovered_mrr, 'Decimal(38, 4)') AS discovered_mrr,
    CAST(reactivation_mrr, 'Decimal(38, 4)') AS reactivation_mrr,
    CAST(expansion_mrr, 'Decimal(38, 4)') AS expansion_mrr,
    CAST(contraction_mrr, 'Decimal(38, 4)') AS contraction_mrr,
    CAST(churned_mrr, 'Decimal(38, 4)') AS churned_mrr,
    CAST(churned_voluntary_mrr, 'Decimal(38, 4)') AS churned_voluntary_mrr,
    CAST(churned_involuntary_mrr, 'Decimal(38, 4)') AS churned_involuntary_mrr,
    CAST(churned_unknown_mrr, 'Decimal(38, 4)') AS churned_unknown_mrr,
    CAST(closing_mrr, 'Decimal(38, 4)') AS closing_mrr,
    CAST(overdue_mrr, 'Decimal(38, 4)') AS overdue_mrr,
    CAST(opening_customers, 'Int64') AS opening_customers,
    CAST(new_customers, 'UInt64') AS new_customers,
    CAST(discovered_customers, 'UInt64') AS discovered_customers,
    CAST(reactivated_customers, 'UInt64') AS reactivated_customers,
    CAST(expanded_customers, 'UInt64') AS expanded_customers,
    CAST(contracted_customers, 'UInt64') AS contracted_customers,
    CAST(churned_customers, 'UInt64') AS churned_customers,
    CAST(closing_customers, 'Int64') AS closing_customers,
    CAST(arpu, 'Nullable(Decimal(38, 4))') AS arpu,
    CAST(ltv, 'Nullable(Decimal(38, 4))') AS ltv,
    CAST(as_of, 'DateTime64(3, \'UTC\')') AS as_of
FROM
(
WITH
    (SELECT max(as_of) FROM {{ ref('mrr_movements') }}) AS figures_as_of,
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
            FROM {{ source('pianola_inputs', 'analytics_calendar') }} FINAL
            WHERE toDayOfMonth(day) = 1
        ) AS m
        CROSS JOIN (SELECT DISTINCT currency FROM {{ ref('mrr_movements') }} WHERE kind = '') AS c
        LEFT JOIN {{ ref('mrr_movements') }} AS v ON v.month = m.month AND v.currency = c.currency
        WHERE m.month >= (SELECT min(month) FROM {{ ref('mrr_movements') }}) AND m.starts_at < figures_as_of
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
            SELECT toStartOfMonth(day) AS month, currency, sum(overdue_mrr) AS change FROM {{ ref('subscription_day_changes') }} GROUP BY month, currency
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
)
