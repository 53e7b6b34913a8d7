package care

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/transform"
)

// filterField is one filter of the list: a URL parameter and a condition on a
// subscription.
type filterField struct {
	Name, Label string
	Hint        string
	Kind        fieldKind
	Options     []option // of a choice
	// Suggest is a column whose values are suggested.
	Suggest string
	where   func(value string) string
}

// fieldKind says how a filter is entered and checked.
type fieldKind string

const (
	kindChoice fieldKind = "choice"
	kindNumber fieldKind = "number" // a whole number
	kindPrice  fieldKind = "price"
	kindDate   fieldKind = "date"
	kindText   fieldKind = "text" // the name of a term, resource or country; nothing personal
)

// option is one value of a choice.
type option struct{ Value, Label string }

// fixed is a condition that does not depend on the value.
func fixed(conditions map[string]string) func(string) string {
	return func(value string) string { return conditions[value] }
}

func with(condition string) func(string) string { return func(string) string { return condition } }

// openDrift and redeemed are the subscriptions with an open disagreement, and those with a
// promo code.
const (
	openDrift = "subscription_id IN (SELECT subscription_id FROM drift FINAL WHERE closed_at IS NULL AND severity = 'drift')"
	redeemed  = "subscription_id IN (SELECT subscription_id FROM subscription_traits WHERE ifNull(promo_code, '') != '')"
)

// ourFilters are those that our tables answer. A user is listed when one of the user's
// subscriptions meets all of them.
var ourFilters = []filterField{
	{Name: "status", Label: "Status", Kind: kindChoice, where: with("status = {status:String}"), Options: []option{
		{"active", "active"}, {"fail_and_retry", "payment failed, retrying"}, {"expired", "expired"}, {"expired_with_error", "expired after failed payments"},
		{"cancelled", "cancelled"}, {"upgraded", "upgraded"}}},
	{Name: "live", Label: "Subscribed now", Kind: kindChoice, Options: []option{{"yes", "yes"}, {"no", "no, expired"}},
		where: fixed(map[string]string{"yes": "NOT closed", "no": "closed"})},
	{Name: "trial", Label: "Trial", Kind: kindChoice, Options: []option{{"now", "in trial now"}, {"had", "had a trial"}, {"never", "never had one"}},
		where: fixed(map[string]string{"now": "in_trial AND NOT closed", "had": "had_trial", "never": "NOT had_trial"})},
	{Name: "renews", Label: "Auto-renew", Kind: kindChoice, Options: []option{{"on", "on"}, {"off", "off"}},
		where: fixed(map[string]string{"on": "ifNull(autorenew, false)", "off": "autorenew = false"})},
	{Name: "ends_within", Label: "Period ends within days", Kind: kindNumber,
		where: with("NOT closed AND current_period_ends_at BETWEEN now64(3, 'UTC') AND now64(3, 'UTC') + toIntervalDay({ends_within:UInt32})")},
	{Name: "failed", Label: "Failed payments, at least", Kind: kindNumber, where: with("NOT closed AND failed_payments >= {failed:UInt32}")},
	{Name: "term", Label: "Term", Kind: kindText, Suggest: "term_name", where: with("term_name = {term:String}")},
	{Name: "resource", Label: "Resource", Kind: kindText, Suggest: "resource_name", where: with("resource_name = {resource:String}")},
	{Name: "country", Label: "Country", Kind: kindText, Suggest: "country", where: with("country = {country:String}")},
	{Name: "promo", Label: "Promo code redeemed", Kind: kindChoice, Options: []option{{"yes", "yes"}, {"no", "no"}}, Hint: "From the subscription log.",
		where: fixed(map[string]string{"yes": redeemed, "no": "NOT " + redeemed})},
	{Name: "price_from", Label: "Price from", Kind: kindPrice, where: with("price >= {price_from:Decimal(18, 4)}")},
	{Name: "price_to", Label: "Price to", Kind: kindPrice, where: with("price <= {price_to:Decimal(18, 4)}")},
	{Name: "since", Label: "Started since", Kind: kindDate, where: with("started_at >= {since:Date}")},
	{Name: "before", Label: "Started before", Kind: kindDate, where: with("started_at < {before:Date}")},
	{Name: "drift", Label: "Stream and Piano disagree", Kind: kindChoice, Options: []option{{"yes", "yes"}}, where: with(openDrift)},
}

// statusText is a status in the words of the filter.
func statusText(status string) string {
	for _, o := range ourFilters[0].Options {
		if o.Value == status {
			return o.Label
		}
	}
	return strings.ReplaceAll(status, "_", " ")
}

// pianoFilter is a filter that only Piano answers, by its own parameters.
type pianoFilter struct {
	option
	query customer.Query
}

