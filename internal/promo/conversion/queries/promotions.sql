    rules AS
    (
        SELECT promotion_id, groupArray((valid_from, discounted_periods, promotion_name, fixed_code, code_prefix)) AS versions
        FROM (SELECT * FROM RULES FINAL ORDER BY promotion_id, valid_from)
        GROUP BY promotion_id
    ),
    -- A code of the traits has no promotion. It is the one with this fixed code, else the one
    -- with the longest prefix that fits.
    trait_codes AS
    (
        SELECT subscription_id, code, argMaxIf(r.promotion_id, (r.fixed = code, length(r.prefix)), r.fixed = code OR (r.prefix != '' AND startsWith(code, r.prefix))) AS promotion_id
        FROM (SELECT subscription_id, upperUTF8(trimBoth(ifNull(promo_code, ''))) AS code FROM TRAITS WHERE code != '') AS t
        CROSS JOIN (SELECT '' AS promotion_id, '' AS fixed, '' AS prefix UNION ALL SELECT promotion_id, versions[-1].4, versions[-1].5 FROM rules) AS r
        GROUP BY subscription_id, code
    ),
    coded AS
    (
        SELECT
            subscription_id, if(promotion_id != '', promotion_id, concat('code ', code)) AS promotion,
            max(promotion_id) AS promotion_of, max(code) AS code_of,
            max(in_piano) AS piano, max(in_traits) AS traits, max(used) AS was_used,
            minIf(code_at, in_piano) AS piano_at,
            argMinIf(tuple(original - amount), code_at, in_piano AND NOT renewal AND isNotNull(original - amount)).1 AS known_discount
        FROM
        (
            SELECT subscription_id, promotion_id, promo_code AS code, true AS in_piano, false AS in_traits, code_state = 'used' AS used,
                is_renewal AS renewal, created_at AS code_at, original_price AS original, amount
            FROM CONVERSIONS FINAL
            WHERE subscription_id != '' AND code_state != 'active'
            UNION ALL
            SELECT subscription_id, promotion_id, code, false, true, false, false, toDateTime64(0, 3, 'UTC'), NULL, NULL
            FROM trait_codes
        )
        GROUP BY subscription_id, promotion
    ),
    -- A life with the same code on several of its subscriptions has it once.
    life_codes AS
    (
        SELECT
            m.root AS root, c.promotion AS promotion, max(c.promotion_of) AS promotion_id, max(c.code_of) AS code, max(c.piano) AS in_piano, max(c.traits) AS in_traits,
            max(c.was_used) AS used, minIf(c.piano_at, c.piano) AS piano_at, argMin(tuple(c.known_discount), m.depth).1 AS known_discount
        FROM coded AS c
        GLOBAL INNER JOIN members AS m ON c.subscription_id = m.subscription_id
        GROUP BY root, promotion
    ),
    facts AS
    (
        SELECT
            k.promotion AS promotion, k.promotion_id AS promotion_id, k.code AS code, l.life_currency AS currency, k.in_piano AS in_piano, k.in_traits AS in_traits,
            l.alive AS alive, l.ended AS ended, l.months AS months, l.charges AS charges, l.payments AS payments, k.known_discount AS known_discount,
            if(in_piano, k.piano_at, l.began) AS code_at,
            -- A code on a trial, or on a payment that has not come, is only reserved. Piano says
            -- so, until a charge is newer than what was read.
            k.used OR if(in_piano, arrayExists(c -> c.1 >= code_at, charges), NOT l.unpaid) AS redeemed,
            NOT redeemed AND alive AS reserved,
            arrayFirst(c -> c.1 >= code_at - INTERVAL 1 DAY, charges) AS first_charge,
            if(first_charge.2 > 0, first_charge.1, code_at) AS begins,
            notEmpty(r.versions) AS rule_known,
            -- the version that held then; without a rule the discount is of the first period
            multiIf(NOT rule_known, (toDateTime64(0, 3, 'UTC'), toNullable(toUInt32(1)), '', '', ''),
                arrayExists(v -> v.1 <= code_at, r.versions), arrayLast(v -> v.1 <= code_at, r.versions), r.versions[1]) AS rule,
            months > 0 AND isNotNull(rule.2) AS has_step_up,
            begins + toIntervalDay(toUInt32(round(ifNull(rule.2, 0) * months * 365.25 / 12))) AS step_up,
            has_step_up AND step_up + INTERVAL 7 DAY <= at AS due,
            -- half a period separates it from the first charge, which is absent where the first period was free
            arrayExists(c -> c.3 > 0 AND c.2 >= c.3 AND c.1 > begins + toIntervalDay(toUInt32(round(months * 365.25 / 24))), charges) AS full_price,
            due AND (alive OR ifNull(ended >= step_up - INTERVAL 1 DAY, false)) AS reached,
            arrayFilter(c -> c.1 >= begins, charges) AS later,
            arrayFilter(c -> c.2 < 0 AND c.1 >= begins, payments) AS refunds,
            if(first_charge.2 > 0 AND first_charge.3 > first_charge.2, first_charge.3 - first_charge.2, toDecimal64(0, 4)) AS list_discount
        FROM life_codes AS k
        GLOBAL INNER JOIN lives AS l ON k.root = l.root
        GLOBAL LEFT JOIN rules AS r ON k.promotion_id = r.promotion_id
    )
SELECT
    any(f.promotion_id) AS id, max(f.rule.3) AS name, if(id != '', max(f.rule.4), max(f.code)) AS shown_code, max(f.rule.5) AS prefix, f.currency AS money, min(f.rule_known) AS known,
    count() AS lives, countIf(in_piano) AS by_piano, countIf(in_traits) AS by_traits,
    countIf(redeemed) AS redeemed_lives, countIf(reserved) AS reserved_lives, countIf(NOT redeemed AND NOT reserved) AS released_lives,
    countIf(redeemed AND due) AS due_lives, countIf(redeemed AND has_step_up AND NOT due) AS not_due_lives, countIf(redeemed AND NOT has_step_up) AS without_step_up,
    countIf(redeemed AND due AND full_price) AS full_price_lives, countIf(redeemed AND reached) AS reached_lives, countIf(redeemed AND reached AND NOT full_price) AS lost_lives,
    countIf(redeemed AND isNotNull(known_discount)) AS discount_known,
    toFloat64(sumIf(greatest(ifNull(known_discount, list_discount), toDecimal64(0, 4)), redeemed)) AS first_discount,
    toFloat64(sumIf(arraySum(c -> if(c.3 > c.2, c.3 - c.2, toDecimal64(0, 4)), later), redeemed)) AS discount,
    toFloat64(sumIf(arraySum(c -> c.2, later), redeemed)) AS charged,
    toFloat64(-sumIf(arraySum(c -> c.2, refunds), redeemed)) AS refunded, countIf(redeemed AND notEmpty(refunds)) AS with_refund,
    RETENTION
FROM facts AS f
WHERE f.code_at >= {from:DateTime('UTC')} AND f.code_at < {to:DateTime('UTC')}
GROUP BY f.promotion, f.currency
ORDER BY redeemed_lives DESC, id, shown_code, money
