package operate

// attention has a row for each condition that needs a person: those of the alerts in
// docs/monitoring.md that tables can answer, and what waits for somebody.
const attention = `
SELECT what, detail, see
FROM
(
    SELECT 'no flush for an hour: the topics are quiet, or the consumer has stopped' AS what, concat('last flush ', toString(max(written_at)), ' UTC; the lag says which') AS detail,
        '/#title-lag' AS see, max(written_at) < now64(3, 'UTC') - INTERVAL 1 HOUR AND count() > 0 AS yes
    FROM ingest_ledger WHERE kind = 'flush'
    UNION ALL
    SELECT 'messages were lost before they could be read', concat(toString(sum(next_offset - start_offset)), ' offsets in ', toString(count()), ' ranges in 7 days'), '/coverage?span=7d', count() > 0
    FROM ingest_ledger WHERE kind = 'lost' AND written_at > now64(3, 'UTC') - INTERVAL 7 DAY
    UNION ALL
    SELECT concat('dead letters are open: ', reason), concat(toString(count()), ' since ', toString(min(decided_at)), ' UTC'), concat('/dead-letters?reason=', reason), count() > 0
    FROM dead_letters FINAL WHERE resolved_at IS NULL GROUP BY reason
    UNION ALL
    SELECT 'stream and API disagree', concat(toString(uniqExact(subscription_id)), ' subscriptions, since ', toString(min(first_seen_at)), ' UTC'), '/reconciliation?severity=drift', count() > 0
    FROM drift FINAL WHERE closed_at IS NULL AND severity = 'drift'
    UNION ALL
    SELECT 'the last reconciliation failed or compared nothing', concat(argMax(state, started_at), ', started ', toString(max(started_at)), ' UTC'), '/reconciliation',
        count() > 0 AND (argMax(state, started_at) = 'failed' OR argMax(nothing_compared, started_at))
    FROM reconciliation_runs FINAL
    UNION ALL
    SELECT 'no complete reconciliation for two days', concat('the last one ended ', ifNull(toString(maxIf(completed_at, state = 'complete')), 'never')), '/reconciliation',
        count() > 0 AND ifNull(maxIf(completed_at, state = 'complete'), toDateTime64(0, 3, 'UTC')) < now64(3, 'UTC') - INTERVAL 2 DAY
    FROM reconciliation_runs FINAL
    UNION ALL
    SELECT concat('the figures of ', name, ' are old'), concat(toString(intDiv(assumeNotNull(age_seconds), 60)), ' minutes'), '/#title-age', ifNull(age_seconds > if(part = 'state', 300, 7200), false)
    FROM freshness WHERE part IN ('metrics', 'state')
    UNION ALL
    SELECT 'a replay job did not finish', concat(job_id, ': ', state), concat('/jobs/', job_id), 1
    FROM replay_jobs FINAL
    WHERE record = 'progress' AND state IN ('failed', 'stopped') AND written_at > now64(3, 'UTC') - INTERVAL 7 DAY
        AND job_id NOT IN (SELECT job_id FROM replay_jobs FINAL WHERE record = 'cancel')
    UNION ALL
    SELECT 'an erasure is not complete', concat(erasure_id, ', begun ', toString(started_at), ' UTC'), '/jobs', 1
    FROM erasures FINAL WHERE state != 'complete' AND written_at < now64(3, 'UTC') - INTERVAL 1 HOUR
)
WHERE yes
ORDER BY what`
