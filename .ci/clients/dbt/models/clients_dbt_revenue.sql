{{ config(materialized='table', engine='MergeTree', order_by='month') }}
SELECT toStartOfMonth(event_timestamp) AS month, sum(transaction_value) AS revenue
FROM {{ ref('clients_dbt_renewals') }}
GROUP BY month
