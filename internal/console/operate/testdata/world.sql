-- A small world for the pages of operation. Its texts try to be markup: <script>canary()</script>.

-- Partition 0 is whole, and one of its flushes stands twice. Partition 1 has a gap of 40
-- offsets, 2 an overlap of 10, 3 a lost range, 4 a replay. Partition 5 was recreated.
INSERT INTO ingest_ledger (source, source_name, source_epoch, source_partition, kind, start_offset, next_offset, messages, stored, filtered, dead_lettered, skipped, last_offset, last_timestamp, insert_token, instance, synced_at, written_at)
SELECT 'kafka', 'piano.<script>canary()</script>', 0, p, 'flush',
    i * 100 + (p = 1 AND i > 20) * 40 - (p = 2 AND i > 20) * 10 + (p = 3 AND i > 20) * 60,
    i * 100 + 100 + (p = 1 AND i >= 20 AND i > 20) * 40 - (p = 2 AND i > 20) * 10 + (p = 3 AND i > 20) * 60,
    98, 80, 10, 3, 5, i * 100 + 99, now64(3) - INTERVAL (41 - i) * 30 MINUTE - INTERVAL 1 SECOND,
    concat('token-', toString(p), '-', toString(i)), '<script>canary()</script>', now64(3) - INTERVAL (41 - i) * 30 MINUTE, now64(3) - INTERVAL (41 - i) * 30 MINUTE
FROM (SELECT number % 5 AS p, toInt64(intDiv(number, 5)) AS i FROM numbers(205));

INSERT INTO ingest_ledger (source, source_name, source_epoch, source_partition, kind, start_offset, next_offset, messages, stored, insert_token, written_at)
SELECT 'kafka', 'piano.<script>canary()</script>', 0, 0, 'flush', 3000, 3100, 98, 98, 'token-0-30', now64(3) - INTERVAL 5 HOUR;

INSERT INTO ingest_ledger (source, source_name, source_epoch, source_partition, kind, cause, start_offset, next_offset, written_at)
SELECT 'kafka', 'piano.<script>canary()</script>', 0, 3, 'lost', 'retention', 2100, 2160, now64(3) - INTERVAL 10 HOUR;

INSERT INTO ingest_ledger (source, source_name, source_epoch, source_partition, kind, start_offset, next_offset, messages, stored, insert_token, job_id, written_at)
SELECT 'kafka', 'piano.<script>canary()</script>', 0, 4, 'replay', 500, 900, 400, 400, 'replay-1', '20261130t120000-aaaa', now64(3) - INTERVAL 2 HOUR;

INSERT INTO ingest_ledger (source, source_name, source_epoch, source_partition, kind, start_offset, next_offset, messages, stored, insert_token, written_at)
SELECT 'kafka', 'piano.<script>canary()</script>', number % 2, 5, 'flush', 0, 50, 50, 50, concat('five-', toString(number)), now64(3) - INTERVAL 3 - number HOUR FROM numbers(2);

-- 130 open dead letters, one resolved in two decisions, one dismissed.
INSERT INTO dead_letters (source, source_name, source_partition, source_offset, reason, field, detail, subscription_id, payload, payload_sha256, message_time, decided_at, attempts)
SELECT 'kafka', 'piano.<script>canary()</script>', number % 5, number * 7, ['invalid_json', 'invalid_timestamp', 'missing_field'][number % 3 + 1],
    [NULL, 'event_timestamp', 'subscription_id'][number % 3 + 1], 'detail <script>canary()</script>', '<img src=x onerror=canary()>',
    '{"user_id":"payload-canary","event_name":"<script>canary()</script>"}', repeat('ab', 32),
    now64(3) - INTERVAL number HOUR, now64(3) - INTERVAL number HOUR + INTERVAL 1 SECOND, 1
FROM numbers(130);

INSERT INTO dead_letters (source, source_name, source_partition, source_offset, reason, field, detail, payload, message_time, decided_at, attempts, resolved_at, dismissed_by, dismissed_why)
SELECT 'kafka', 'piano.<script>canary()</script>', 0, 100000 + number, 'invalid_value', 'user_email', 'no address', '{}', now64(3) - INTERVAL 3 HOUR, now64(3) - INTERVAL 2 HOUR, 1 + number, if(number = 0, NULL, now64(3) - INTERVAL 1 HOUR),
    if(number = 2, 'J. <b>Doe</b>', NULL), if(number = 2, 'gone <script>canary()</script>', NULL)
