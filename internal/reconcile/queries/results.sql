{{- /*
The results of a run, one row for each subscription: that of its last round. For one
that the API was asked about again only the kinds remain in which the snapshot differed
too. Other changes since then are left to the next run.

Parameters: run.
*/ -}}
SELECT subscription_id, not_compared, differences, false AS asked
FROM {{ .Comparisons }} FINAL
WHERE run_id = {run:UUID} AND round = 0
    AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM {{ .Comparisons }} WHERE run_id = {run:UUID} AND round = 1 AND {{ .Where }})
    AND {{ .Where }}
UNION ALL
SELECT
    subscription_id,
    argMax(c.not_compared, round) AS not_compared,
    arrayFilter((d) -> has(argMin(c.differences.kind, round) AS before, d.kind), argMax(c.differences, round)) AS differences,
    true AS asked
FROM {{ .Comparisons }} AS c FINAL
WHERE run_id = {run:UUID} AND round <= 2
    AND subscription_id GLOBAL IN (SELECT subscription_id FROM {{ .Comparisons }} WHERE run_id = {run:UUID} AND round = 1 AND {{ .Where }})
GROUP BY subscription_id
