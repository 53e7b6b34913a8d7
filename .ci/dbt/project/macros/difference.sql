{#- The rows that a model of a mart has and the mart has not, or the other way round, or
    another number of times. The time of the figures is another in both. -#}
{% macro difference(mart) %}
SELECT * EXCEPT side, sum(side) AS surplus
FROM
(
    SELECT * EXCEPT as_of, 1 AS side FROM {{ ref('pianola', mart) }}
    UNION ALL
    SELECT * EXCEPT as_of, -1 AS side FROM {{ api.Relation.create(schema=var('pianola_database', 'piano'), identifier=mart) }}
)
GROUP BY ALL
HAVING surplus != 0
{% endmacro %}
