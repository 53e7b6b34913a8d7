package subscriptionlog

import (
	"slices"
	"strings"
	"unicode"

	"github.com/pianola/pianola/internal/piano"
)

// The log writes what the API writes as cancelled or grant_access in words for
// people. Piano documents no list of them. A word that is the API's but for case,
// spaces and punctuation is taken for it; the rest are assumptions, each with its
// reason. An unknown word is kept, lower-cased with underscores, and counted.

// reportStatuses are the words of reports that the API has another name for.
var reportStatuses = map[string]string{
	"canceled": "cancelled",
	// Reports tell those apart whose auto-renew is off; to the API both are active.
	"wont_renew": "active", "will_not_renew": "active",
	"payment_failed": failing, "payment_failure": failing,
}

const failing = "fail_and_retry"

// status is the API's name of a status. Reports have one word for a payment that
// has failed, whether it is tried again or that was the end: the end date tells.
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

// termTypes are the API's names, and the words of the console's menu where they
// differ.
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

// word is a text as the API would write it as a name: "Won't renew" is wont_renew.
// A text without a letter or digit stays as it is.
func word(text string) string {
	parts := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '’'
	})
	if name := strings.NewReplacer("'", "", "’", "").Replace(strings.Join(parts, "_")); name != "" {
		return name
	}
	return text
}
