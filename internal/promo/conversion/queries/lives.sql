    {at:DateTime64(3, 'UTC')} AS at,
    visible AS
    (
        SELECT
            subscription_id, toString(currency) AS currency, ifNull(started_at, first_event_at) AS started, status != '' AND NOT closed AS live,
            ended_at, had_trial AND NOT paid_after_trial AS unpaid_trial, ifNull(period_months, 0) AS period_months, ifNull(end_reason, '') AS end_reason,
            ifNull(change_to_subscription_id, '') AS target,
            -- time, value, list price
            arrayMap(p -> (p.at, p.value, ifNull(regular_price, toDecimal64(0, 4))), arrayFilter(p -> p.counts AND p.at <= at, payments)) AS paid
        FROM SUBSCRIPTIONS FINAL
        WHERE counts AND subscription_id GLOBAL NOT IN (INTERNAL)
    ),
    links AS (SELECT subscription_id, target FROM visible WHERE end_reason = 'plan_change' AND target != '' AND target != subscription_id),
    chain AS
    (
        SELECT subscription_id AS root, target AS member, toUInt32(1) AS depth
        FROM links
        WHERE subscription_id GLOBAL NOT IN (SELECT target FROM links)
        UNION ALL
        SELECT c.root, l.target, c.depth + 1
        FROM chain AS c
        GLOBAL INNER JOIN links AS l ON c.member = l.subscription_id
        WHERE c.depth < 50
    ),
    members AS
    (
        SELECT v.*, if(c.root != '', c.root, v.subscription_id) AS root, c.depth AS depth
        FROM visible AS v
        GLOBAL LEFT JOIN (SELECT member, min(root) AS root, min(depth) AS depth FROM chain GROUP BY member) AS c ON v.subscription_id = c.member
    ),
    lives AS
    (
        SELECT
            root,
            argMin(currency, depth) AS life_currency,
            min(started) AS began,
            argMax(live, depth) AS alive,
            argMax(tuple(ended_at), depth).1 AS ended,
            argMin(period_months, depth) AS months,
            argMin(unpaid_trial, depth) AS unpaid,
            -- amounts in another currency are never added
            arraySort(arrayFlatten(arrayMap(p -> p.2, arrayFilter(p -> p.1 = life_currency, groupArray((currency, paid)))))) AS payments,
            arrayFilter(c -> c.2 > 0, payments) AS charges
        FROM members
        WHERE root GLOBAL WITH_CODE (SELECT root FROM members WHERE subscription_id GLOBAL IN
            (SELECT subscription_id FROM CONVERSIONS UNION DISTINCT SELECT subscription_id FROM TRAITS WHERE ifNull(promo_code, '') != ''))
        GROUP BY root
    )
