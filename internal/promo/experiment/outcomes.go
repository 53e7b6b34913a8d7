package experiment

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// counts are the people of one arm. All but assigned and otherCode are of those analysed:
// the first ones, up to the planned number.
type counts struct {
	arm                            string
	assigned, analysed             uint64
	due, converted                 uint64 // converted: of those due
	renewalDue, renewed, otherCode uint64
}

// money is the revenue of one arm and currency, of those due at the renewal.
type money struct {
	arm, currency string
	sum, squares  float64
}

// people are the assigned users with their later charges: at, value, whether it is the list
// price or more. Charges of terms that do not count are no charges.
//
// analysed are the first users of each arm, up to the planned number. So the result is of one
// fixed set of people at every look: with the others, each look after the planned size would be
// another test. A hash decides among those who were assigned
// at once.
const people = `assigned AS
  (
    SELECT user_id, toString(arm) AS arm, assigned_at,
      row_number() OVER (PARTITION BY arm ORDER BY assigned_at, sipHash64(experiment_id, user_id), user_id) <= transform(toString(arm), {arms:Array(String)}, {planned:Array(UInt64)}, toUInt64(0)) AS analysed
    FROM ASSIGNMENTS FINAL WHERE experiment_id = {id:String}
  ),
  charged AS
  (
    SELECT user_id, toString(currency) AS currency, subscription_id, p.at AS paid_at, p.value AS value, p.value > 0 AND ifNull(p.value >= regular_price, false) AS full
    FROM (SELECT user_id, subscription_id, currency, regular_price, payments FROM SUBSCRIPTIONS FINAL WHERE user_id GLOBAL IN (SELECT user_id FROM assigned) AND subscription_id GLOBAL NOT IN (INTERNAL))
    ARRAY JOIN payments AS p
    WHERE p.counts AND p.at <= {at:DateTime64(3, 'UTC')}
  )`

const countQuery = `WITH
  ` + people + `,
  coded AS
  (
    SELECT s.user_id AS user_id, groupArray((c.promotion_id, c.created_at)) AS codes
    FROM (SELECT subscription_id, promotion_id, created_at FROM CONVERSIONS FINAL WHERE promotion_id IN {promotions:Array(String)} AND code_state != 'active') AS c
    GLOBAL INNER JOIN (SELECT subscription_id, user_id FROM SUBSCRIPTIONS FINAL WHERE user_id GLOBAL IN (SELECT user_id FROM assigned)) AS s ON c.subscription_id = s.subscription_id
    GROUP BY user_id
  ),
  histories AS
  (
    SELECT user_id, arraySort(groupArray((paid_at, value, full))) AS charges FROM charged WHERE value > 0 GROUP BY user_id
  )
SELECT
  arm, count(), countIf(analysed), countIf(analysed AND due), countIf(analysed AND due AND converted),
  countIf(analysed AND renewal_due), countIf(analysed AND renewal_due AND renewed), countIf(other_code)
FROM
(
  SELECT
    a.arm AS arm, a.analysed AS analysed,
    arrayFilter(c -> c.1 > a.assigned_at, h.charges) AS later,
    a.assigned_at + toIntervalDay({conversion_days:UInt32}) AS until,
    a.assigned_at + toIntervalDay({renewal_days:UInt32}) AS renewal_until,
    until <= {at:DateTime64(3, 'UTC')} AS due,
    renewal_until <= {at:DateTime64(3, 'UTC')} AS renewal_due,
    arrayExists(c -> c.1 <= until, later) AS converted,
    -- after the first charge, which may be discounted
    arrayExists(c -> c.3 AND c.1 <= renewal_until, arraySlice(later, 2)) AS renewed,
    arrayExists(c -> c.1 != transform(a.arm, {arms:Array(String)}, {arm_promotions:Array(String)}, '') AND c.2 >= a.assigned_at, k.codes) AS other_code
  FROM assigned AS a
  LEFT JOIN histories AS h ON a.user_id = h.user_id
  LEFT JOIN coded AS k ON a.user_id = k.user_id
)
GROUP BY arm
SETTINGS join_use_nulls = 0, enable_analyzer = 1`

const moneyQuery = `WITH
  ` + people + `
SELECT arm, currency, sum(revenue), sum(revenue * revenue)
FROM
(
  SELECT a.arm AS arm, c.currency AS currency, toFloat64(sum(c.value)) AS revenue
  FROM assigned AS a
  INNER JOIN charged AS c ON a.user_id = c.user_id
  WHERE a.analysed AND a.assigned_at + toIntervalDay({renewal_days:UInt32}) <= {at:DateTime64(3, 'UTC')}
    AND c.paid_at > a.assigned_at AND c.paid_at <= a.assigned_at + toIntervalDay({renewal_days:UInt32})
  GROUP BY a.arm, a.user_id, c.currency
)
GROUP BY arm, currency
ORDER BY currency, arm
SETTINGS enable_analyzer = 1`

func (x Experiments) outcomes(ctx context.Context, e *Experiment, at time.Time) ([]counts, []money, error) {
	names := strings.NewReplacer("ASSIGNMENTS", x.Tables.Table("experiment_assignments"), "SUBSCRIPTIONS", x.Tables.Table(schemas.StateTable),
		"INTERNAL", schemas.InternalQuery(x.Tables), "CONVERSIONS", x.Tables.Table("promo_conversions"))
	var arms, own, promotions, planned []string
	for _, a := range e.Arms {
		arms, own, planned = append(arms, a.Name), append(own, a.PromotionID), append(planned, strconv.FormatUint(a.Planned, 10))
		if a.PromotionID != "" {
			promotions = append(promotions, a.PromotionID)
		}
	}
	parameters := clickhouse.Parameters{
		"id": statement.Text(e.ID), "at": statement.Instant(at), "planned": "[" + strings.Join(planned, ",") + "]",
		"conversion_days": strconv.Itoa(int(e.ConversionDays)), "renewal_days": strconv.Itoa(int(e.RenewalDays)),
		"arms": statement.Texts(arms), "arm_promotions": statement.Texts(own), "promotions": statement.Texts(promotions),
	}
	people, err := store.Read(ctx, x.Store, "count the outcomes", names.Replace(countQuery), parameters, func(row driver.Rows, c *counts) error {
		return row.Scan(&c.arm, &c.assigned, &c.analysed, &c.due, &c.converted, &c.renewalDue, &c.renewed, &c.otherCode)
	})
	if err != nil {
		return nil, nil, err
	}
	revenue, err := store.Read(ctx, x.Store, "add up the revenue", names.Replace(moneyQuery), parameters, func(row driver.Rows, m *money) error {
		return row.Scan(&m.arm, &m.currency, &m.sum, &m.squares)
	})
	return people, revenue, err
}

// codesRead is when conversions were last read from Piano; nil for never.
func (x Experiments) codesRead(ctx context.Context) (*time.Time, error) {
	times, err := store.Read(ctx, x.Store, "read the time of promo_conversions", "SELECT max(read_at) FROM "+x.Tables.Table("promo_conversions")+" WHERE conversion_id = ''", nil,
		func(row driver.Rows, at *time.Time) error { return row.Scan(at) })
	if err != nil || len(times) == 0 || times[0].Unix() <= 0 {
		return nil, err
	}
	at := times[0].UTC()
	return &at, nil
}
