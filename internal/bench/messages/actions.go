package messages

import "github.com/pianola/pianola/schemas"

// Spellings are the texts in which the stream writes an action, beside the canonical one.
// A publisher has few of them, so that other systems can look them up in a list.
var Spellings = map[string]string{
	"subscription_created":               schemas.Created,
	"subscription_auto_renewed":          schemas.Renewed,
	"RENEWED":                            schemas.Renewed,
	"subscription_expire":                schemas.Expired,
	"subscription_cancelled":             schemas.Canceled,
	"free_trial_started":                 schemas.TrialStarted,
	"trial_period_ended":                 schemas.TrialEnded,
	"renewal_failure":                    schemas.PaymentFailed,
	"term_upgrade":                       schemas.Upgraded,
	"term_downgrade":                     schemas.Downgraded,
	"subscription_reactivation":          schemas.Resumed,
	"subscription_auto_renewal_disabled": schemas.AutoRenewDisabled,
	"turn_on_auto_renewal":               schemas.AutoRenewEnabled,
}
