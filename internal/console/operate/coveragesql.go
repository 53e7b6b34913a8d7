package operate

import (
	"time"

	"github.com/pianola/pianola/internal/console/figures"
)

const (
	// coverageSpan is short: a ledger has a row a second and partition.
	coverageSpan = "24h"
	coverageKeep = 15 * time.Second
)

// topicsOfLedger are the topics with ranges, those written last first.
var topicsOfLedger = figures.Query{Keep: time.Minute, SQL: "SELECT source_name FROM ingest_ledger WHERE source = 'kafka' AND kind != 'replay' GROUP BY source_name ORDER BY max(written_at) DESC, source_name LIMIT 1000"}

// partitionName is a partition as the pages name it: with the epoch of a recreated topic.
const partitionName = `if(source_epoch = 0, toString(source_partition), concat(toString(source_partition), '@', toString(source_epoch)))`

const inSpan = `written_at >= {from:DateTime('UTC')} AND written_at < {to:DateTime('UTC')}`

// ofConsumers selects what consumers have accounted for in one topic.
const ofConsumers = `source = 'kafka' AND source_name = {topic:String} AND kind != 'replay'`

// doubtfulSQL finds the partitions that may have gaps or overlaps, in one pass. The ranges of
// a partition without them are a chain from its first offset to its last one: each end is
// the start of another range, but for the last. So the hashes of ends and starts cancel out.
// Its first offset is the one that earlier ranges have reached. The exact queries read the
// ranges of the other partitions one by one.
const doubtfulSQL = `
SELECT toString(groupArray((source_epoch, source_partition))) AS doubtful
FROM
(
    SELECT source_epoch, source_partition, min(start_offset) AS first_offset, max(next_offset) AS end_offset,
        sum(toInt64(cityHash64(next_offset) - cityHash64(start_offset))) AS hashes
    FROM ingest_ledger
    WHERE ` + ofConsumers + ` AND ` + inSpan + ` AND next_offset > start_offset
    GROUP BY source_epoch, source_partition
) AS chains
LEFT JOIN
(
    SELECT source_epoch, source_partition, toNullable(max(next_offset)) AS reached
    FROM ingest_ledger
    WHERE ` + ofConsumers + ` AND written_at < {from:DateTime('UTC')}
    GROUP BY source_epoch, source_partition
) AS earlier USING (source_epoch, source_partition)
WHERE hashes != toInt64(cityHash64(end_offset) - cityHash64(first_offset)) OR ifNull(reached != first_offset, false)`

// isDoubtful is whether a partition is one of doubtfulSQL.
const isDoubtful = `(source_epoch, source_partition) IN {doubtful:Array(Tuple(UInt32, Int32))}`

// rangesSQL defines ranges: what consumers have accounted for. Those of doubtful partitions
// are in exact, in the order of the table. A flush after an unknown outcome has several rows of
// one token, which are neighbours there: the one written last counts. Lost ranges have no
// token, and each counts.
func rangesSQL(condition string) string {
	const columns = `source_epoch, source_partition, ` + partitionName + ` AS partition, kind, cause, start_offset, next_offset,
            messages, stored, filtered, dead_lettered, skipped, insert_token, written_at`
	return `exact AS
(
    SELECT * EXCEPT (token_before)
    FROM
    (
        SELECT ` + columns + `,
            lagInFrame(insert_token, 1, '') OVER
            (
                PARTITION BY source_epoch, source_partition
                ORDER BY next_offset, start_offset, kind, insert_token, written_at DESC
                ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
            ) AS token_before
        FROM ingest_ledger
        WHERE ` + ofConsumers + ` AND ` + inSpan + ` AND ` + isDoubtful + condition + `
    )
    WHERE insert_token = '' OR insert_token != token_before
),
ranges AS
(
    SELECT * FROM exact
    UNION ALL
    SELECT ` + columns + `
    FROM ingest_ledger
    WHERE ` + ofConsumers + ` AND ` + inSpan + ` AND NOT (` + isDoubtful + `)` + condition + `
)`
}

// A partition that is not doubtful is whole, and has no border.
func bordersSQL(condition string) string { return rangesSQL(condition) + bordersTail }

const bordersTail = `,
parts AS
(
    SELECT source_epoch, source_partition, partition, part, min(start_offset) AS first_offset, max(next_offset) AS end_offset, min(written_at) AS noticed_at
    FROM
    (
        SELECT *, sum(start_offset != end_before) OVER
            (PARTITION BY source_epoch, source_partition ORDER BY next_offset, start_offset, kind, insert_token, written_at ROWS UNBOUNDED PRECEDING) AS part
        FROM
        (
            SELECT *, lagInFrame(next_offset, 1, toInt64(-1)) OVER
                (PARTITION BY source_epoch, source_partition ORDER BY next_offset, start_offset, kind, insert_token, written_at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS end_before
            FROM exact
            WHERE next_offset > start_offset
        )
    )
    GROUP BY source_epoch, source_partition, partition, part
),
earlier AS
(
    SELECT source_epoch, source_partition, toNullable(max(next_offset)) AS reached
    FROM ingest_ledger
    WHERE ` + ofConsumers + ` AND ` + isDoubtful + ` AND written_at < {from:DateTime('UTC')}
    GROUP BY source_epoch, source_partition
),
borders AS
(
    SELECT partition, first_offset, end_offset, noticed_at,
        greatest(if(n = 1, ifNull(reached, first_offset), before), ifNull(reached, before)) AS covered_to
    FROM
    (
        SELECT *, row_number() OVER w AS n, max(end_offset) OVER
            (PARTITION BY source_epoch, source_partition ORDER BY first_offset, end_offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM parts
        WINDOW w AS (PARTITION BY source_epoch, source_partition ORDER BY first_offset, end_offset ROWS UNBOUNDED PRECEDING)
    ) AS p
    LEFT JOIN earlier USING (source_epoch, source_partition)
)`

