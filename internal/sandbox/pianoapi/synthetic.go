package pianoapi

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
)

// Synthetic is a Store of many subscriptions for measurements. It computes each
// subscription from its number, so that a million of them need no memory. All start
// in the half year after Begin, have a monthly plan, and were renewed four times.
// Their status determines the events after that. EventsSQL returns the same events
// as SQL.
type Synthetic struct {
	Subscriptions int
	Begin         time.Time // whole seconds, and at least a year ago
}

// block is a range of subscriptions with one status: percent of all.
type block struct {
	status  string
	percent int
	last    string // SQL: actions after the last renewal
}

// blocks are in the order of the subscriptions. The last takes the rest.
var blocks = []block{
	{"active", 55, "['Auto-renew enabled']"},
	{"wait_confirmed", 1, "['Auto-renew enabled']"},
	{"pending", 1, "['Auto-renew enabled']"},
	{"not_started", 1, "['Auto-renew enabled']"},
	{"fail_and_retry", 3, "['PaymentFailed']"},
	{"cancelled", 6, "['Canceled']"},
	{"expired_with_error", 6, "['PaymentFailed', 'Expired']"},
	{"completed", 2, "['Auto-renew disabled', 'Expired']"},
	{"deleted", 2, "['Auto-renew disabled', 'Expired']"},
	{"expired", 100, "['Auto-renew disabled', 'Expired']"},
}

const (
	syntheticPrefix = "SYN"
	syntheticPeriod = 30 * 86_400 // seconds
	syntheticSpread = 182 * 86_400
	syntheticPrice  = "12.99"
)

// span returns the numbers [from, to) of a block.
func (s Synthetic) span(index int) (from, to int) {
	percent := 0
	for _, b := range blocks[:index] {
		percent += b.percent
	}
	from = s.Subscriptions * percent / 100
	return from, s.Subscriptions * min(100, percent+blocks[index].percent) / 100
}

// List implements Store.
func (s Synthetic) List(q Query) (part []Subscription, total int) {
	from, to := 0, 0
	switch {
	case q.UserID != "":
		if n, ok := s.number(strings.Replace(q.UserID, "u-", syntheticPrefix, 1)); ok {
			from, to = n, n+1
		}
	case q.Status == "":
		to = s.Subscriptions
	default:
		for i, b := range blocks {
			if b.status == q.Status {
				from, to = s.span(i)
			}
		}
	}
	for n := from + q.Offset; n < min(from+q.Offset+q.Limit, to); n++ {
		part = append(part, s.at(n))
	}
	return part, to - from
}

// Get implements Store.
func (s Synthetic) Get(id string) (Subscription, bool) {
	n, ok := s.number(id)
	if !ok {
		return Subscription{}, false
	}
	one := s.at(n)
	goes := live(one.Status)
	one.Details = &Details{WillAutoRenew: goes, CreateDate: one.StartDate, Active: goes, AutoRenewChangeEnabled: goes}
	return one, true
}

// All implements Store.
func (s Synthetic) All() iter.Seq[*Subscription] {
	return func(yield func(*Subscription) bool) {
		for n := range s.Subscriptions {
			if one := s.at(n); !yield(&one) {
				return
			}
		}
	}
}

// number parses an id.
func (s Synthetic) number(id string) (n int, ok bool) {
	digits, ok := strings.CutPrefix(id, syntheticPrefix)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && len(digits) == 9 && n >= 0 && n < s.Subscriptions
}

// began returns the start of a subscription in seconds.
func (s Synthetic) began(n int) int64 { return s.Begin.Unix() + int64(n)*7919%syntheticSpread }

func (s Synthetic) at(n int) Subscription {
	status := ""
	for i := range blocks {
		if _, to := s.span(i); n < to {
			status = blocks[i].status
			break
		}
	}
	who := makePerson(fmt.Sprintf("u-%09d", n), fmt.Sprintf("reader.%d@example.com", n), n)
	began := s.began(n)
	ends := began + 5*syntheticPeriod
	plan, price, currency := "["+syntheticPrice+" EUR|1 month|*]", jsonAmount(syntheticPrice), "EUR"
	one := Subscription{
		ID: fmt.Sprintf("%s%09d", syntheticPrefix, n), AutoRenew: live(status), PaymentMethod: "Visa ****4242", BillingPlan: plan,
		Status: status, StatusName: statusName(status), StatusNameInReports: reportStatus(status),
		Term: Term{ID: "TMPAY00", AID: DefaultAID, Name: "Basic 1 month", Type: "payment", TypeName: "Payment",
			BillingPlan: &plan, PlanDescription: &plan, FirstPrice: &price, Currency: &currency, ChangeOptions: []ChangeOption{}},
		Resource: resourceOf("Digital Access"),
		User: User{UID: who.uid, Email: who.email, FirstName: who.first, LastName: who.last, PersonalName: who.first + " " + who.last,
			CreateDate: began, LastLogin: began},
		StartDate: began, Cancelable: live(status), ChargeCount: 5, AcquisitionType: "purchase",
		periodText: "1 month", priceText: syntheticPrice + "00",
	}
	if live(status) {
		one.NextBillDate = &ends
	} else {
		one.EndDate = &ends
	}
	return one
}

// EventsSQL returns a statement that inserts the events of all subscriptions into a
// table like subscription_events, six or seven per subscription.
func (s Synthetic) EventsSQL(table string) string {
	var last, bounds strings.Builder
	for i, b := range blocks {
		_, to := s.span(i)
		fmt.Fprintf(&bounds, "%sn < %d, %s", map[bool]string{true: ", "}[i > 0], to, b.last)
	}
	fmt.Fprintf(&last, "multiIf(%s, [])", bounds.String())
	return fmt.Sprintf(`INSERT INTO %s (event_id, subscription_id, user_id, event_timestamp, subscription_action, subscription_action_raw,
  next_billed_at, billing_period, term_type, transaction_value, version, synced_at)
SELECT
    reinterpretAsUUID(murmurHash3_128(concat(id, '\x1f', toString(toUnixTimestamp64Milli(at)), '\x1f', action))) AS event_id,
    id, user, at, action, action,
    if(charged, at + INTERVAL %[3]d SECOND, NULL), '1 month', 'payment', if(charged, toDecimal64('%[4]s', 4), NULL),
    bitShiftLeft(toUInt64(toUnixTimestamp64Milli(at)), 20) + k, at
FROM
(
    SELECT
        number AS n,
        concat('%[5]s', leftPad(toString(n), 9, '0')) AS id, concat('u-', leftPad(toString(n), 9, '0')) AS user,
        arrayConcat(['Created', 'Renewed', 'Renewed', 'Renewed', 'Renewed'], %[6]s) AS actions,
        arrayJoin(arrayEnumerate(actions)) AS k, actions[k] AS action, k <= 5 AS charged,
        toDateTime64(%[7]d + (n * 7919) %% %[8]d + least(k - 1, 4 + (action IN ('PaymentFailed', 'Canceled', 'Expired'))) * %[3]d
            + (action = 'Auto-renew disabled' OR action = 'Auto-renew enabled'), 3, 'UTC') AS at
    FROM numbers(%[2]d)
)`, table, s.Subscriptions, syntheticPeriod, syntheticPrice, syntheticPrefix, last.String(), s.Begin.Unix(), syntheticSpread)
}
