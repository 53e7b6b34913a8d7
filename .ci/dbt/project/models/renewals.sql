{{ config(materialized='table', engine='MergeTree', order_by='event_id') }}
-- Common table expressions and joins are in most models. With grants of columns ClickHouse
-- creates them over staging models, and not over sources.
WITH
    renewed AS
    (
        SELECT event_id, subscription_id, event_timestamp, transaction_value
        FROM {{ ref('pianola', 'stg_pianola__events') }}
        WHERE subscription_action = 'Renewed' AND subscription_id IS NOT NULL
    ),
    states AS (SELECT subscription_id, currency FROM {{ ref('pianola', 'stg_pianola__subscription_state') }})
SELECT r.event_id AS event_id, r.subscription_id AS subscription_id, r.event_timestamp AS event_timestamp, r.transaction_value AS transaction_value, s.currency AS currency
FROM renewed AS r
INNER JOIN states AS s ON r.subscription_id = s.subscription_id
