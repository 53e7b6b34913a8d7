{{ config(materialized='incremental', engine='MergeTree', order_by='event_timestamp', incremental_strategy='append') }}
SELECT subscription_id, event_timestamp, subscription_action, {{ is_incremental() }} AS is_increment
FROM {{ source('piano', 'piano_subscriber_event_stream') }}
{% if is_incremental() %}
-- The last event is read again, so that an increment adds one row.
WHERE event_timestamp >= (SELECT max(event_timestamp) FROM {{ this }})
{% endif %}
