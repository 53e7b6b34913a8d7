package segment

import (
	"strings"

	"github.com/pianola/pianola/schemas"
)

// match is the query of the users of a segment: user_id, the latest matching subscription,
// the number of matching ones, and MRR by currency. Rows without a user have an empty
// user_id.
//
// visible has the columns of subscriptions, and: live, in_trial, overdue, paid (charged at
// least once), charges (time and amount above zero, in order), codes (its promo codes, in
// capitals), and redeemed (paid with a code: a code on a trial is only reserved until a
// charge). people has live, last_end and redeemed of all subscriptions of a user.
func match(o schemas.Options, d Definition) string {
	return strings.NewReplacer(
		"SUBSCRIPTIONS", o.Table(schemas.StateTable), "INTERNAL", schemas.InternalQuery(o),
		"TRAITS", o.Table("subscription_traits"), "CONVERSIONS", o.Table("promo_conversions"),
		"FILTERS", filterCondition, "WHERE_SEGMENT", d.where,
	).Replace(`WITH
  {at:DateTime64(3, 'UTC')} AS at,
  coded AS
  (
    SELECT subscription_id, groupUniqArray(code) AS codes, max(used) AS used
    FROM
    (
      SELECT subscription_id, promo_code AS code, code_state = 'used' AS used FROM CONVERSIONS FINAL WHERE subscription_id != '' AND promo_code != ''
      UNION ALL
      SELECT subscription_id, upperUTF8(trimBoth(ifNull(promo_code, ''))) AS code, false AS used FROM TRAITS WHERE code != ''
    )
    GROUP BY subscription_id
  ),
  visible AS
  (
    SELECT
      s.user_id AS user_id, s.subscription_id AS subscription_id, s.status AS status, s.closed AS closed, s.autorenew AS autorenew,
      s.failed_payments AS failed_payments, s.current_period_ends_at AS current_period_ends_at, s.trial_ends_at AS trial_ends_at,
      s.ended_at AS ended_at, s.end_reason AS end_reason, s.country AS country, s.resource_name AS resource_name, s.term_name AS term_name,
      s.regular_price AS regular_price, s.currency AS currency, s.last_event_at AS last_event_at, s.mrr_after_trial AS mrr_after_trial,
      s.status != '' AND NOT s.closed AS live,
      s.trial_open AND NOT ifNull(s.trial_ends_at <= at, false) AS in_trial,
      live AND ifNull(s.current_period_ends_at + INTERVAL 7 DAY < at, false) AS overdue,
      arrayMap(c -> (c.at, c.value), arrayFilter(c -> c.value > 0 AND c.counts AND c.at <= at, s.payments)) AS charges,
      notEmpty(charges) AS paid,
      c.codes AS codes,
      c.used OR (notEmpty(c.codes) AND NOT (s.had_trial AND NOT s.paid_after_trial)) AS redeemed
    FROM (SELECT * FROM SUBSCRIPTIONS FINAL WHERE counts AND subscription_id GLOBAL NOT IN (INTERNAL)) AS s
    GLOBAL LEFT JOIN coded AS c ON s.subscription_id = c.subscription_id
  ),
  people AS
  (
    -- Subscriptions without a user are each a person of their own.
    SELECT user_id, if(user_id = '', subscription_id, '') AS alone, countIf(live) AS live, max(ended_at) AS last_end, max(redeemed) AS redeemed
    FROM visible
    GROUP BY user_id, alone
  )
SELECT
  s.user_id AS user_id,
  argMax(s.subscription_id, (s.last_event_at, s.subscription_id)) AS subscription_id,
  count() AS subscriptions,
  sumMap(map(toString(s.currency), toFloat64(if(s.live AND NOT s.in_trial, s.mrr_after_trial, toDecimal64(0, 4))))) AS mrr
FROM visible AS s
GLOBAL INNER JOIN people AS p ON s.user_id = p.user_id AND if(s.user_id = '', s.subscription_id, '') = p.alone
WHERE (WHERE_SEGMENT)
  AND FILTERS
GROUP BY user_id
SETTINGS join_use_nulls = 0, enable_analyzer = 1, max_bytes_before_external_group_by = 1000000000`)
}
