-- Every version of the rule of a promotion that was read from Piano. Promotions can be
-- edited, so a version is added each time when one differs from the last.
--
-- Small and never dropped. The code of a promotion whose code works once is not here.
CREATE TABLE IF NOT EXISTS {{ .Stored "promotion_rules" }}{{ .OnCluster }}
(
    `promotion_id` String COMMENT 'The promotion' CODEC(ZSTD(1)),
    `promotion_name` String COMMENT 'Its name; an address in it is replaced by its hash' CODEC(ZSTD(1)),
    `fixed_code` String COMMENT 'The code of a promotion with one code for all, trimmed and in capitals; empty otherwise, and where the code works once' CODEC(ZSTD(1)),
    `code_prefix` String COMMENT 'What its generated codes begin with, in capitals; empty otherwise' CODEC(ZSTD(1)),
    `discount_type` LowCardinality(String) COMMENT 'percentage or fixed' CODEC(ZSTD(1)),
    `percentage` Nullable(Decimal(18, 4)) COMMENT 'Percent off; NULL of a fixed discount' CODEC(ZSTD(1)),
    `fixed_discounts` Array(Tuple(currency LowCardinality(String), amount Decimal(18, 4))) COMMENT 'Amount off by currency; empty of a percentage' CODEC(ZSTD(1)),
    `discounted_periods` Nullable(UInt32) COMMENT 'How many billing periods are discounted; NULL for all' CODEC(ZSTD(1)),
    `new_customers_only` Bool COMMENT 'Whether it is for people without an earlier purchase' CODEC(ZSTD(1)),
    `on_renewal` Bool COMMENT 'Whether its codes may be used when a subscription renews' CODEC(ZSTD(1)),
    `never_zero` Bool COMMENT 'Whether the price stays above zero' CODEC(ZSTD(1)),
    `scope` LowCardinality(String) COMMENT 'all, include (listed terms) or unlocked (terms that only the code opens)' CODEC(ZSTD(1)),
    `uses_allowed` Nullable(UInt64) COMMENT 'How often its codes may be used in all; NULL for unlimited' CODEC(ZSTD(1)),
    `starts_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it starts; NULL without a limit' CODEC(ZSTD(1)),
    `ends_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it ends; NULL without a limit' CODEC(ZSTD(1)),
    `is_removed` Bool COMMENT 'Whether Piano marks it as deleted' CODEC(ZSTD(1)),
    `valid_from` DateTime64(3, 'UTC') COMMENT 'When this version was read the first time' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" }}
ORDER BY (promotion_id, valid_from)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every version of the rules of promotions that was read from Piano; the last one of a promotion holds now';
{{ .Distributed "promotion_rules" "murmurHash3_64(promotion_id)" }}

-- Conversions with a promo code, from Piano's list. No user, no payment method, no place.
--
-- Replaced by conversion_id: a code that was reserved may be used later. The row with an
-- empty conversion_id says that a read ended: it is written last.
CREATE TABLE IF NOT EXISTS {{ .Stored "promo_conversions" }}{{ .OnCluster }}
(
    `conversion_id` String COMMENT 'The conversion in Piano; empty of the row that says when a read last ended' CODEC(ZSTD(1)),
    `conversion_type` LowCardinality(String) COMMENT 'Type of the conversion in Piano' CODEC(ZSTD(1)),
    `promotion_id` String COMMENT 'The promotion; empty where Piano names none' CODEC(ZSTD(1)),
    `promo_code_id` String COMMENT 'The code in Piano' CODEC(ZSTD(1)),
    `promo_code` String COMMENT 'Its text, trimmed and in capitals; empty unless it has been redeemed' CODEC(ZSTD(1)),
    `code_state` LowCardinality(String) COMMENT 'used; reserved_for_free_trial or reserved_for_delayed_payment: no redemption yet; active: the code can be used again' CODEC(ZSTD(1)),
    `subscription_id` String COMMENT 'The subscription; empty of a purchase without one' CODEC(ZSTD(1)),
    `is_renewal` Bool COMMENT 'Whether it is a renewal' CODEC(ZSTD(1)),
    `original_price` Nullable(Decimal(18, 4)) COMMENT 'Price before the discount; NULL where Piano gives no number' CODEC(ZSTD(1)),
    `amount` Nullable(Decimal(18, 4)) COMMENT 'What was charged; NULL where Piano gives none' CODEC(ZSTD(1)),
    `currency` LowCardinality(String) COMMENT 'Currency; empty where Piano gives none' CODEC(ZSTD(1)),
    `created_at` DateTime64(3, 'UTC') COMMENT 'When it happened' CODEC(Delta(8), ZSTD(1)),
    `read_at` DateTime64(3, 'UTC') COMMENT 'When it was read; the last reading counts' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "read_at" }}
ORDER BY conversion_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Conversions with a promo code as Piano lists them, without personal data. May hold several readings of one: read it with FINAL';
{{ .Distributed "promo_conversions" "murmurHash3_64(conversion_id)" }}

