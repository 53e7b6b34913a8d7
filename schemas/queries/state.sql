{{- /*
State from events: the state of each subscription at one moment, as a pure
function of the set of its events. So a late event changes it, and the order of
arrival does not. docs/state.md has the rules in words.

It is a fold over each subscription's events in their order. Instants are
milliseconds since the epoch while folding, 0 for none; statuses are numbers.

  status  0 none, 1 active, 2 fail_and_retry, then the closed ones:
          3 expired, 4 expired_with_error, 5 cancelled, 6 upgraded
  auto    0 unknown, 1 off, 2 on
  rank    the order of actions at one instant; 13 is the moment at which a change
          to another subscription takes effect, 0 an action that has no effect
*/ -}}
WITH
    {{ .AsOf }} AS as_of,
    toUnixTimestamp64Milli(as_of) AS now_ms
SELECT
    subscription_id,
    user_id,
    CAST(multiIf(s.status = 1, 'active', s.status = 2, 'fail_and_retry', s.status = 3, 'expired', s.status = 4, 'expired_with_error', s.status = 5, 'cancelled', s.status = 6, 'upgraded', ''), 'LowCardinality(String)') AS status,
    s.status >= 3 AS closed,
    CAST(if(s.auto = 0, NULL, s.auto = 2), 'Nullable(Bool)') AS autorenew,
    if(s.disabled_at = 0, NULL, fromUnixTimestamp64Milli(s.disabled_at, 'UTC')) AS autorenew_disabled_at,
    CAST(s.in_trial AND NOT (s.trial_ends_at != 0 AND s.trial_ends_at <= now_ms), 'Bool') AS in_trial,
    if(s.trial_ends_at = 0, NULL, fromUnixTimestamp64Milli(s.trial_ends_at, 'UTC')) AS trial_ends_at,
    s.failed_payments AS failed_payments,
    if(s.failed_since = 0, NULL, fromUnixTimestamp64Milli(s.failed_since, 'UTC')) AS failed_since,
    if(s.last_failed_at = 0, NULL, fromUnixTimestamp64Milli(s.last_failed_at, 'UTC')) AS last_failed_at,
    if(s.period_ends_at = 0, NULL, fromUnixTimestamp64Milli(s.period_ends_at, 'UTC')) AS current_period_ends_at,
    if(s.started_at = 0, NULL, fromUnixTimestamp64Milli(s.started_at, 'UTC')) AS started_at,
    if(s.ended_at = 0, NULL, fromUnixTimestamp64Milli(s.ended_at, 'UTC')) AS ended_at,
    CAST(multiIf(
        NOT closed, NULL,
        s.status = 4, 'payment_failed',
        s.status = 6, 'plan_change',
        s.status = 5, 'cancelled',
        s.had_trial AND NOT s.charged, 'trial_not_converted',
        s.disabled_at != 0, 'auto_renew_off',
        'unknown'), 'LowCardinality(Nullable(String))') AS end_reason,
    CAST(nullIf(s.term_type, ''), 'LowCardinality(Nullable(String))') AS term_type,
    CAST(nullIf(s.billing_period, ''), 'LowCardinality(Nullable(String))') AS billing_period,
    s.price AS price,
    CAST(s.change_to != '' AND NOT closed, 'Bool') AS change_pending,
    if(change_pending, s.change_to, NULL) AS change_to_subscription_id,
    CAST(NOT closed AND s.status != 0 AND s.period_ends_at != 0 AND s.period_ends_at + 7 * 86400000 < now_ms, 'Bool') AS overdue,
    CAST(s.partial, 'Bool') AS partial,
    events,
    first_event_at,
    last_event_at,
    synced_at
