{{- /*
Marks the subscriptions of which a change may just have taken effect: it does so by the
first event of another subscription, and that one has only begun after the cutoff.
Once a run, since the other one may be in any range: what has begun is few, and is
looked for in all events.

Parameters: run; cutoff in milliseconds since 1970; bucket and buckets: the others, by
their hash, so that the sets in ClickHouse's memory stay small where many have begun.
*/ -}}
INSERT INTO {{ .Comparisons }} (run_id, subscription_id, round, not_compared, differences)
SELECT {run:UUID}, subscription_id, 3, '', CAST([], {{ .Differences }})
FROM {{ .Events }}
WHERE subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id GLOBAL IN (
    SELECT subscription_id FROM {{ .Events }}
    WHERE subscription_id GLOBAL IN (
        SELECT subscription_id FROM {{ .Events }}
        WHERE {{ .Recent }} AND cityHash64(subscription_id) % {buckets:UInt64} = {bucket:UInt64})
    GROUP BY subscription_id
    HAVING min(event_timestamp) > fromUnixTimestamp64Milli({cutoff:Int64}, 'UTC') OR min(intDiv(version, 1048576)) > {cutoff:Int64})
