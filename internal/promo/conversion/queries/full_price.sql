    facts AS
    (
        SELECT life_currency AS currency, charges[1].1 AS begins, alive, ended, true AS redeemed
        FROM lives
        WHERE notEmpty(charges) AND charges[1].3 > 0 AND charges[1].2 >= charges[1].3
    )
SELECT currency AS money, count() AS lives, RETENTION
FROM facts
WHERE begins >= {from:DateTime('UTC')} AND begins < {to:DateTime('UTC')}
GROUP BY currency
ORDER BY lives DESC, money