FROM numbers(3);

INSERT INTO dead_letters (source, source_name, source_partition, source_offset, reason, field, detail, payload, message_time, decided_at, attempts, resolved_at)
SELECT 'kafka', 'piano.<script>canary()</script>', 0, 100000, 'invalid_value', 'user_email', 'no address', '{}', now64(3) - INTERVAL 3 HOUR, now64(3) - INTERVAL 1 HOUR, 2, now64(3) - INTERVAL 1 HOUR;

-- Runs: complete ones with drift, one that failed, one under way.
INSERT INTO reconciliation_runs (run_id, snapshot_id, state, started_at, completed_at, as_of, compared, drift, not_compared, candidates, verified, problem, instance, written_at)
SELECT toUUID(concat('00000000-0000-0000-0000-00000000000', toString(number))), NULL, if(number = 3, 'failed', 'complete'), now64(3) - INTERVAL 9 - number DAY, if(number = 3, NULL, now64(3) - INTERVAL 9 - number DAY + INTERVAL 8 SECOND),
    now64(3) - INTERVAL 9 - number DAY, 1000 + number, map('status', 3 + number, 'missing_in_stream', number, 'price', 60), map('recent', 7), 90, 80,
    if(number = 3, 'read a page: <script>canary()</script>', ''), '<script>canary()</script>', now64(3) - INTERVAL 9 - number DAY
FROM numbers(9);

INSERT INTO reconciliation_runs (run_id, state, started_at, instance, written_at)
SELECT toUUID('00000000-0000-0000-0000-0000000000aa'), 'begun', now64(3) - INTERVAL 1 MINUTE, 'host', now64(3) - INTERVAL 1 MINUTE;
INSERT INTO reconciliation_comparisons (run_id, subscription_id, round, differences)
SELECT toUUID('00000000-0000-0000-0000-0000000000aa'), concat('sub-', toString(number)), 0, if(number < 4, [('status', 'active', 'expired', false)], []) FROM numbers(20);

INSERT INTO drift (subscription_id, kind, stream_value, api_value, severity, verified, first_seen_at, last_seen_at, compared_as_of)
SELECT concat('sub-', leftPad(toString(number), 3, '0')), ['status', 'next_bill', 'price'][number % 3 + 1], 'active', '<script>canary()</script>', ['drift', 'routine', 'information'][number % 3 + 1], number % 2, now64(3) - INTERVAL 2 DAY, now64(3) - INTERVAL 1 DAY, now64(3) - INTERVAL 1 DAY
FROM numbers(120);

-- Jobs: a running one, one that failed, a complete one.
INSERT INTO replay_jobs (job_id, record, source, state, plan, rules, started_at, finished_at, planned, counts, problem, instance, written_at)
SELECT ['20261130t120000-aaaa', '20261130t130000-bbbb', '20261130t140000-cccc'][number + 1], 'progress', ['kafka', 'file', 'kafka'][number + 1], ['running', 'failed', 'complete'][number + 1],
    '{"ranges":[{"name":"piano.<script>canary()</script>","partition":4,"from":500,"to":1300}],"filter":{"actions":["Renewed"]},"rate":2000,"max_errors":10}', '{}',
    now64(3) - INTERVAL 2 HOUR, if(number = 0, NULL, now64(3) - INTERVAL 1 HOUR), 800, map('progress', 400, 'messages', 400, 'stored', 390, 'new_dead_letters', 10),
    if(number = 1, 'more new dead letters than allowed <script>canary()</script>', ''), '<script>canary()</script>', now64(3) + INTERVAL if(number = 0, 1, 0) HOUR
FROM numbers(3);

INSERT INTO erasures (erasure_id, kind, state, requested_by, reason, started_at, completed_at, entries, counts, instance, written_at)
SELECT '20261130t100000-eeee', 'person', 'begun', 'erasure-canary', 'erasure-canary', now64(3) - INTERVAL 5 HOUR, NULL, 3, map('subscription_events', 12), 'host', now64(3) - INTERVAL 5 HOUR;
