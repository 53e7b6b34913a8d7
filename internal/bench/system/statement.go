package system

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/bench/messages"
)

// fields are the members of a message as ClickHouse's JSON parser reads them, already in
// the types of the table, so that no column is converted later. NULL is what is absent, and
// the empty text for the two texts of the key.
const fields = `
  subscription_id String,
  user_id String,
  event_timestamp Nullable(DateTime64(3, 'UTC')),
  subscription_action String,
  event_name LowCardinality(Nullable(String)),
  resource_name LowCardinality(Nullable(String)),
  next_billed_at Nullable(DateTime64(3, 'UTC')),
  billing_period LowCardinality(Nullable(String)),
  term_type LowCardinality(Nullable(String)),
  term_name LowCardinality(Nullable(String)),
  transaction_value Nullable(Decimal(18, 4)),
  trial_period_ended_at Nullable(DateTime64(3, 'UTC')),
  trial_duration LowCardinality(Nullable(String)),
  billing_country_code LowCardinality(Nullable(String)),
  subscription_period_number Nullable(Int32),
  payment_mode LowCardinality(Nullable(String)),
  upgrade_to_subscription_id Nullable(String),
  user_email_hash_sha256 Nullable(String),
  email Nullable(String),
  is_internal_user Bool,
  experience_name LowCardinality(Nullable(String))`

// coordinates say where a message was read, as expressions.
type coordinates struct {
	source, name, partition, offset, millis string
}

// selection is the transformation of the plain notation in SQL: the identity, the version,
// the canonical action, the hash of an address, and which messages are stored. It has no
// regular expression, which would take more time than all the rest. It does not look for
// addresses in texts, keeps no dead letters, and knows no notation but the plain one.
func selection(from string, c coordinates, condition string) string {
	spellings := slices.Sorted(maps.Keys(messages.Spellings))
	var from_, to []string
	for _, s := range spellings {
		from_ = append(from_, "'"+s+"'")
		to = append(to, "'"+messages.Spellings[s]+"'")
	}
	return fmt.Sprintf(`WITH
  assumeNotNull(s.event_timestamp) AS at,
  transform(s.subscription_action, [%s], [%s], s.subscription_action) AS action
SELECT
  reinterpretAsUUID(murmurHash3_128(concat(s.subscription_id, char(31), toString(toUnixTimestamp64Milli(at)), char(31), action))) AS event_id,
  s.subscription_id AS subscription_id,
  s.user_id AS user_id,
  at AS event_timestamp,
  action AS subscription_action,
  s.event_name AS event_name,
  s.resource_name AS resource_name,
  s.next_billed_at AS next_billed_at,
  s.billing_period AS billing_period,
  s.term_type AS term_type,
  s.term_name AS term_name,
  s.transaction_value AS transaction_value,
  s.trial_period_ended_at AS trial_period_ended_at,
  s.trial_duration AS trial_duration,
  if(length(s.billing_country_code) = 2, upper(s.billing_country_code), s.billing_country_code) AS billing_country_code,
  s.subscription_period_number AS subscription_period_number,
  s.payment_mode AS payment_mode,
  s.upgrade_to_subscription_id AS upgrade_to_subscription_id,
  coalesce(lower(s.user_email_hash_sha256), lower(hex(SHA256(lowerUTF8(s.email))))) AS user_email_hash_sha256,
  s.is_internal_user AS is_internal_user,
  s.experience_name AS experience_name,
  s.subscription_action AS subscription_action_raw,
  bitShiftLeft(toUInt64(%[6]s), 20) + bitAnd(toUInt64(%[5]s), 1048575) AS version,
  now64(3, 'UTC') AS synced_at,
  '%[3]s' AS source,
  %[7]s AS source_name,
  toInt32(%[4]s) AS source_partition,
  toInt64(%[5]s) AS source_offset
FROM %[8]s AS s
WHERE %[9]s AND NOT s.is_internal_user AND s.subscription_id != '' AND s.subscription_action != '' AND s.event_timestamp IS NOT NULL`,
		strings.Join(from_, ", "), strings.Join(to, ", "), c.source, c.partition, c.offset, c.millis, c.name, from, condition)
}
