-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='view') }}
SELECT
    CAST(month, 'Date') AS month,
    CAST(complete, 'Bool') AS complete,
    CAST(opening, 'Int64') AS opening,
    CAST(new, 'UInt64') AS new,
    CAST(discovered, 'UInt64') AS discovered,
    CAST(reactivated, 'UInt64') AS reactivated,
    CAST(churned, 'UInt64') AS churned,
    CAST(churned_voluntary, 'UInt64') AS churned_voluntary,
    CAST(churned_involuntary, 'UInt64') AS churned_involuntary,
    CAST(churned_unknown, 'UInt64') AS churned_unknown,
    CAST(closing, 'Int64') AS closing,
    CAST(churn_rate, 'Nullable(Float64)') AS churn_rate,
    CAST(as_of, 'DateTime64(3, \'UTC\')') AS as_of
FROM
(
WITH
    (SELECT max(as_of) FROM {{ ref('mrr_movements') }}) AS figures_as_of,
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
        FROM (SELECT month, any(complete) AS complete FROM {{ ref('mrr_by_month') }} GROUP BY month) AS m
        LEFT JOIN {{ ref('mrr_movements') }} AS v ON v.month = m.month
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
)
