-- Rows where tables are not what the events of the run say.
{% set increments = env_var('CLIENTS_INCREMENTS') %}
SELECT 'revenue' AS what, groupArray((month, revenue))::String AS got FROM {{ ref('clients_dbt_revenue') }}
HAVING groupArray((month, revenue)) != [(toDate('2026-02-01'), 12.5)]
UNION ALL
SELECT 'events', concat(countIf(NOT is_increment)::String, ' and ', countIf(is_increment)::String) FROM {{ ref('clients_dbt_events') }}
HAVING countIf(NOT is_increment) != 2 OR countIf(is_increment) != {{ increments }}
