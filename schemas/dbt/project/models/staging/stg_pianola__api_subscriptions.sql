-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(materialized='view', enabled=var('pianola_api', true) | as_bool) }}
SELECT
    nullIf(source.subscription_id, '') AS subscription_id,
    nullIf(source.user_id, '') AS user_id,
    source.started_at AS started_at,
    source.billing_period AS billing_period,
    nullIf(source.subscription_status, '') AS subscription_status,
    source.term_type AS term_type,
    source.regular_price AS regular_price,
    source.autorenew AS autorenew,
    source.autorenew_disabled_at AS autorenew_disabled_at,
    source.expiry_reason AS expiry_reason,
    source.synced_at AS synced_at
FROM {{ source('pianola', 'piano_api_subscriptions') }} AS source
