-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='view') }}
SELECT
    CAST(cohort, 'Date') AS cohort,
    CAST(currency, 'LowCardinality(String)') AS currency,
    CAST(trials, 'UInt64') AS trials,
    CAST(converted, 'UInt64') AS converted,
    CAST(lapsed, 'UInt64') AS lapsed,
    CAST(open, 'UInt64') AS open,
    CAST(immature, 'Bool') AS immature,
    CAST(conversion_rate, 'Nullable(Float64)') AS conversion_rate,
    CAST(as_of, 'DateTime64(3, \'UTC\')') AS as_of
FROM
(
WITH (SELECT max(as_of) FROM {{ ref('mrr_movements') }}) AS series_as_of
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
    FROM (SELECT day FROM {{ source('pianola_inputs', 'analytics_calendar') }} FINAL WHERE toDayOfMonth(day) = 1 AND starts_at < series_as_of) AS d
    CROSS JOIN (SELECT DISTINCT currency FROM {{ ref('mrr_movements') }} WHERE kind = '') AS c
    WHERE d.day >= (SELECT min(month) FROM {{ ref('mrr_movements') }})
) AS m
LEFT JOIN {{ ref('subscription_trials') }} AS t ON t.cohort = m.month AND t.currency = m.currency
GROUP BY cohort, currency
ORDER BY cohort, currency
SETTINGS join_use_nulls = 0
)
