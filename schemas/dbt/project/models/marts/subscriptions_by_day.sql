-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='view') }}
SELECT
    CAST(day, 'Date') AS day,
    CAST(currency, 'LowCardinality(String)') AS currency,
    CAST(complete, 'Bool') AS complete,
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
WITH (SELECT max(as_of) FROM {{ ref('subscription_day_changes') }}) AS figures_as_of
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
        FROM {{ source('pianola_inputs', 'analytics_calendar') }} FINAL
    ) AS d
    CROSS JOIN (SELECT DISTINCT currency FROM {{ ref('subscription_day_changes') }}) AS c
    LEFT JOIN {{ ref('subscription_day_changes') }} AS v ON v.day = d.day AND v.currency = c.currency
    WHERE d.day >= (SELECT min(day) FROM {{ ref('subscription_day_changes') }}) AND d.starts_at < figures_as_of
    GROUP BY day, currency, ends_at
)
WINDOW by_currency AS (PARTITION BY currency ORDER BY day)
ORDER BY day, currency
SETTINGS join_use_nulls = 0
)
