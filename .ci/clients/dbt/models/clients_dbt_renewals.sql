{{ config(materialized='view') }}
SELECT subscription_id, event_timestamp, transaction_value
FROM {{ source('piano', 'piano_subscriber_event_stream') }}
WHERE subscription_action = 'subscription_renewed'
