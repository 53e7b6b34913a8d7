{{- /*
Opens, updates and closes drift of one range of subscriptions, so that ClickHouse's
memory is bounded even when everything is drift. {{ `{{ .Results }}` }} is results.sql.
A range depends on no other, and a repetition changes nothing more. What could not be
compared this time stays as it is. What is no longer compared (filtered, another term,
before the stream) is closed, and so is drift of a subscription that neither side has
any more. A file, which is not complete, closes only what it was compared with.

Parameters: run, as_of in milliseconds, complete; from and to, the range.
*/ -}}
INSERT INTO {{ .Drift }} (subscription_id, kind, stream_value, api_value, severity, verified, first_seen_at, last_seen_at, closed_at, run_id, compared_as_of)
WITH
    fromUnixTimestamp64Milli({as_of:Int64}, 'UTC') AS as_of,
    open AS (SELECT *, true AS is_open FROM {{ .Drift }} FINAL WHERE closed_at IS NULL AND {{ .Where }}),
    results AS ({{ .Results }}),
    differing AS (SELECT subscription_id, d.kind AS kind, d.stream_value AS stream_value, d.api_value AS api_value, asked
        FROM results ARRAY JOIN differences AS d WHERE NOT d.agrees)
SELECT
    f.subscription_id, f.kind, f.stream_value, f.api_value,
    {{ .Severity "f.kind" }},
    f.asked OR (o.is_open AND o.verified AND o.stream_value IS NOT DISTINCT FROM f.stream_value AND o.api_value IS NOT DISTINCT FROM f.api_value),
    if(o.is_open, o.first_seen_at, as_of),
    as_of, CAST(NULL, 'Nullable(DateTime64(3, \'UTC\'))'), {run:UUID}, as_of
FROM differing AS f
LEFT JOIN open AS o ON f.subscription_id = o.subscription_id AND f.kind = o.kind
UNION ALL
SELECT
    subscription_id, kind, stream_value, api_value, severity, verified, first_seen_at, last_seen_at,
    CAST(as_of, 'Nullable(DateTime64(3, \'UTC\'))'), {run:UUID}, as_of
FROM open
WHERE (subscription_id, toString(kind)) GLOBAL NOT IN (SELECT subscription_id, toString(kind) FROM differing)
    AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM results WHERE not_compared IN ('recent', 'dead_letters', 'not_in_file', 'unreadable')
        AND subscription_id GLOBAL IN (SELECT subscription_id FROM open))
    AND ({complete:Bool} OR subscription_id GLOBAL IN (SELECT subscription_id FROM results WHERE not_compared = ''
        AND subscription_id GLOBAL IN (SELECT subscription_id FROM open)))
SETTINGS join_use_nulls = 0, do_not_merge_across_partitions_select_final = 1
