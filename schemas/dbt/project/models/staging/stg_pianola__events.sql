-- Printed by `pianola schema dbt`. Do not edit: print it again after an upgrade.
{{ config(materialized='view') }}
SELECT
    reinterpretAsUUID(murmurHash3_128(concat(source.subscription_id, char(31), toString(toUnixTimestamp64Milli(source.event_timestamp)), char(31), source.subscription_action))) AS event_id,
    nullIf(source.subscription_id, '') AS subscription_id,
    nullIf(source.user_id, '') AS user_id,
    source.event_timestamp AS event_timestamp,
    nullIf(source.subscription_action, '') AS subscription_action,
    source.event_name AS event_name,
    source.resource_name AS resource_name,
    source.next_billed_at AS next_billed_at,
    source.billing_period AS billing_period,
    source.term_type AS term_type,
    source.term_name AS term_name,
    source.transaction_value AS transaction_value,
    source.trial_period_ended_at AS trial_period_ended_at,
    source.trial_duration AS trial_duration,
    source.billing_country_code AS billing_country_code,
    source.subscription_period_number AS subscription_period_number,
    source.payment_mode AS payment_mode,
    source.upgrade_to_subscription_id AS upgrade_to_subscription_id,
{%- if var('pianola_email_hash', false) | as_bool %}
    source.user_email_hash_sha256 AS user_email_hash_sha256,
{%- endif %}
    source.is_internal_user AS is_internal_user,
    source.experience_name AS experience_name,
    source.synced_at AS synced_at
FROM {{ source('pianola', 'piano_subscriber_event_stream') }} AS source