-- Each materialisation of a segment. A process that dies leaves it begun; readers use the
-- latest complete one.
CREATE TABLE IF NOT EXISTS {{ .Stored "segment_runs" }}{{ .OnCluster }}
(
    `run_id` UUID COMMENT 'The materialisation' CODEC(ZSTD(1)),
    `segment` String COMMENT 'Name and parameters of the segment, such as ended?days=30' CODEC(ZSTD(1)),
    `state` LowCardinality(String) COMMENT 'begun, complete, failed or dropped' CODEC(ZSTD(1)),
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time of the state of subscriptions that it shows' CODEC(ZSTD(1)),
    `users` UInt64 COMMENT 'Its users' CODEC(ZSTD(1)),
    `without_user` UInt64 COMMENT 'Subscriptions that match and name no user; they are not in it' CODEC(ZSTD(1)),
    `started_at` DateTime64(3, 'UTC') COMMENT 'When it began' CODEC(ZSTD(1)),
    `completed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was complete; NULL before' CODEC(ZSTD(1)),
    `instance` LowCardinality(String) COMMENT 'Which process' CODEC(ZSTD(1)),
    `written_at` DateTime64(3, 'UTC') COMMENT 'When this state was written; the last one counts' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "written_at" }}
ORDER BY run_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every materialisation of a segment. May hold several states of one: read it with FINAL';
{{ .Distributed "segment_runs" "cityHash64(run_id)" }}

-- Who is in a segment. Partitioned by the materialisation, so that an old one is dropped as
-- a whole.
CREATE TABLE IF NOT EXISTS {{ .Stored "segment_members" }}{{ .OnCluster }}
(
    `run_id` UUID COMMENT 'The materialisation' CODEC(ZSTD(1)),
    `user_id` String COMMENT 'The subscriber' CODEC(ZSTD(1)),
    `subscription_id` String COMMENT 'The subscription by which the user is in it, the latest one' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" }}
PARTITION BY run_id
ORDER BY (run_id, user_id)
COMMENT 'The users of each materialisation of a segment. Holds incomplete ones too: segment_runs says which are complete';
{{ .Distributed "segment_members" "murmurHash3_64(user_id)" }}

-- Experiments. A row is written once: arms and weights never change, else people would
-- change their arm.
CREATE TABLE IF NOT EXISTS {{ .Stored "experiments" }}{{ .OnCluster }}
(
    `experiment_id` String COMMENT 'Name of the experiment' CODEC(ZSTD(1)),
    `segment` String COMMENT 'Name and parameters of the segment whose users are assigned' CODEC(ZSTD(1)),
    `arms` Array(Tuple(name String, weight UInt32, promotion_id String)) COMMENT 'The arms; the first is the control arm, which has no promotion' CODEC(ZSTD(1)),
    `salt` String COMMENT 'Random key of the assignment, 32 hexadecimal digits: it makes experiments independent' CODEC(ZSTD(1)),
    `conversion_days` UInt32 COMMENT 'Days after the assignment in which a conversion counts' CODEC(ZSTD(1)),
    `renewal_days` UInt32 COMMENT 'Days after the assignment in which revenue and full-price renewals count' CODEC(ZSTD(1)),
    `baseline` Float64 COMMENT 'Conversion rate that was expected of the control arm' CODEC(ZSTD(1)),
    `target` Float64 COMMENT 'Conversion rate that was to be found' CODEC(ZSTD(1)),
    `alpha` Float64 COMMENT 'Chance of a result where nothing differs' CODEC(ZSTD(1)),
    `power` Float64 COMMENT 'Chance of a result where the rates are these' CODEC(ZSTD(1)),
    `planned` Array(UInt64) COMMENT 'People that each arm needs' CODEC(ZSTD(1)),
    `created_by` LowCardinality(String) COMMENT 'Who created it, as given or as the system names the user' CODEC(ZSTD(1)),
    `created_at` DateTime64(3, 'UTC') COMMENT 'When' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" }}
ORDER BY (experiment_id, created_at, salt)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Experiments with promo codes. A name with several rows was created twice at once, and is refused';
{{ .Distributed "experiments" "murmurHash3_64(experiment_id)" }}

-- Who is in which arm, since when. The arm follows from salt, experiment and user, so a
-- second row of a user has the same arm, and the earliest one counts.
CREATE TABLE IF NOT EXISTS {{ .Stored "experiment_assignments" }}{{ .OnCluster }}
(
    `experiment_id` String COMMENT 'The experiment' CODEC(ZSTD(1)),
    `user_id` String COMMENT 'The subscriber' CODEC(ZSTD(1)),
    `arm` LowCardinality(String) COMMENT 'Name of the arm' CODEC(ZSTD(1)),
    `assigned_at` DateTime64(3, 'UTC') COMMENT 'When the user was assigned; outcomes count from here' CODEC(Delta(8), ZSTD(1)),
    `run_id` UUID COMMENT 'The materialisation of the segment that the user came from' CODEC(ZSTD(1)),
    `precedence` UInt64 COMMENT '2^63 minus assigned_at in milliseconds: the earliest row of a user wins' CODEC(ZSTD(1))
)
ENGINE = {{ .Engine "ReplacingMergeTree" "precedence" }}
ORDER BY (experiment_id, user_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The arm of each user of an experiment. May hold several rows of one: read it with FINAL';
{{ .Distributed "experiment_assignments" "murmurHash3_64(user_id)" }}
