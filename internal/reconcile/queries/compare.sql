{{- /*
Compares the state of each subscription at as_of, which follows from its events, with
the rows of one snapshot. All rules of the comparison are here; docs/reconcile.md
explains them. It works on one range of subscriptions, so that ClickHouse's memory is
bounded.

Parameters: run, round, snapshot; as_of, cutoff (as_of minus settle), stream_start (when
the stream starts), covers_from and covers_to in milliseconds since 1970; complete: the
snapshot has every subscription, else those that started in [covers_from, covers_to];
tolerance in milliseconds; deferred: reconcile.dynamic_cancel.

A field that one side does not have is not compared.
*/ -}}
INSERT INTO {{ .Comparisons }} (run_id, subscription_id, round, not_compared, differences)
SELECT
    {run:UUID},
    subscription_id,
    {round:UInt8},
    not_compared,
    CAST(multiIf(
        not_compared != '', [],
        NOT in_api, if(stream_status = '', [], [('missing_in_api', CAST(stream_status, 'Nullable(String)'), NULL, false)]),
        -- a tombstone is absent from the API, as it is from the stream
        NOT in_stream, if(is_tombstone, [], [('missing_in_stream', CAST(NULL, 'Nullable(String)'), CAST(api_status, 'Nullable(String)'), false)]),
        arrayFilter((d) -> d.1 != '', [
            -- status: the pairs of values that agree
            if(stream_status = '' OR stream_status = api_status, nothing, (
                'status', toString(stream_status), toString(api_status),
                multiIf(
                    stream_status = 'active', api_status IN ('wait_confirmed', 'pending', 'not_started'),
                    stream_status = 'fail_and_retry', api_status = 'active' AND ifNull(last_failed_at + INTERVAL 30 DAY >= as_of, false),
                    stream_status = 'expired', api_status IN ('completed', 'deleted') OR (api_status = 'expired_with_error' AND failed_payments > 0),
                    stream_status = 'expired_with_error', api_status = 'expired',
                    stream_status = 'cancelled', api_status = 'deleted',
                    stream_status = 'upgraded', api_status = 'deleted',
                    false)
                OR (change_pending AND api_status = 'upgraded')
                -- a cancel for the end of the period: one side may have it before the other
                OR (may_be_deferred AND ((stream_live AND api_status = 'cancelled') OR (stream_status = 'cancelled' AND api_live)))
            )),
            -- auto-renew, while both live
            if(NOT (stream_live AND api_live AND ifNull(stream_autorenew != api_autorenew, false)), nothing, (
                'autorenew', toString(stream_autorenew), toString(api_autorenew),
                may_be_deferred AND ifNull(stream_autorenew AND NOT api_autorenew, false)
            )),
            if(NOT ifNull(lower(stream_term_type) != lower(api_term_type), false), nothing,
                ('term_type', toString(stream_term_type), toString(api_term_type), false)),
            -- billing period, as (months, days): 12 months are 1 year
            if(empty(stream_period) OR empty(api_period) OR stream_period = api_period, nothing,
                ('billing_period', toString(stream_billing_period), toString(api_billing_period), false)),
            -- the start, unless the stream starts after the subscription did
            if(partial OR NOT ifNull(abs(toUnixTimestamp64Milli(stream_started_at) - toUnixTimestamp64Milli(api_started_at)) > {tolerance:Int64}, false), nothing,
                ('started_at', {{ .Instant "stream_started_at" }}, {{ .Instant "api_started_at" }}, false)),
            if(stream_user_id = '' OR api_user_id = '' OR stream_user_id = api_user_id, nothing,
                ('user_id', stream_user_id, api_user_id, false)),
            -- the next bill, unless a payment is being retried: the API may have the retry's date
            if(NOT (stream_status = 'active' AND api_live AND api_status != 'fail_and_retry'
                    AND ifNull(abs(toUnixTimestamp64Milli(period_ends_at) - toUnixTimestamp64Milli(api_next_bill_at)) > {tolerance:Int64}, false)), nothing,
                ('next_bill', {{ .Instant "period_ends_at" }}, {{ .Instant "api_next_bill_at" }}, false)),
            if(NOT ifNull(stream_price != api_price, false), nothing,
                ('price', toString(stream_price), toString(api_price), false))
        ])
    ), {{ .Differences }}) AS differences
