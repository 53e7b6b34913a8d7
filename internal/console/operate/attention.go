package operate

// attention has a row for each condition that needs a person.
const attention = `
SELECT what, detail, see
FROM
(
    SELECT 'the consumer writes nothing' AS what, concat('last flush ', formatReadableTimeDelta(dateDiff('second', max(written_at), now64(3, 'UTC'))), ' ago') AS detail,
        '/' AS see, max(written_at) < now64(3, 'UTC') - INTERVAL 1 HOUR AND count() > 0 AS yes
    FROM ingest_ledger WHERE kind = 'flush'
    UNION ALL
    SELECT 'messages were lost before they could be read', concat(toString(sum(next_offset - start_offset)), ' offsets in ', toString(count()), ' ranges'), '/coverage', count() > 0
    FROM ingest_ledger WHERE kind = 'lost' AND written_at > now64(3, 'UTC') - INTERVAL 7 DAY
    UNION ALL
    SELECT 'dead letters are open', concat(toString(count()), ' since ', toString(min(decided_at))), '/dead-letters', count() > 0
    FROM dead_letters FINAL WHERE resolved_at IS NULL
    UNION ALL
    SELECT 'stream and API disagree', concat(toString(count()), ' subscriptions, since ', toString(min(first_seen_at))), '/reconciliation', count() > 0
    FROM drift FINAL WHERE closed_at IS NULL AND severity = 'drift'
    UNION ALL
    SELECT 'the last reconciliation was not complete', concat(argMax(state, started_at), ', started ', toString(max(started_at))), '/reconciliation',
        count() > 0 AND argMax(state, started_at) IN ('failed') OR argMax(nothing_compared, started_at)
    FROM reconciliation_runs FINAL
    UNION ALL
    SELECT concat('the figures of ', name, ' are old'), formatReadableTimeDelta(assumeNotNull(age_seconds)), '/', ifNull(age_seconds > 3600, false)
    FROM freshness WHERE part IN ('metrics', 'state')
    UNION ALL
    SELECT 'a replay job did not finish', concat(job_id, ': ', state), '/jobs', 1
    FROM replay_jobs FINAL WHERE record = 'progress' AND state IN ('failed', 'stopped') AND written_at > now64(3, 'UTC') - INTERVAL 7 DAY
)
WHERE yes
ORDER BY what`
