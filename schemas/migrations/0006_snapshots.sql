-- What Piano's API said: one row a subscription and snapshot. A snapshot counts
-- only once its row in snapshot_runs says that it is complete; until then, and if
-- it never is, no view shows it.
--
-- Partitions: a snapshot each, so that an old or broken one is dropped without
-- touching another. There are a few dozen at most (reconcile.keep).
--
-- Pages shift while they are read, so a subscription may be read more than once:
-- synced_at is the version, and the row read last stays.
--
-- Of an internal user's subscription the id alone is here. The row has to be: one
-- that the API has and the filter drops is neither absent nor missing.
--
-- Index user_id_bloom: support asks for one user.
--
-- What the API does not give is NULL; status is as Piano writes it. Nothing
-- personal is here: ids have been through the guard (contract §2).
CREATE TABLE IF NOT EXISTS {{ .Stored "subscription_snapshots" }}{{ .OnCluster }}
(
    `snapshot_id` UUID COMMENT 'The snapshot' CODEC(ZSTD(1)),
    `subscription_id` String COMMENT 'The subscription' CODEC(ZSTD(1)),
    `user_id` String COMMENT 'The subscriber; empty when the API named none' CODEC(ZSTD(1)),
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it started' CODEC(Delta(8), ZSTD(1)),
    `billing_period` LowCardinality(Nullable(String)) COMMENT 'Length of a billing period, such as 1 month; NULL when the plan names no period or cannot be parsed' CODEC(ZSTD(1)),
    `subscription_status` LowCardinality(String) COMMENT 'Status as Piano names it; deleted where it is a tombstone' CODEC(ZSTD(1)),
    `term_type` LowCardinality(Nullable(String)) COMMENT 'Kind of term, such as payment, dynamic or gift' CODEC(ZSTD(1)),
    `regular_price` Nullable(Decimal(18, 4)) COMMENT 'Recurring price of a period, exact' CODEC(ZSTD(1)),
    `autorenew` Nullable(Bool) COMMENT 'Whether it renews by itself' CODEC(ZSTD(1)),
    `autorenew_disabled_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When auto-renew was turned off; the API does not tell, the export does' CODEC(Delta(8), ZSTD(1)),
    `expiry_reason` LowCardinality(Nullable(String)) COMMENT 'Why it ended, derived from the status; NULL while it lives' CODEC(ZSTD(1)),
    `currency` LowCardinality(Nullable(String)) COMMENT 'Currency of the price, three capitals; NULL where the plan names none' CODEC(ZSTD(1)),
    `next_bill_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Next charge' CODEC(Delta(8), ZSTD(1)),
    `ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it ended or will end' CODEC(Delta(8), ZSTD(1)),
    `tombstone` Bool COMMENT 'The API no longer has it: it was absent from two complete snapshots in a row' CODEC(ZSTD(1)),
    `filtered` Bool COMMENT 'Of an internal user by the configured lists: the id alone is kept, and nothing shows or compares it' CODEC(ZSTD(1)),
    `unreadable` Bool COMMENT 'The row of the API had another form than expected: only the id is kept, and nothing shows or compares it' CODEC(ZSTD(1)),
    `synced_at` DateTime64(3, 'UTC') COMMENT 'When the row was read; the sync timestamp' CODEC(Delta(8), ZSTD(1)),
    INDEX user_id_bloom user_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{ .Engine "ReplacingMergeTree" "synced_at" }}
PARTITION BY snapshot_id
ORDER BY (snapshot_id, subscription_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'One row a subscription and snapshot of Piano''s API. Holds incomplete snapshots too: read the view piano_api_subscriptions';
{{ .Distributed "subscription_snapshots" "murmurHash3_64(subscription_id)" }}

-- One row a state of a snapshot: begun, complete, failed, dropped. The last one
-- written counts.
CREATE TABLE IF NOT EXISTS {{ .Stored "snapshot_runs" }}{{ .OnCluster }}
(
    `snapshot_id` UUID COMMENT 'The snapshot' CODEC(ZSTD(1)),
    `source` LowCardinality(String) COMMENT 'api, csv, or get: answers about single subscriptions, which are never complete' CODEC(ZSTD(1)),
    `state` LowCardinality(String) COMMENT 'begun, complete, failed, or dropped: its rows have been removed' CODEC(ZSTD(1)),
    `as_of` DateTime64(3, 'UTC') COMMENT 'The moment that it describes: when reading began, or what was said of a file' CODEC(ZSTD(1)),
    `completed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the last page or line was in' CODEC(ZSTD(1)),
    `pages` UInt64 COMMENT 'Pages read; 0 for a file' CODEC(ZSTD(1)),
    `rows` UInt64 COMMENT 'Subscriptions stored, tombstones and filtered ones not counted' CODEC(ZSTD(1)),
    `filtered` UInt64 COMMENT 'Subscriptions of internal users: by the configured lists, or because the stream has filtered events of theirs' CODEC(ZSTD(1)),
    `repeated` UInt64 COMMENT 'Times that a subscription was read once more because pages shifted' CODEC(ZSTD(1)),
    `unread_plans` UInt64 COMMENT 'Billing plans that the grammar does not know' CODEC(ZSTD(1)),
    `unreadable` UInt64 COMMENT 'Of the subscriptions stored, those whose row had another form than expected' CODEC(ZSTD(1)),
    `without_id` UInt64 COMMENT 'Rows whose subscription could not be read at all; they are not stored' CODEC(ZSTD(1)),
    `tombstones` UInt64 COMMENT 'Subscriptions that the API no longer has' CODEC(ZSTD(1)),
    `whole` Bool COMMENT 'It has every subscription, as far as is known: the API always; a file that lacks at most 2 % of what the whole snapshot before it had. Set once complete' CODEC(ZSTD(1)),
    `tombstones_withheld` UInt64 COMMENT 'Subscriptions that would have got a tombstone, had there not been too many of them: an alarm' CODEC(ZSTD(1)),
    `problem` String COMMENT 'Why it failed; empty otherwise' CODEC(ZSTD(1)),
    `instance` LowCardinality(String) COMMENT 'Which process read it' CODEC(ZSTD(1)),
    `written_at` DateTime64(3, 'UTC') COMMENT 'When this state was written; the last one counts' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "written_at" }}
