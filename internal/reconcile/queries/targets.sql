{{- /*
Finds the first event of each subscription that another one changes to (schemas.StateQuery
needs it). It runs once for all ranges, since a target may be in any range.

Parameters: run; as_of in milliseconds since 1970; bucket and buckets divide the targets by
hash, so that the sets in ClickHouse's memory stay small.
*/ -}}
INSERT INTO {{ .Targets }} (run_id, subscription_id, first_at)
SELECT {run:UUID}, subscription_id, min(event_timestamp)
FROM {{ .Events }} FINAL
WHERE event_timestamp <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC') AND subscription_id GLOBAL IN (
    SELECT assumeNotNull(upgrade_to_subscription_id) FROM {{ .Events }}
    WHERE {{ .Changes }} AND cityHash64(upgrade_to_subscription_id) % {buckets:UInt64} = {bucket:UInt64})
GROUP BY subscription_id
SETTINGS optimize_aggregation_in_order = 1, do_not_merge_across_partitions_select_final = 1
