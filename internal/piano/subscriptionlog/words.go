package subscriptionlog

import (
	"slices"
	"strings"
	"unicode"

	"github.com/pianola/pianola/internal/piano"
)

// The log has display texts for the names of the API, such as cancelled or grant_access.
// Piano documents no list of them. A text that differs from a name only in case, spaces
// and punctuation is that name; the rest are assumptions, each with its reason. An
// unknown text is kept, lower-cased with underscores, and counted.

// reportStatuses are the texts of reports with another name in the API.
var reportStatuses = map[string]string{
	"canceled": "cancelled",
	// Reports distinguish subscriptions without auto-renew; in the API both are active.
	"wont_renew": "active", "will_not_renew": "active",
	"payment_failed": failing, "payment_failure": failing,
}

const failing = "fail_and_retry"

// status is the API's name of a status. Reports have one text for a failed payment; the
// end date shows whether it is being retried or the subscription has ended.
func status(text string, ended bool) (name string, known bool) {
	name = word(text)
	if slices.Contains(piano.Statuses(), name) {
		return name, true
	}
	api, known := reportStatuses[name]
	switch {
	case !known:
		return name, false
	case api == failing && ended:
		return "expired_with_error", true
	default:
		return api, true
	}
}

// termTypes are the API's names, and the texts of the console's menu where they differ.
var termTypes = map[string]string{
	"payment": "payment", "adview": "adview", "registration": "registration", "newsletter": "newsletter",
	"external": "external", "custom": "custom", "grant_access": "grant_access", "gift": "gift",
	"specific_email_addresses_contract": "specific_email_addresses_contract", "email_domain_contract": "email_domain_contract",
	"ip_range_contract": "ip_range_contract", "dynamic": "dynamic", "linked": "linked",

	"ad_view": "adview", "newsletter_signup": "newsletter", "external_service": "external", "access_granted": "grant_access",
	"specific_email_addresses": "specific_email_addresses_contract", "email_domain": "email_domain_contract",
	"ip_range": "ip_range_contract", "linked_term": "linked",
}

func termType(text string) (name string, known bool) {
	name = word(text)
	if api, known := termTypes[name]; known || name == "" {
		return api, true
	}
	return name, false
}

// word is a text in the form of the API's names: "Won't renew" is wont_renew. A text without
// a letter or digit stays unchanged.
func word(text string) string {
	parts := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '’'
	})
	if name := strings.NewReplacer("'", "", "’", "").Replace(strings.Join(parts, "_")); name != "" {
		return name
	}
	return text
}
