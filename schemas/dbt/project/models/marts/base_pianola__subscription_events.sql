-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='view') }}
SELECT
    subscription_id,
    user_id,
    event_timestamp,
    subscription_action,
    event_name,
    resource_name,
    next_billed_at,
    billing_period,
    term_type,
    term_name,
    transaction_value,
    trial_period_ended_at,
    trial_duration,
    billing_country_code,
    subscription_period_number,
    payment_mode,
    upgrade_to_subscription_id,
    is_internal_user,
    experience_name
FROM {{ source('pianola_inputs', 'subscription_events') }} FINAL
