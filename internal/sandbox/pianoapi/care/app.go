package care

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

const appName = "The Sandbox Paper"

// Restrictions are what the application lets support do with subscriptions.
type Restrictions struct {
	ChangeNextBillDate  bool `json:"allow_change_next_bill_date"`
	EnableAutoRenew     bool `json:"allow_enable_auto_renew"` // false: it can only be turned off
	SwitchPaymentMethod bool `json:"allow_switch_payment_method"`
	SchedulerRenewals   bool `json:"allow_scheduler_renewals"`
	FutureRenewals      bool `json:"allow_future_renewals"`
	VerifyNow           bool `json:"allow_verify_now"`
	ActivateNow         bool `json:"allow_activate_now"`
}

// AllAllowed is an application without restrictions.
func AllAllowed() Restrictions { return Restrictions{true, true, true, true, true, true, true} }

// Restrict sets what the application allows, from now on.
func (d *Desk) Restrict(to Restrictions) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.restrictions = to
}

func (d *Desk) featuresGet(*http.Request) wire.Answer {
	return wire.Succeeded("features", map[string]any{
		"subscription_restrictions": d.restrictions,
		"my_account":                map[string]bool{"enabled": true}, "composer": map[string]bool{"enabled": true},
		"redemption_page": map[string]bool{"enabled": false}, "is_payment_mock_enabled": true,
	})
}

// appGet returns the application. Its secrets are empty, as documented.
func (d *Desk) appGet(*http.Request) wire.Answer {
	return wire.Succeeded("app", map[string]any{
		"aid": d.cfg.AID, "name": appName, "default_lang": "da_DK", "details": nil, "email_lang": "da_DK", "url": "https://paper.example",
		"state": "activated", "private_key": "", "api_token": "", "user_token": nil, "image1": nil, "logo1": nil,
	})
}

// resourceList has a default limit of 25.
func (d *Desk) resourceList(r *http.Request) wire.Answer {
	if r.Form.Get("limit") == "" {
		r.Form.Set("limit", "25")
	}
	page, a, ok := wire.Paging(r, maxPage)
	if !ok {
		return a
	}
	if by, ok := wire.OneOf(r, "order_by", "name"); !ok {
		return wire.Invalid("order_by", "is unknown: "+by)
	}
	text := strings.ToLower(r.Form.Get("q"))
	var all []pianoapi.Resource
	for _, one := range pianoapi.Resources() {
		if strings.Contains(strings.ToLower(one.Name), text) {
			all = append(all, one)
		}
	}
	return wire.List("resources", all, page, wire.Same)
}

// offers is the number of offers. They have the ids of the subscription log.
const offers = 3

func (d *Desk) offerList(r *http.Request) wire.Answer {
	page, a, ok := wire.Paging(r, maxPage)
	if !ok {
		return a
	}
	var all []map[string]any
	for n := range offers {
		terms := []any{}
		for i, one := range d.terms.all {
			if one.Type == "payment" && i%offers == n {
				terms = append(terms, one)
			}
		}
		all = append(all, map[string]any{
			"aid": d.cfg.AID, "offer_id": fmt.Sprintf("OF%d", n+1), "name": pianoapi.OfferName(n), "status": "active", "deleted": false, "terms": terms,
		})
	}
	return wire.List("offers", all, page, wire.Same)
}

// dayOf is a text date without a time, of seconds since 1970.
func dayOf(at int64) *string {
	text := time.Unix(at, 0).UTC().Format(time.DateOnly)
	return &text
}