FROM
(
    SELECT
        subscription_id, user_id, events, first_event_at, last_event_at, synced_at,
        arrayFold(
            (a, e) -> CAST((
                -- status
                multiIf(
                    e.rank IN (1, 2, 3, 7, 8, 9, 10), if(a.status = 0, 1, a.status),
                    e.rank = 4, if(a.status >= 3, a.status, 2),
                    e.rank IN (5, 6), if(a.status = 6, 6, 1),
                    e.rank = 11, if(a.status >= 3, a.status, 5),
                    e.rank = 12, multiIf(a.status >= 3, a.status, a.change_to != '', 6, a.failed_payments > 0 AND NOT a.off_after_failure, 4, 3),
                    e.rank = 13, if(a.status < 3 AND a.change_to = e.change_to, 6, a.status),
                    a.status),
                -- auto
                multiIf(
                    (e.rank = 1 AND a.partial) OR e.rank = 2, if(a.auto = 0 AND e.next_billed_at != 0, 2, a.auto),
                    e.rank = 5, if(a.status != 6 AND (a.auto = 0 OR a.status >= 3), 2, a.auto),
                    e.rank = 6, if(a.status = 6, a.auto, 2),
                    e.rank = 7, if(a.status >= 3, a.auto, 2),
                    e.rank = 8, if(a.status >= 3, a.auto, 1),
                    e.rank IN (11, 12), if(a.status >= 3, a.auto, 1),
                    e.rank = 13, if(a.status < 3 AND a.change_to = e.change_to, 1, a.auto),
                    a.auto),
                -- disabled_at
                multiIf(e.rank = 8, e.at, e.rank = 7 OR (e.rank = 6 AND a.status != 6), 0, a.disabled_at),
                -- in_trial
                multiIf(
                    (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at) OR e.rank = 2, a.status < 3,
                    e.rank = 3 OR (e.rank = 5 AND a.status != 6), 0,
                    e.rank = 6, if(a.status IN (3, 4, 5), 0, a.in_trial),
                    e.rank IN (11, 12), if(a.status >= 3, a.in_trial, 0),
                    e.rank = 13, if(a.status < 3 AND a.change_to = e.change_to, 0, a.in_trial),
                    a.in_trial),
                -- trial_ends_at
                if(e.trial_ends_at != 0 AND (e.rank = 2 OR (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at)), e.trial_ends_at, a.trial_ends_at),
                -- had_trial
                a.had_trial OR e.rank = 2 OR (e.rank = 1 AND a.partial AND e.trial_ends_at > e.at),
                -- charged
                a.charged OR (e.rank = 3 AND ifNull(e.value > 0, 0)) OR (e.rank = 5 AND a.status != 6) OR (e.rank = 6 AND a.status IN (3, 4, 5)),
                -- failed_payments
                multiIf(e.rank = 4, a.failed_payments + 1, e.rank IN (5, 6) AND a.status != 6, 0, a.failed_payments),
                -- failed_since
                multiIf(e.rank = 4, if(a.failed_payments = 0, e.at, a.failed_since), e.rank IN (5, 6) AND a.status != 6, 0, a.failed_since),
                -- last_failed_at
                if(e.rank = 4, e.at, a.last_failed_at),
                -- off_after_failure
                multiIf(e.rank = 8, 1, e.rank IN (4, 7) OR (e.rank IN (5, 6) AND a.status != 6), 0, a.off_after_failure),
                -- period_ends_at
                if(e.next_billed_at != 0 AND e.rank NOT IN (0, 4, 13), e.next_billed_at, a.period_ends_at),
                -- started_at
                if((e.rank = 1 AND a.partial) OR (e.rank = 2 AND a.partial AND a.started_at = 0), e.at, a.started_at),
                -- ended_at
                multiIf(
                    e.rank IN (5, 6) AND a.status != 6, 0,
                    e.rank IN (11, 12) AND a.status < 3, e.at,
                    e.rank = 13 AND a.status < 3 AND a.change_to = e.change_to, e.at,
                    a.ended_at),
                -- term_type, billing_period: a change that names another subscription speaks of that one
                if(e.term_type != '' AND e.rank NOT IN (0, 13) AND e.change_to = '', e.term_type, a.term_type),
                if(e.billing_period != '' AND e.rank NOT IN (0, 13) AND e.change_to = '', e.billing_period, a.billing_period),
                -- price
                if(e.rank IN (1, 3, 5) AND isNotNull(e.value) AND NOT (e.rank = 3 AND e.value = 0) AND NOT (e.rank = 1 AND e.trial_ends_at > e.at), e.value, a.price),
                -- change_to: only a live one waits for another
                multiIf(
                    e.rank IN (9, 10) AND e.change_to != '' AND a.status < 3, e.change_to,
                    a.status < 3 AND (e.rank IN (11, 12) OR (e.rank = 13 AND a.change_to = e.change_to)), '',
                    a.change_to),
                -- partial
                a.partial AND e.rank != 1
            ), {{ .Accumulator }}),
            facts,
            CAST((0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', NULL, '', 1), {{ .Accumulator }})
        ) AS s
    FROM
    (
        SELECT
            l.subscription_id AS subscription_id, user_id, events, first_event_at, last_event_at, synced_at,
            -- The earliest Created goes first whatever its time. A change takes
            -- effect before whatever else happens at that instant, and right after
            -- its announcement where the other subscription was there before.
            arraySort(
                (e) -> (if(e.rank = 1 AND e.at = l.created_at, 0, 1), e.at, if(e.rank = 13, e.after, e.rank), e.rank = 13),
                arrayConcat(l.told, c.effects)) AS facts
        FROM
        (
            SELECT
                subscription_id,
                argMaxIf(subscription_events.user_id, (event_timestamp, version), subscription_events.user_id != '') AS user_id,
                minIf(toUnixTimestamp64Milli(event_timestamp), subscription_action = 'Created') AS created_at,
                groupArray(CAST((
                    {{ .Rank }},
                    0,
                    toUnixTimestamp64Milli(event_timestamp),
                    ifNull(toUnixTimestamp64Milli(next_billed_at), 0),
                    ifNull(toUnixTimestamp64Milli(trial_period_ended_at), 0),
                    transaction_value,
                    ifNull(term_type, ''),
                    ifNull(billing_period, ''),
                    if(subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != subscription_id, ifNull(upgrade_to_subscription_id, ''), '')
                ), {{ .Fact }})) AS told,
                count() AS events,
                min(event_timestamp) AS first_event_at,
                max(event_timestamp) AS last_event_at,
                max(subscription_events.synced_at) AS synced_at
            FROM {{ .Events }} AS subscription_events FINAL
            WHERE event_timestamp <= as_of {{ .Where }}
            GROUP BY subscription_id
        ) AS l
        LEFT JOIN
        (
            SELECT
                subscription_id,
                groupArray(CAST((
                    13,
                    if(first_at <= event_timestamp, {{ .Rank }}, 0),
                    toUnixTimestamp64Milli(greatest(first_at, event_timestamp)),
                    0, 0, NULL, '', '', upgrade_to_subscription_id
                ), {{ .Fact }})) AS effects
            FROM {{ .Events }} AS changes FINAL
            INNER JOIN
            (
{{- if .Targets }}
                {{ .Targets }}
{{- else }}
                SELECT subscription_id AS target, min(event_timestamp) AS first_at
                FROM {{ .Events }} AS targets FINAL
                WHERE event_timestamp <= as_of AND subscription_id IN
                (
                    SELECT upgrade_to_subscription_id
                    FROM {{ .Events }}
                    WHERE subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != '' {{ .Where }}
                )
                GROUP BY subscription_id
{{- end }}
            ) AS t ON changes.upgrade_to_subscription_id = t.target
            WHERE subscription_action IN ('Upgraded', 'Downgraded') AND event_timestamp <= as_of AND target != subscription_id {{ .Where }}
            GROUP BY subscription_id
        ) AS c ON l.subscription_id = c.subscription_id
    )
)
SETTINGS do_not_merge_across_partitions_select_final = 1
