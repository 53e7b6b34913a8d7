{{- /*
Marks the subscriptions of which a change may have taken effect a moment ago. A change
takes effect with the first event of another subscription, and that one started after
the cutoff. It runs once for all ranges, since the other subscription may be in any
range: few subscriptions have just started, and the statement looks for them in all
events.

The two without FINAL may find events that a replay has removed. Then a subscription too
many waits for the next run.

Parameters: run; cutoff in milliseconds since 1970; bucket and buckets divide the other
subscriptions by hash, so that the sets in ClickHouse's memory stay small.
*/ -}}
INSERT INTO {{ .Comparisons }} (run_id, subscription_id, round, not_compared, differences)
SELECT {run:UUID}, subscription_id, 3, '', CAST([], {{ .Differences }})
FROM {{ .Events }}
WHERE subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id GLOBAL IN (
    SELECT subscription_id FROM {{ .Events }} FINAL
    WHERE subscription_id GLOBAL IN (
        SELECT subscription_id FROM {{ .Events }}
        WHERE {{ .Recent }} AND cityHash64(subscription_id) % {buckets:UInt64} = {bucket:UInt64})
    GROUP BY subscription_id
    HAVING min(event_timestamp) > fromUnixTimestamp64Milli({cutoff:Int64}, 'UTC') OR min({{ .MessageTime }}) > {cutoff:Int64})