ORDER BY snapshot_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The outcome of every snapshot of Piano''s API. May hold several states of one: read it with FINAL';
{{ .Distributed "snapshot_runs" "murmurHash3_64(snapshot_id)" }}

-- The thirty traits of a subscription-log export that customers sync, beside the
-- ten columns of the snapshot that the same file became. Everything else of the
-- file, all that is personal among it, is dropped while reading. Traits are kept
-- as the file writes them but for instants, flags and amounts.
--
-- Stored like the snapshot, and as little to be read by itself: a file that is still
-- being read, or never was to its end, is here too. The view subscription_traits
-- shows what counts.
CREATE TABLE IF NOT EXISTS {{ .Stored "subscription_snapshot_traits" }}{{ .OnCluster }}
(
    `snapshot_id` UUID COMMENT 'The snapshot that the file became' CODEC(ZSTD(1)),
    `subscription_id` String COMMENT 'Subscription ID' CODEC(ZSTD(1)),
    `created_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Create date' CODEC(Delta(8), ZSTD(1)),
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Start date' CODEC(Delta(8), ZSTD(1)),
    `ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'End date' CODEC(Delta(8), ZSTD(1)),
    `days_subscribed` Nullable(Int32) COMMENT 'Days subscribed' CODEC(ZSTD(1)),
    `subscription_status` LowCardinality(Nullable(String)) COMMENT 'Subscription status' CODEC(ZSTD(1)),
    `upgrade_status` LowCardinality(Nullable(String)) COMMENT 'Upgrade status' CODEC(ZSTD(1)),
    `trial_status` LowCardinality(Nullable(String)) COMMENT 'Trial status' CODEC(ZSTD(1)),
    `trial_period_ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Trial period end date' CODEC(Delta(8), ZSTD(1)),
    `autorenew` Nullable(Bool) COMMENT 'Auto-renew' CODEC(ZSTD(1)),
    `autorenew_disabled_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Auto-renew disablement date' CODEC(Delta(8), ZSTD(1)),
    `billing_period` LowCardinality(Nullable(String)) COMMENT 'Billing period' CODEC(ZSTD(1)),
    `total_charged` Nullable(Decimal(18, 4)) COMMENT 'Total charged' CODEC(ZSTD(1)),
    `next_billed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Next billing date' CODEC(Delta(8), ZSTD(1)),
    `renewed` LowCardinality(Nullable(String)) COMMENT 'Renewed' CODEC(ZSTD(1)),
    `in_grace_period` Nullable(Bool) COMMENT 'Currently in grace period' CODEC(ZSTD(1)),
    `grace_period_started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Grace period start date' CODEC(Delta(8), ZSTD(1)),
    `grace_period_extended_to` Nullable(DateTime64(3, 'UTC')) COMMENT 'Grace period extended to' CODEC(Delta(8), ZSTD(1)),
    `user_id` String COMMENT 'User ID (UID); empty when the file named none' CODEC(ZSTD(1)),
    `access_expires_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Access expiration date' CODEC(Delta(8), ZSTD(1)),
    `resource_id` LowCardinality(Nullable(String)) COMMENT 'Resource ID (RID)' CODEC(ZSTD(1)),
    `resource_name` LowCardinality(Nullable(String)) COMMENT 'Resource name' CODEC(ZSTD(1)),
    `term_id` LowCardinality(Nullable(String)) COMMENT 'Term ID' CODEC(ZSTD(1)),
    `term_name` LowCardinality(Nullable(String)) COMMENT 'Term name' CODEC(ZSTD(1)),
    `term_type` LowCardinality(Nullable(String)) COMMENT 'Term type' CODEC(ZSTD(1)),
    `template_id` LowCardinality(Nullable(String)) COMMENT 'Template ID' CODEC(ZSTD(1)),
    `template_name` LowCardinality(Nullable(String)) COMMENT 'Template name' CODEC(ZSTD(1)),
    `offer_id` LowCardinality(Nullable(String)) COMMENT 'Offer ID' CODEC(ZSTD(1)),
    `offer_name` LowCardinality(Nullable(String)) COMMENT 'Offer name' CODEC(ZSTD(1)),
    `promo_code` LowCardinality(Nullable(String)) COMMENT 'Promo code' CODEC(ZSTD(1)),
    `synced_at` DateTime64(3, 'UTC') COMMENT 'When the row was read; the sync timestamp' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "synced_at" }}
PARTITION BY snapshot_id
ORDER BY (snapshot_id, subscription_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The thirty synced traits of a subscription-log export, one row a subscription and file. Holds incomplete files too: read the view subscription_traits';
{{ .Distributed "subscription_snapshot_traits" "murmurHash3_64(subscription_id)" }}

-- The documented snapshot: its ten columns in their order, and synced_at, of the
-- complete snapshot of the latest moment. A snapshot from the future (a
-- clock was ahead) is not shown until then. A file that is known to be of
-- some subscriptions only does not take the place of a whole snapshot; where no whole
-- one is kept, the latest file is better than nothing.
CREATE VIEW IF NOT EXISTS {{ .View "piano_api_subscriptions" }}{{ .OnCluster }}
(
    `subscription_id` String COMMENT 'The subscription',
    `user_id` String COMMENT 'The subscriber; empty when the API named none',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it started, UTC',
    `billing_period` LowCardinality(Nullable(String)) COMMENT 'Length of a billing period; NULL when the plan names no period or cannot be parsed',
    `subscription_status` LowCardinality(String) COMMENT 'Status as Piano names it; deleted when the API no longer has it',
    `term_type` LowCardinality(Nullable(String)) COMMENT 'Kind of term, such as payment, dynamic or gift',
    `regular_price` Nullable(Float64) COMMENT 'Recurring price of a period. The table subscription_snapshots has it exact, and its currency',
    `autorenew` Nullable(Bool) COMMENT 'Whether it renews by itself',
    `autorenew_disabled_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When auto-renew was turned off, where that is known',
    `expiry_reason` LowCardinality(Nullable(String)) COMMENT 'Why it ended, derived from the status; NULL while it lives',
    `synced_at` DateTime64(3, 'UTC') COMMENT 'When the row was read, UTC; the sync timestamp'
)
AS
SELECT
    subscription_id,
    user_id,
    started_at,
    billing_period,
    subscription_status,
    term_type,
    toFloat64(regular_price) AS regular_price,
    autorenew,
    autorenew_disabled_at,
    expiry_reason,
    synced_at
