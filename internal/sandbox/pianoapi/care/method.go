package care

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// methodPrefix begins the ids of payment methods.
const methodPrefix = "UPI"

// The sources of payment methods, with Piano's numbers.
const (
	sourcePayPal    = 1
	sourceBraintree = 4
)

// method is a payment method of a user. Piano has no call that lists them.
type method struct {
	id          string
	owner       user
	source      int
	last        string // four digits
	month, year int    // of the expiry
	country     string
	removed     bool
}

func (d *Desk) seedMethods(u user, owned []pianoapi.Holding) []*method {
	country := ""
	for i := range owned {
		if owned[i].HasEvents {
			country = owned[i].Country
		}
	}
	if country == "" {
		return nil
	}
	var all []*method
	for n := range 1 + 1/(1+d.draw("methods", u.UID)%6) { // some have two
		key := fmt.Sprint(u.UID, "/", n)
		expires := time.UnixMilli(int64(d.opened)).UTC().AddDate(0, int(2+d.draw("expiry", key)%40), 0)
		if d.oneIn(12, "expires soon", key) {
			expires = time.UnixMilli(int64(d.opened)).UTC()
		}
		m := &method{
			id: partID(methodPrefix, u.number, len(all)), owner: u, source: sourceBraintree, last: fmt.Sprintf("%04d", d.draw("digits", key)%10_000),
			month: int(expires.Month()), year: expires.Year(), country: country,
		}
		if d.oneIn(7, "wallet", key) {
			m.source = sourcePayPal
		}
		all = append(all, m)
	}
	return all
}

// expires returns the end of the last day on which a card is valid.
func (m *method) expires() time.Time {
	return time.Date(m.year, time.Month(m.month)+1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Second)
}

// soonDays is how long before its end a card counts as expiring soon.
const soonDays = 31

func (d *Desk) expiresSoon(m *method) bool {
	return !m.removed && m.source == sourceBraintree && m.expires().Before(d.now().AddDate(0, 0, soonDays))
}

// findMethod returns a payment method of a user, or nil.
func (d *Desk) findMethod(uid, id string) *method {
	u, ok := d.user(uid)
	if !ok {
		return nil
	}
	for _, m := range d.methodsOf(u, d.Holdings(u.UID)) {
		if m.id == id && !m.removed {
			return m
		}
	}
	return nil
}

// methodOf returns the id of the payment method of a subscription, or nothing.
func (d *Desk) methodOf(h *pianoapi.Holding) string {
	if h.Method != "" {
		return h.Method
	}
	if u, ok := d.user(h.Subscription.User.UID); ok && h.HasEvents {
		for _, m := range d.methodsOf(u, d.Holdings(u.UID)) {
			if !m.removed {
				return m.id
			}
		}
	}
	return ""
}

// PaymentMethod is a payment method as the API writes it.
type PaymentMethod struct {
	ID            string `json:"user_payment_info_id"`
	Description   string `json:"description"`
	Nickname      string `json:"upi_nickname"`
	Number        string `json:"upi_number"` // masked
	Month         *int   `json:"upi_expiration_month"`
	Year          *int   `json:"upi_expiration_year"`
	PostalCode    string `json:"upi_postal_code"`
	Identifier    string `json:"upi_identifier"`
	Method        string `json:"payment_method"`
	Type          string `json:"payment_type"`
	IssuerCountry string `json:"issuer_country_code"`
	Mock          bool   `json:"is_mock,omitempty"`
}

func shownMethod(m *method) *PaymentMethod {
	s := &PaymentMethod{
		ID: m.id, Description: "Visa of " + pianoapi.CanaryCard, Nickname: pianoapi.CanaryCard + " " + m.owner.FirstName, PostalCode: pianoapi.CanaryPlace + " 2100",
		Identifier: "upi-" + pianoapi.CanaryCard + m.last, Method: "CC", Type: "V", IssuerCountry: m.country, Number: pianoapi.CanaryNumber + m.last,
	}
	if m.source == sourcePayPal {
		s.Description, s.Method, s.Type, s.Number = "PayPal of "+pianoapi.CanaryCard, "W", "PP", ""
		return s
	}
	s.Month, s.Year = &m.month, &m.year
	return s
}

func (d *Desk) methodGet(r *http.Request, u user) wire.Answer {
	m := d.findMethod(u.UID, r.Form.Get("user_payment_info_id"))
	if m == nil {
		return wire.Failed(wire.CodeNotFound, "Payment method not found")
	}
	return wire.Succeeded("user_payment_info", shownMethod(m))
}

// methodAdd adds a payment method by a token of the payment provider.
func (d *Desk) methodAdd(r *http.Request, u user) wire.Answer {
	if a, missing := wire.Missing(r, "token"); missing {
		return a
	}
	source, ok := wire.Number(r, "source_id", 1)
	if !ok {
		return wire.Invalid("source_id", "must be a number from 1 on")
	}
	standard, ok := wire.FlagOr(r, "set_as_default", false)
	if !ok {
		return wire.Invalid("set_as_default", "must be true or false")
	}
	f := d.keep(u)
	m := &method{id: partID(methodPrefix, u.number, len(f.methods)), owner: u, source: source, last: "0000", country: "DK"}
	if a, ok := m.fill(r); !ok {
		return a
	}
	f.methods = append(f.methods, m)
	if standard {
		for _, h := range d.Holdings(u.UID) {
			if h.HasEvents && h.Subscription.Cancelable {
				if _, err := d.Publisher.SetPaymentMethod(r.Context(), h.Subscription.ID, m.id); err != nil {
					return wire.Outcome("", nil, err)
				}
			}
		}
	}
	return wire.Succeeded("data", m.id)
}

// fill sets the optional fields of a request.
func (m *method) fill(r *http.Request) (a wire.Answer, ok bool) {
	for name, to := range map[string]*int{"expiration_month": &m.month, "expiration_year": &m.year} {
		if r.Form.Get(name) == "" {
			continue
		}
		if *to, ok = wire.Number(r, name, 1); !ok || name == "expiration_month" && *to > 12 {
			return wire.Invalid(name, "is not a part of a date"), false
		}
	}
	if m.month == 0 || m.year == 0 {
		m.month, m.year = 12, 2099
	}
	if last := r.Form.Get("last_four_digits"); last != "" {
		if len(last) != 4 || strings.Trim(last, "0123456789") != "" {
			return wire.Invalid("last_four_digits", "must be four digits"), false
		}
		m.last = last
	}
	for _, name := range []string{"user_billing_address", "additional_info"} {
		if text := r.Form.Get(name); text != "" && !json.Valid([]byte(text)) {
			return wire.Invalid(name, "must be JSON"), false
		}
	}
	if country := r.Form.Get("issuer_country"); country != "" {
		m.country = country
	}
	return a, true
}

func (d *Desk) methodUpdate(r *http.Request, u user) wire.Answer {
	d.keep(u)
	m := d.findMethod(u.UID, r.Form.Get("payment_method_id"))
	if m == nil {
		return wire.Failed(wire.CodeNotFound, "Payment method not found")
	}
	changed := *m
	if a, ok := changed.fill(r); !ok {
		return a
	}
	*m = changed
	return wire.Succeeded("data", m.id)
}

func (d *Desk) methodRemove(r *http.Request, u user) wire.Answer {
	d.keep(u)
	m := d.findMethod(u.UID, r.Form.Get("payment_method_id"))
	if m == nil {
		return wire.Failed(wire.CodeNotFound, "Payment method not found")
	}
	m.removed = true
	return wire.Succeeded("data", true)
}