FROM
(
    WITH
        fromUnixTimestamp64Milli({as_of:Int64}, 'UTC') AS as_of,
        CAST(('', NULL, NULL, false), {{ .Difference }}) AS nothing
    SELECT
        as_of,
        nothing,
        if(a.present, a.subscription_id, s.subscription_id) AS subscription_id,
        s.events > 0 AS in_stream,
        a.present AS in_api,
        a.tombstone AS is_tombstone,
        a.filtered OR subscription_id GLOBAL IN (SELECT subscription_id FROM {{ .Internal }} WHERE {{ .Where }}) AS is_filtered,
        subscription_id GLOBAL IN (SELECT assumeNotNull(subscription_id) FROM {{ .DeadLetters }} FINAL WHERE resolved_at IS NULL AND subscription_id IS NOT NULL AND {{ .Where }}) AS has_dead_letters,
        subscription_id GLOBAL IN (SELECT subscription_id FROM {{ .Events }} WHERE {{ .Recent }} AND {{ .Where }})
            -- effects.sql: a change takes effect with the first event of another subscription
            OR subscription_id GLOBAL IN (SELECT subscription_id FROM {{ .Comparisons }} WHERE run_id = {run:UUID} AND round = 3 AND {{ .Where }}) AS is_recent,
        multiIf(
            is_filtered, 'filtered',
            a.unreadable, 'unreadable',
            has_dead_letters, 'dead_letters',
            is_recent, 'recent',
            in_stream AND NOT in_api AND NOT {complete:Bool} AND NOT ifNull(toUnixTimestamp64Milli(s.started_at) BETWEEN {covers_from:Int64} AND {covers_to:Int64}, false), 'not_in_file',
            NOT in_stream AND lower(ifNull(a.term_type, '')) NOT IN ('payment', 'dynamic'), 'other_term',
            NOT in_stream AND (ifNull(toUnixTimestamp64Milli(a.started_at) < {stream_start:Int64}, false) OR ifNull(toUnixTimestamp64Milli(a.ended_at) < {stream_start:Int64}, false)), 'before_stream',
            '') AS not_compared,

        s.status AS stream_status,
        a.subscription_status AS api_status,
        stream_status IN ('active', 'fail_and_retry') AS stream_live,
        api_status IN ('active', 'fail_and_retry', 'wait_confirmed', 'pending', 'not_started') AS api_live,
        s.last_failed_at AS last_failed_at,
        s.failed_payments AS failed_payments,
        s.change_pending AS change_pending,
        s.partial AS partial,
        s.autorenew AS stream_autorenew,
        a.autorenew AS api_autorenew,
        s.term_type AS stream_term_type,
        a.term_type AS api_term_type,
        s.billing_period AS stream_billing_period,
        a.billing_period AS api_billing_period,
        {{ .Period "s.billing_period" }} AS stream_period,
        {{ .Period "a.billing_period" }} AS api_period,
        s.started_at AS stream_started_at,
        a.started_at AS api_started_at,
        s.user_id AS stream_user_id,
        a.user_id AS api_user_id,
        s.current_period_ends_at AS period_ends_at,
        a.next_bill_at AS api_next_bill_at,
        s.price AS stream_price,
        a.regular_price AS api_price,
        {deferred:Bool} AND (lower(ifNull(s.term_type, '')) = 'dynamic' OR lower(ifNull(a.term_type, '')) = 'dynamic')
            AND ifNull(ifNull(s.current_period_ends_at, a.ended_at) > as_of, false) AS may_be_deferred
    FROM
    (
        {{ .State }}
    ) AS s
    FULL OUTER JOIN
    (
        SELECT *, true AS present
        FROM {{ .Snapshots }} FINAL
        WHERE snapshot_id = {snapshot:UUID} AND {{ .Where }}
    ) AS a ON s.subscription_id = a.subscription_id
)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0
