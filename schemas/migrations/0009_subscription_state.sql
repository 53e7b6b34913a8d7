-- The state of each subscription, from its events. The rules are queries/state.sql,
-- which reconciliation uses too, at the moment of a snapshot.
CREATE VIEW IF NOT EXISTS {{ .View "subscription_state" }}{{ .OnCluster }}
(
    `subscription_id` String COMMENT 'The subscription',
    `user_id` String COMMENT 'The subscriber that its latest event names; empty when none does',
    `status` LowCardinality(String) COMMENT 'active, fail_and_retry, expired, expired_with_error, cancelled or upgraded; empty when no event says',
    `closed` Bool COMMENT 'Whether it has ended: expired, expired_with_error, cancelled or upgraded',
    `autorenew` Nullable(Bool) COMMENT 'Whether it renews by itself; NULL when no event says',
    `autorenew_disabled_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When auto-renew was turned off the last time, unless it is on again',
    `in_trial` Bool COMMENT 'Whether it is in a trial',
    `trial_ends_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When its trial ends or ended',
    `failed_payments` UInt32 COMMENT 'Failed payments since the last one that came through',
    `failed_since` Nullable(DateTime64(3, 'UTC')) COMMENT 'The first of these',
    `last_failed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The last failed payment of all',
    `current_period_ends_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The latest next billing date of an event; never a retry date',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it started; NULL when that was before the stream',
    `ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it ended',
    `end_reason` LowCardinality(Nullable(String)) COMMENT 'payment_failed, plan_change, cancelled, trial_not_converted, auto_renew_off or unknown; NULL while it lives',
    `term_type` LowCardinality(Nullable(String)) COMMENT 'Kind of term, the latest known',
    `billing_period` LowCardinality(Nullable(String)) COMMENT 'Length of a billing period, the latest known',
    `price` Nullable(Decimal(18, 4)) COMMENT 'Amount of the last recurring payment in the events, exact, without a currency',
    `change_pending` Bool COMMENT 'Whether it waits for the subscription that takes over',
    `change_to_subscription_id` Nullable(String) COMMENT 'That subscription',
    `overdue` Bool COMMENT 'Past its period by seven days, and not ended',
    `partial` Bool COMMENT 'Whether its Created is not among the events',
    `events` UInt64 COMMENT 'How many events it has',
    `first_event_at` DateTime64(3, 'UTC') COMMENT 'The first of them',
    `last_event_at` DateTime64(3, 'UTC') COMMENT 'The last of them',
    `synced_at` DateTime64(3, 'UTC') COMMENT 'When the one that came last was written; the sync timestamp'
)
AS
{{ .State "now64(3, 'UTC')" "" }}
COMMENT 'The state that follows from the events, one row a subscription';
