package transform

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// synonyms are the spellings of each action, as words; the characters between
// letters do not matter. The list is the contract's (vectors/actions.json).
var synonyms = map[string][]string{
	schemas.Created: {
		"created", "create", "creation", "subscription created", "subscription create",
		"subscription creation", "new subscription", "new subscription created", "subscribed", "subscribe",
	},
	schemas.Renewed: {
		"renewed", "renew", "renewal", "subscription renewed", "subscription renew", "subscription renewal",
		"auto renewed", "auto renewal", "subscription auto renewed", "subscription auto renewal",
		"manually renewed", "manual renewal", "subscription manually renewed", "renewal succeeded",
		"renewal success",
	},
	schemas.Expired: {
		"expired", "expire", "expiry", "expiration", "subscription expired", "subscription expire",
		"subscription expiry", "subscription expiration", "lapsed",
	},
	schemas.Canceled: {
		"canceled", "cancelled", "cancel", "cancelation", "cancellation", "subscription canceled",
		"subscription cancelled", "subscription cancel", "subscription cancelation",
		"subscription cancellation",
	},
	schemas.TrialStarted: {
		"trial started", "trial start", "trial begin", "trial began", "started trial", "start trial",
		"free trial started", "free trial start", "subscription trial started", "trial created",
		"free trial created",
	},
	schemas.TrialEnded: {
		"trial ended", "trial end", "ended trial", "end trial", "free trial ended", "free trial end",
		"subscription trial ended", "trial expired", "free trial expired", "trial finished",
		"trial period ended",
	},
	schemas.PaymentFailed: {
		"payment failed", "payment failure", "failed payment", "payment fail", "payment declined",
		"subscription payment failed", "subscription payment failure", "renewal failed", "renewal failure",
		"renewal payment failed", "auto renewal failed", "auto renewal failure",
		"subscription renewal failed", "subscription auto renewed failure",
		"subscription auto renewal failure", "subscription auto renewed auth failure",
	},
	schemas.Upgraded: {
		"upgraded", "upgrade", "subscription upgraded", "subscription upgrade", "term upgraded",
		"term upgrade",
	},
	schemas.Downgraded: {
		"downgraded", "downgrade", "subscription downgraded", "subscription downgrade", "term downgraded",
		"term downgrade",
	},
	schemas.Resumed: {
		"resumed", "resume", "subscription resumed", "subscription resume", "reactivated", "reactivate",
		"reactivation", "subscription reactivated", "subscription reactivation", "unpaused",
		"subscription unpaused",
	},
	schemas.AutoRenewDisabled: {
		"auto renew disabled", "auto renewal disabled", "disable auto renew", "disabled auto renew",
		"disable auto renewal", "auto renew off", "auto renewal off", "auto renew turned off",
		"auto renewal turned off", "turn off auto renew", "turn off auto renewal", "turned off auto renew",
		"subscription auto renew disabled", "subscription auto renewal disabled",
	},
	schemas.AutoRenewEnabled: {
		"auto renew enabled", "auto renewal enabled", "enable auto renew", "enabled auto renew",
		"enable auto renewal", "auto renew on", "auto renewal on", "auto renew turned on",
		"auto renewal turned on", "turn on auto renew", "turn on auto renewal", "turned on auto renew",
		"subscription auto renew enabled", "subscription auto renewal enabled",
	},
}

// newActions compiles the synonyms: letters alone → canonical action.
func newActions() map[string][]byte {
	actions := make(map[string][]byte, 160)
	for canonical, spellings := range synonyms {
		for _, spelling := range spellings {
			var key [maxActionKey]byte
			n, _ := actionKey(&key, []byte(spelling))
			actions[string(key[:n])] = []byte(canonical)
		}
	}
	return actions
}

// SynonymsVersion identifies the built-in synonyms: the first digits of the SHA-256 of
// what each spelling means.
func SynonymsVersion() string { return versionOf(newActions()) }

func versionOf(meanings map[string][]byte) string {
	hash := sha256.New()
	for _, letters := range slices.Sorted(maps.Keys(meanings)) {
		fmt.Fprintf(hash, "%s=%s\n", letters, meanings[letters])
	}
	return hex.EncodeToString(hash.Sum(nil))[:synonymsVersionDigits]
}

const synonymsVersionDigits = 12

// CanonicalAction returns the canonical action that a text means. known is false for
// an unknown action.
func (r *Rules) CanonicalAction(text string) (action string, known bool) {
	var key [maxActionKey]byte
	n, ok := actionKey(&key, []byte(text))
	if !ok {
		return "", false
	}
	canonical, known := r.actions[string(key[:n])]
	return string(canonical), known
}
