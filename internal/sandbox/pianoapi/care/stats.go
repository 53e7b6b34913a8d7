package care

import (
	"net/http"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// Stats is a subscription as subscription/stats writes it, with Piano's misspellings. Its
// dates are texts.
type Stats struct {
	TermName          string  `json:"term_name"`
	TermID            string  `json:"term_id"`
	Type              string  `json:"type"`
	TermPlan          *string `json:"payment_billing_plan"`
	BillingPlan       string  `json:"billing_plan"`
	ImageURL          *string `json:"image_url"`
	ResourceName      string  `json:"resource_name"`
	RID               string  `json:"rid"`
	NextBillDate      *string `json:"next_bill_date"`
	LastPayment       *string `json:"subscription_last_payment"`
	Status            string  `json:"status"`
	StatusLabel       string  `json:"status_label"`
	CardExpire        *string `json:"creadit_card_expire"`
	CardExpireSoon    bool    `json:"creadit_card_expire_soon,omitempty"`
	ID                string  `json:"subscription_id"`
	PaymentMethod     string  `json:"payment_method"`
	AccessExpired     bool    `json:"access_expired,omitempty"`
	InAppPayment      bool    `json:"in_app_payment,omitempty"`
	ConversionResult  *string `json:"conversion_result"`
	ExternalAPI       *string `json:"external_api_name"`
	ChargeCount       int     `json:"charge_count"`
	StatusDisplay     string  `json:"status_display"`
	AutoRenew         bool    `json:"auto_renew,omitempty"`
	MethodID          string  `json:"user_payment_info_id"`
	AccessID          string  `json:"access_id"`
	LastConversion    *string `json:"last_conversion_id"`
	LastPaymentConver *string `json:"last_payment_conversion_id"`
}

// statusLetters are the letters and labels of the raw statuses.
var statusLetters = map[string][2]string{
	"active": {"A", "Active"}, "cancelled": {"C", "Cancelled"}, "fail_and_retry": {"FAR", "Payment Failure"}, "expired_with_error": {"EWE", "Payment Failure"},
	"expired": {"E", "Expired"}, "completed": {"END", "Won't Renew"}, "deleted": {"D", "Deleted"}, "wait_confirmed": {"WC", "Wait Confirmed"},
	"upgraded": {"UPGRD", "Upgraded"}, "pending": {"P", "Pending"}, "not_started": {"NS", "Not Started"},
}

func (d *Desk) stats(r *http.Request, u user) wire.Answer {
	page, a, ok := wire.Paging(r, maxPage)
	if !ok {
		return a
	}
	var all []pianoapi.Holding
	for _, h := range d.Holdings(u.UID) {
		if h.HasEvents {
			all = append(all, h)
		}
	}
	return wire.List("subscriptions", all, page, func(h pianoapi.Holding) Stats { return d.statsOf(u, h) })
}

func (d *Desk) statsOf(u user, h pianoapi.Holding) Stats {
	s, access := &h.Subscription, d.accessOf(u, h)
	letters := statusLetters[s.Status]
	out := Stats{
		TermName: s.Term.Name, TermID: s.Term.ID, Type: s.Term.Type, TermPlan: s.Term.BillingPlan, BillingPlan: s.BillingPlan, ResourceName: s.Resource.Name,
		RID: s.Resource.ID, Status: letters[0], StatusLabel: letters[1], StatusDisplay: s.StatusName, ID: s.ID,
		PaymentMethod: pianoapi.CanaryCard + " *4242", AccessExpired: !d.granted(access), ChargeCount: s.ChargeCount, AutoRenew: s.AutoRenew,
		MethodID: d.methodOf(&h), AccessID: access.id,
	}
	if s.NextBillDate != nil {
		out.NextBillDate = dayOf(*s.NextBillDate)
	}
	if last := d.lastPayment(&h); last != nil {
		out.LastPayment = wire.Day(wire.At(last.at))
	}
	if m := d.findMethod(u.UID, out.MethodID); m != nil && m.source == sourceBraintree {
		out.CardExpire, out.CardExpireSoon = dayOf(m.expires().Unix()), d.expiresSoon(m)
	}
	for _, c := range d.conversionsOf(u, h) {
		out.LastConversion = &c.id
		if c.payment != nil {
			out.LastPaymentConver = &c.id
		}
	}
	return out
}