// The first two are also marks of the list.
var pianoFilters = []pianoFilter{
	{option{markInquiry, "has an open inquiry"}, customer.Query{"has_unresolved_inquiry": "true"}},
	{option{markCard, "card expires soon"}, customer.Query{"credit_card_will_expire": "true"}},
	{option{"resolved", "has a resolved inquiry"}, customer.Query{"has_resolved_inquiry": "true"}},
	{option{"answered", "has a reply to an inquiry"}, customer.Query{"has_received_response_inquiry": "true"}},
	{option{"granted", "has granted access"}, accessBy("7")},
	{option{"bought", "has bought access"}, accessBy("1")},
	{option{"gift", "has access by a gift"}, accessBy("8")},
	{option{"licence", "has access by a site licence"}, accessBy("9,10,11")},
	{option{"external", "has access by another system"}, accessBy("5,13")},
	{option{"paypal", "pays by PayPal"}, paysBy("1,11")},
	{option{"braintree", "pays by Braintree"}, paysBy("4")},
	{option{"amazon", "pays by Amazon"}, paysBy("8")},
	{option{"worldpay", "pays by WorldPay"}, paysBy("12,13,14,15,20")},
	{option{"spreedly", "pays by Spreedly"}, paysBy("16,17,18,21")},
	{option{"edgil", "pays by Edgil"}, paysBy("19")},
}

// accessBy are users with access now, by Piano's numbers of term types.
func accessBy(types string) customer.Query {
	return customer.Query{"has_access": "true", "has_conversion_term_type": "true", "converted_term_types": types}
}

// paysBy are users by Piano's numbers of payment methods. It has no number for newer
// providers.
func paysBy(methods string) customer.Query { return customer.Query{"payment_methods": methods} }

const (
	markInquiry = "inquiry"
	markCard    = "card"
)

// sorting is an order of the list: an integer key, ascending, and then the user id.
type sorting struct{ Value, Label, key string }

var sortings = []sorting{
	{"none", "no order: fastest", "toInt64(0)"},
	{"latest", "latest event first", "-toUnixTimestamp64Milli(last_event)"},
	{"ends", "period ends first", "ifNull(toUnixTimestamp64Milli(ends), 9000000000000000)"},
	{"failed", "most failed payments first", "-toInt64(failed_now)"},
	{"oldest", "subscribed longest first", "ifNull(toUnixTimestamp64Milli(since_at), 9000000000000000)"},
	{"id", "user id", "toInt64(0)"},
}

// filter is what the URL of a list says.
type filter struct {
	values map[string]string // of ourFilters, checked
	only   string            // of pianoFilters; empty for none
	sort   sorting
	// The last row of the page before; afterUser is empty on the first page.
	afterKey, afterUser string
	// The last subscription of the page before, where the list walks.
	walked string
}

// walks reports whether the list is that of all users without an order, which is read in
// the order of the table.
func (f filter) walks() bool { return f.sort == sortings[0] && f.only == "" && len(f.values) == 0 }

const maxFilterText = 200

var wholeNumber = regexp.MustCompile(`^[0-9]{1,6}$`)

// valid reports whether a value fits the field.
func (f filterField) valid(value string) bool {
	switch f.Kind {
	case kindChoice:
		return slices.ContainsFunc(f.Options, func(o option) bool { return o.Value == value })
	case kindNumber:
		return wholeNumber.MatchString(value)
	case kindPrice:
		_, err := strconv.ParseFloat(value, 64)
		return err == nil && len(value) <= 12 && !strings.ContainsAny(value, "eExXnN+_")
	case kindDate:
		_, err := time.Parse(time.DateOnly, value)
		return err == nil
	default:
		return len(value) <= maxFilterText && !strings.Contains(value, "@") && transform.Guard(value) == value
	}
}

// parseFilter reads the filters of a URL. A value that does not fit is left out, and wrong
// has the label of its field.
func parseFilter(query url.Values) (f filter, wrong []string) {
	f = filter{values: map[string]string{}, sort: sortings[0]}
	for _, field := range ourFilters {
		switch value := strings.TrimSpace(query.Get(field.Name)); {
		case value == "":
		case field.valid(value):
			f.values[field.Name] = value
		default:
			wrong = append(wrong, field.Label)
		}
	}
	for _, one := range pianoFilters {
		if query.Get("only") == one.Value {
			f.only = one.Value
		}
	}
	for _, one := range sortings {
		if query.Get("sort") == one.Value {
			f.sort = one
		}
	}
	if key, err := strconv.ParseInt(query.Get("after"), 10, 64); err == nil && query.Get("user") != "" {
		f.afterKey, f.afterUser = strconv.FormatInt(key, 10), query.Get("user")
	}
	if walked := query.Get("walked"); validID(walked) {
		f.walked = walked
	}
	return f, wrong
}

// where is the condition on a subscription.
func (f filter) where() string {
	conditions := []string{"true"}
	for _, field := range ourFilters {
		if value, ok := f.values[field.Name]; ok {
			conditions = append(conditions, "ifNull("+field.where(value)+", false)")
		}
	}
	return strings.Join(conditions, " AND ")
}

// query is the filter as parameters of a URL, without the page.
func (f filter) query() url.Values {
	q := url.Values{}
	for name, value := range f.values {
		q.Set(name, value)
	}
	if f.only != "" {
		q.Set("only", f.only)
	}
	if f.sort != sortings[0] {
		q.Set("sort", f.sort.Value)
	}
	return q
}
