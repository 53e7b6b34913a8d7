-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='view') }}
SELECT
    subscription_id,
    promo_code
FROM {{ source('pianola_inputs', 'subscription_traits') }}