var gapsSQL = `WITH ` + bordersSQL(``) + `
SELECT partition, covered_to AS from_offset, first_offset AS to_offset, first_offset - covered_to AS offsets, noticed_at
FROM borders WHERE first_offset > covered_to`

var overlapsSQL = `WITH ` + bordersSQL(``) + `
SELECT partition, first_offset AS from_offset, least(end_offset, covered_to) AS to_offset, to_offset - from_offset AS offsets, noticed_at
FROM borders WHERE first_offset < covered_to`

const lostSQL = `
SELECT ` + partitionName + ` AS partition, start_offset AS from_offset, next_offset AS to_offset, next_offset - start_offset AS offsets, cause, written_at
FROM ingest_ledger WHERE source = 'kafka' AND source_name = {topic:String} AND kind = 'lost' AND ` + inSpan

// partitionsSQL is one row a partition.
var partitionsSQL = `WITH ` + bordersSQL(``) + `
SELECT partition, from_offset, to_offset, messages, stored, filtered, dead_lettered, skipped, without_record, lost_offsets, lost, gaps, overlaps, last_written_at
FROM
(
    SELECT source_epoch, source_partition, partition, min(start_offset) AS from_offset, max(next_offset) AS to_offset,
        sum(r.messages) AS messages, sum(r.stored) AS stored, sum(r.filtered) AS filtered, sum(r.dead_lettered) AS dead_lettered, sum(r.skipped) AS skipped,
        sumIf(next_offset - start_offset, kind = 'flush') - toInt64(sum(r.messages)) AS without_record,
        sumIf(next_offset - start_offset, kind = 'lost') AS lost_offsets, countIf(kind = 'lost') AS lost, max(written_at) AS last_written_at
    FROM ranges AS r
    GROUP BY source_epoch, source_partition, partition
) AS totals
LEFT JOIN
(
    SELECT partition, countIf(first_offset > covered_to) AS gaps, countIf(first_offset < covered_to) AS overlaps FROM borders GROUP BY partition
) AS found USING (partition)
ORDER BY source_epoch, source_partition`

const partitionOptionsSQL = `
SELECT value, label
FROM
(
    SELECT '' AS value, '12 partitions, those with gaps first' AS label, toUInt32(0) AS epoch, toInt32(-1) AS number
    UNION ALL
    SELECT ` + partitionName + `, concat('partition ', ` + partitionName + `), source_epoch, source_partition
    FROM ingest_ledger WHERE ` + ofConsumers + ` AND ` + inSpan + `
    GROUP BY source_epoch, source_partition
)
ORDER BY epoch, number`

// picturesSQL has a row for each step of each picture, and one for each mark on it. Steps
// divide the time into at most 72 parts.
var picturesSQL = `WITH ` + bordersSQL(` AND `+partitionName+` IN {shown:Array(String)}`) + `,
    greatest(1, intDiv(dateDiff('second', {from:DateTime('UTC')}, {to:DateTime('UTC')}) + 71, 72)) AS seconds
SELECT partition, what, time, from_offset, to_offset, messages, stored, filtered, dead_lettered, skipped
FROM
(
    SELECT source_epoch, source_partition, partition, 'flush' AS what, toDateTime({from:DateTime('UTC')}) + intDiv(dateDiff('second', {from:DateTime('UTC')}, written_at), seconds) * seconds AS time,
        min(start_offset) AS from_offset, max(next_offset) AS to_offset,
        sum(r.messages) AS messages, sum(r.stored) AS stored, sum(r.filtered) AS filtered, sum(r.dead_lettered) AS dead_lettered, sum(r.skipped) AS skipped
    FROM ranges AS r
    WHERE kind = 'flush'
    GROUP BY source_epoch, source_partition, partition, time
    UNION ALL
    SELECT source_epoch, source_partition, partition, 'lost', toDateTime(written_at, 'UTC'), start_offset, next_offset, 0, 0, 0, 0, 0
    FROM ranges
    WHERE kind = 'lost'
    UNION ALL
    SELECT source_epoch, source_partition, partition, 'replay', toDateTime({from:DateTime('UTC')}) + intDiv(dateDiff('second', {from:DateTime('UTC')}, written_at), seconds) * seconds AS time,
        min(start_offset), max(next_offset), sum(messages), sum(stored), sum(filtered), sum(dead_lettered), sum(skipped)
    FROM
    (
        SELECT *, ` + partitionName + ` AS partition
        FROM ingest_ledger
        WHERE source = 'kafka' AND source_name = {topic:String} AND kind = 'replay' AND ` + inSpan + `
        ORDER BY written_at DESC
        LIMIT 1 BY job_id, insert_token, source_partition, source_epoch
    )
    WHERE partition IN {shown:Array(String)}
    GROUP BY source_epoch, source_partition, partition, job_id, time
    UNION ALL
    SELECT 0, 0, partition, if(first_offset > covered_to, 'gap', 'overlap'), toDateTime(noticed_at, 'UTC'),
        least(first_offset, covered_to), if(first_offset > covered_to, first_offset, least(end_offset, covered_to)), 0, 0, 0, 0, 0
    FROM borders
    WHERE first_offset != covered_to
)
ORDER BY partition, what, time`