FROM {{ .Table "subscription_snapshots" }} FINAL
WHERE snapshot_id GLOBAL IN ({{ .LatestSnapshot }})
AND NOT filtered AND NOT unreadable
AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM {{ .View "internal_subscriptions" }})
COMMENT 'Piano API Subscriptions: the ten documented columns and synced_at of the latest complete snapshot; a file of some subscriptions only does not displace a whole one';

-- The thirty traits and synced_at, of the complete file of the latest
-- moment, chosen among files as the view above chooses: one row a subscription, without
-- those of internal users. A subscription may come twice in a file, and be an internal
-- user's only the second time.
CREATE VIEW IF NOT EXISTS {{ .View "subscription_traits" }}{{ .OnCluster }}
(
    `subscription_id` String COMMENT 'Subscription ID',
    `created_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Create date',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Start date',
    `ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'End date',
    `days_subscribed` Nullable(Int32) COMMENT 'Days subscribed',
    `subscription_status` LowCardinality(Nullable(String)) COMMENT 'Subscription status',
    `upgrade_status` LowCardinality(Nullable(String)) COMMENT 'Upgrade status',
    `trial_status` LowCardinality(Nullable(String)) COMMENT 'Trial status',
    `trial_period_ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Trial period end date',
    `autorenew` Nullable(Bool) COMMENT 'Auto-renew',
    `autorenew_disabled_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Auto-renew disablement date',
    `billing_period` LowCardinality(Nullable(String)) COMMENT 'Billing period',
    `total_charged` Nullable(Decimal(18, 4)) COMMENT 'Total charged',
    `next_billed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Next billing date',
    `renewed` LowCardinality(Nullable(String)) COMMENT 'Renewed',
    `in_grace_period` Nullable(Bool) COMMENT 'Currently in grace period',
    `grace_period_started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Grace period start date',
    `grace_period_extended_to` Nullable(DateTime64(3, 'UTC')) COMMENT 'Grace period extended to',
    `user_id` String COMMENT 'User ID (UID); empty when the file named none',
    `access_expires_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Access expiration date',
    `resource_id` LowCardinality(Nullable(String)) COMMENT 'Resource ID (RID)',
    `resource_name` LowCardinality(Nullable(String)) COMMENT 'Resource name',
    `term_id` LowCardinality(Nullable(String)) COMMENT 'Term ID',
    `term_name` LowCardinality(Nullable(String)) COMMENT 'Term name',
    `term_type` LowCardinality(Nullable(String)) COMMENT 'Term type',
    `template_id` LowCardinality(Nullable(String)) COMMENT 'Template ID',
    `template_name` LowCardinality(Nullable(String)) COMMENT 'Template name',
    `offer_id` LowCardinality(Nullable(String)) COMMENT 'Offer ID',
    `offer_name` LowCardinality(Nullable(String)) COMMENT 'Offer name',
    `promo_code` LowCardinality(Nullable(String)) COMMENT 'Promo code',
    `synced_at` DateTime64(3, 'UTC') COMMENT 'When the row was read, UTC; the sync timestamp'
)
AS
WITH latest AS ({{ .LatestFile }})
SELECT
    subscription_id,
    created_at,
    started_at,
    ended_at,
    days_subscribed,
    subscription_status,
    upgrade_status,
    trial_status,
    trial_period_ended_at,
    autorenew,
    autorenew_disabled_at,
    billing_period,
    total_charged,
    next_billed_at,
    renewed,
    in_grace_period,
    grace_period_started_at,
    grace_period_extended_to,
    user_id,
    access_expires_at,
    resource_id,
    resource_name,
    term_id,
    term_name,
    term_type,
    template_id,
    template_name,
    offer_id,
    offer_name,
    promo_code,
    synced_at
FROM {{ .Table "subscription_snapshot_traits" }} FINAL
WHERE snapshot_id GLOBAL IN (SELECT snapshot_id FROM latest)
AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM {{ .Table "subscription_snapshots" }} FINAL WHERE filtered AND snapshot_id GLOBAL IN (SELECT snapshot_id FROM latest))
AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM {{ .View "internal_subscriptions" }})
COMMENT 'The thirty synced traits and synced_at of the latest complete subscription-log export; one of some subscriptions only does not displace a whole one';
