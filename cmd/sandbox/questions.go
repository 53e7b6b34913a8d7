package main

// question is one that an analyst would ask; the SQL is shown with its answer.
type question struct {
	asks string
	sql  string
}

var questions = []question{
	{
		asks: "How did the subscriptions move, month by month?",
		sql: `SELECT formatDateTime(event_timestamp, '%Y-%m') AS month,
       countIf(subscription_action = 'Created')       AS created,
       countIf(subscription_action = 'Renewed')       AS renewed,
       countIf(subscription_action = 'PaymentFailed') AS payment_failed,
       countIf(subscription_action IN ('Canceled', 'Expired')) AS ended
FROM piano.analytics_events
GROUP BY month ORDER BY month DESC LIMIT 6`,
	},
	{
		asks: "Which plans bring the money? (The world prices in three currencies; a plan's name ends in its own.)",
		sql: `SELECT right(term_name, 3) AS currency, billing_period AS plan,
       uniqExact(subscription_id)       AS subscriptions,
       round(sum(transaction_value))    AS revenue
FROM piano.analytics_events
WHERE currency IN ('EUR', 'USD', 'DKK')
GROUP BY currency, plan ORDER BY currency, revenue DESC LIMIT 2 BY currency`,
	},
	{
		asks: "After a first failed payment, how many subscriptions are renewed within 15 days?",
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
		asks: "What was refused, and why?",
		sql: `SELECT reason, ifNull(field, '') AS field, any(detail) AS example, count() AS messages
FROM piano.dead_letters FINAL
GROUP BY reason, field ORDER BY messages DESC LIMIT 8`,
	},
}
