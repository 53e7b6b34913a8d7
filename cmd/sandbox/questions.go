package main

// question is a typical question of an analyst. The report prints the SQL and its
// result.
type question struct {
	asks string
	sql  string
}

var questions = []question{
	{
		asks: "How many subscriptions start, renew and end each month?",
		sql: `SELECT formatDateTime(event_timestamp, '%Y-%m') AS month,
       countIf(subscription_action = 'Created')       AS created,
       countIf(subscription_action = 'Renewed')       AS renewed,
       countIf(subscription_action = 'PaymentFailed') AS payment_failed,
       countIf(subscription_action IN ('Canceled', 'Expired')) AS ended
FROM piano.analytics_events
GROUP BY month ORDER BY month DESC LIMIT 6`,
	},
	{
		asks: "Which plans have the highest revenue in each currency?",
		sql: `SELECT right(term_name, 3) AS currency, billing_period AS plan,
       uniqExact(subscription_id)       AS subscriptions,
       round(sum(transaction_value))    AS revenue
FROM piano.analytics_events
WHERE currency IN ('EUR', 'USD', 'DKK')
GROUP BY currency, plan ORDER BY currency, revenue DESC LIMIT 2 BY currency`,
	},
	{
		asks: "How many subscriptions renew within 15 days after their first failed payment?",
		sql: `WITH failed AS (
  SELECT subscription_id, min(event_timestamp) AS failed_at
  FROM piano.piano_subscriber_event_stream
  WHERE subscription_action = 'PaymentFailed'
  GROUP BY subscription_id
), renewed AS (
  SELECT subscription_id, groupArray(event_timestamp) AS at
  FROM piano.piano_subscriber_event_stream
  WHERE subscription_action = 'Renewed'
  GROUP BY subscription_id
)
SELECT count() AS subscriptions_with_a_failure,
       countIf(arrayExists(t -> t > failed_at AND t <= failed_at + INTERVAL 15 DAY, at)) AS recovered,
       round(100 * recovered / subscriptions_with_a_failure, 1) AS percent
FROM failed LEFT JOIN renewed USING subscription_id`,
	},
	{
		asks: "Which messages became dead letters, and why?",
		sql: `SELECT reason, ifNull(field, '') AS field, any(detail) AS example, count() AS messages
FROM piano.dead_letters FINAL
GROUP BY reason, field ORDER BY messages DESC LIMIT 8`,
	},
}
