-- Events of invented subscriptions with the numbers {{.First}} to {{.Last}}. A life is a function of
-- its number. About 36 months of history, six events a subscription.
INSERT INTO {{.Table}}
(
    event_id, subscription_id, user_id, event_timestamp, subscription_action, event_name, resource_name, next_billed_at, billing_period,
    term_type, term_name, transaction_value, trial_period_ended_at, billing_country_code, subscription_period_number, payment_mode,
    upgrade_to_subscription_id, user_email_hash_sha256, experience_name, subscription_action_raw, version, synced_at,
    source, source_name, source_partition, source_offset
)
WITH
    toInt64({{.Now}}) AS now_ms,
    86400000 AS day,
    36 * 2629746000 AS span,
    -- The id is a permutation of eight digits and letters, so its order is not that of time.
    (n) -> concat('RC', arrayStringConcat(arrayMap((p) -> substring('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', toUInt8(intDiv(toUInt64(n) * 1743392200999 % 2821109907456, p) % 36) + 1, 1),
        [78364164096, 2176782336, 60466176, 1679616, 46656, 1296, 36, 1]))) AS id_of,
    (n, k) -> bitShiftRight(cityHash64(n, k), 40) / 16777216 AS dice,
    -- Every fiftieth subscription changes to the next one after 95 days.
    number % 50 = 1 AS successor,
    number % 50 = 0 AS changes,
    if(successor, number - 1, number) AS head,
    (n) -> toInt64(now_ms - span + dice(n, 1) * (span - 100 * day)) AS head_start,
    if(successor, head_start(head) + 95 * day, if(changes, head_start(number), toInt64(now_ms - span + dice(number, 1) * span))) AS started,
    if(number % 33 = 2 OR successor, number - 1, number) AS person,
    concat('u', leftPad(toString(person), 9, '0')) AS user_id,
    toUInt8(multiIf(dice(number, 2) < 0.6, 1, dice(number, 2) < 0.65, 3, dice(number, 2) < 0.98, 12, 24)) AS months,
    toInt64(months * 2629746000) AS period,
    NOT successor AND NOT changes AND dice(number, 3) < 0.35 AS trial,
    NOT trial OR dice(number, 4) < 0.57 AS converts,
    toUInt8(dice(number, 5) * 3) AS tier,
    toUInt8(dice(person, 6) * 3) AS money,
    toDecimal64([9.99, 12.99, 99][money + 1] * [1, 1.5, 2.2][tier + 1] * multiIf(months = 12, 10, months = 24, 20, months), 4) AS price,
    if(trial, started + 14 * day, started) AS base,
    if(changes, 9, toInt32(floor(log(dice(number, 7) + 0.000001) / log(multiIf(months = 1, 0.88, months = 3, 0.85, 0.8))))) AS survives,
    toInt32(intDiv(greatest(if(changes, least(now_ms, started + 95 * day), now_ms) - base, 0), period)) AS due,
    if(converts, least(survives, due), 0) AS renewals,
    base + (survives + 1) * period AS period_end,
    dice(number, 8) AS ending,
    CAST(arrayConcat(
        [(started, 'Created', if(trial, started + 14 * day, started + period), if(trial, started + 14 * day, 0), if(trial, NULL, price), '')],
        if(trial, [(started, 'TrialStarted', started + 14 * day, started + 14 * day, NULL, '')], []),
        if(trial AND base < now_ms, [(base, 'TrialEnded', if(converts, base + period, 0), 0, if(converts, price, NULL), '')], []),
        if(trial AND NOT converts AND base < now_ms, [(base, 'Expired', 0, 0, NULL, '')], []),
        arrayFlatten(arrayMap((i) -> if(dice(number, 100 + i) < 0.045,
                [(base + i * period, 'PaymentFailed', base + i * period + 3 * day, 0, NULL, ''), (base + i * period + 3 * day, 'Renewed', base + (i + 1) * period, 0, price, '')],
                [(base + i * period, 'Renewed', base + (i + 1) * period, 0, price, '')]),
            range(1, renewals + 1))),
        if(changes, [(started + 95 * day - 1000, 'Upgraded', started + 95 * day, 0, NULL, id_of(number + 1))], []),
        if(converts AND NOT changes AND survives <= due, multiIf(
            ending < 0.3, [(period_end, 'PaymentFailed', period_end + 3 * day, 0, NULL, ''), (period_end + 3 * day, 'PaymentFailed', period_end + 7 * day, 0, NULL, ''), (period_end + 14 * day, 'Expired', 0, 0, NULL, '')],
            ending < 0.9, [(toInt64(period_end - dice(number, 9) * period), 'Auto-renew disabled', 0, 0, NULL, ''), (period_end, 'Expired', 0, 0, NULL, '')],
            [(toInt64(period_end - dice(number, 9) * period), 'Canceled', 0, 0, NULL, '')]), [])
        ), 'Array(Tuple(at Int64, action String, next Int64, trial_ends Int64, value Nullable(Decimal(18, 4)), change_to String))') AS life
SELECT
    reinterpretAsUUID(murmurHash3_128(concat(subscription_id, '\x1f', toString(e.at), '\x1f', e.action))),
    id_of(number) AS subscription_id, user_id, fromUnixTimestamp64Milli(e.at, 'UTC'), e.action, lower(e.action), concat('Resource ', toString(toUInt8(dice(number, 10) * 5))),
    if(e.next = 0, NULL, fromUnixTimestamp64Milli(e.next, 'UTC')),
    transform(months, [1, 3, 12, 24], ['1 month', '3 months', '1 year', '2 years'], ''),
    multiIf(dice(number, 11) < 0.8, 'payment', dice(number, 11) < 0.92, 'dynamic', dice(number, 11) < 0.96, 'gift', 'registration'),
    concat(['Basic', 'Plus', 'All'][tier + 1], ' ', toString(months), ' months, ', ['EUR', 'USD', 'DKK'][money + 1]),
    e.value, if(e.trial_ends = 0, NULL, fromUnixTimestamp64Milli(e.trial_ends, 'UTC')),
    ['DK', 'DK', 'DK', 'SE', 'SE', 'NO', 'DE', 'DE', 'GB', 'US', 'US'][toUInt8(dice(person, 12) * 11) + 1], toInt32(place), 'card',
    nullIf(e.change_to, ''), lower(hex(SHA256(concat(user_id, ' of the benchmark')))), concat('Experience ', toString(toUInt8(dice(number, 13) * 12))),
    e.action, e.at * 1048576 + number % 1048576,
    -- flushes of about 200,000 rows
    toDateTime64('{{.FilledFrom}}', 3, 'UTC') + toIntervalSecond(intDiv(number, 32000)),
    'kafka', 'benchmark', number % 12, number * 64 + place
FROM numbers({{.First}}, {{.Count}})
ARRAY JOIN life AS e, arrayEnumerate(life) AS place
WHERE e.at < now_ms
SETTINGS optimize_on_insert = 0, max_partitions_per_insert_block = 0, max_insert_threads = 2, min_insert_block_size_rows = 2000000
