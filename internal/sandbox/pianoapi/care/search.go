package care

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/promo"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/schemas"
)

// candidate is a user that a search examines. The parts of its file are made when a filter
// needs them.
type candidate struct {
	user
	desk  *Desk
	owned []pianoapi.Holding
}

func (c *candidate) accesses() []*access {
	return c.desk.accesses(c.user, c.owned, c.desk.grantsOf(c.user))
}
func (c *candidate) methods() []*method    { return c.desk.methodsOf(c.user, c.owned) }
func (c *candidate) inquiries() []*inquiry { return c.desk.inquiriesOf(c.user, c.owned) }

// filter reports whether a search selects a user. value is the parameter, never empty.
type filter func(c *candidate, value string, r *http.Request) bool

// filters are the parameters of user/search that the simulation knows, beside flags. It
// ignores others.
var filters = map[string]filter{
	"q": func(c *candidate, v string, _ *http.Request) bool {
		return matches(&c.user, strings.ToLower(v)) || c.UID == v
	},
	"name": func(c *candidate, v string, _ *http.Request) bool { return hasNamePrefix(&c.user, strings.ToLower(v)) },
	"email": func(c *candidate, v string, _ *http.Request) bool {
		return strings.Contains(strings.ToLower(c.Email), strings.ToLower(v))
	},
	"uid": func(c *candidate, v string, _ *http.Request) bool { return c.UID == v },
	"registered_from": func(c *candidate, v string, _ *http.Request) bool {
		return c.CreateDate >= secondsOf(v)
	},
	"registered_until": func(c *candidate, v string, _ *http.Request) bool {
		return c.CreateDate <= secondsOf(v)
	},
	"access_to_resources": func(c *candidate, v string, _ *http.Request) bool {
		return slices.ContainsFunc(c.accesses(), func(a *access) bool {
			return c.desk.granted(a) && slices.Contains(strings.Split(v, ","), a.resource.ID)
		})
	},
	"active_subscription_to_resources": func(c *candidate, v string, _ *http.Request) bool {
		return c.anyOwned(func(h *pianoapi.Holding) bool {
			return h.Subscription.Cancelable && slices.Contains(strings.Split(v, ","), h.Subscription.Resource.ID)
		})
	},
	"converted_terms": func(c *candidate, v string, _ *http.Request) bool {
		return c.anyOwned(func(h *pianoapi.Holding) bool { return slices.Contains(strings.Split(v, ","), h.Subscription.Term.ID) })
	},
	"converted_term_types": func(c *candidate, v string, _ *http.Request) bool {
		kinds := strings.Split(v, ",")
		return slices.Contains(kinds, "7") && len(c.desk.grantsOf(c.user)) > 0 || c.anyOwned(func(h *pianoapi.Holding) bool {
			return slices.Contains(kinds, strconv.Itoa(termTypes[h.Subscription.Term.Type]))
		})
	},
	"redeemed_promotions": func(c *candidate, v string, r *http.Request) bool {
		return r.Form.Get("has_redeemed_promotion") != "true" || c.anyOwned(func(h *pianoapi.Holding) bool {
			state, _, there := redemptionOf(h)
			index, _ := promo.OfSubscription(h.Subscription.ID)
			return there && c.redeemed(state, r) && slices.Contains(strings.Split(v, ","), promo.PromotionID(index))
		})
	},
	"payment_methods": func(c *candidate, v string, _ *http.Request) bool {
		return slices.ContainsFunc(c.methods(), func(m *method) bool {
			return !m.removed && slices.Contains(strings.Split(v, ","), strconv.Itoa(m.source))
		})
	},
	"billing_failure_from":  func(c *candidate, v string, r *http.Request) bool { return c.failed(r) },
	"billing_failure_until": func(c *candidate, v string, r *http.Request) bool { return c.failed(r) },
}

// flags are the parameters that are true or false.
var flags = map[string]func(c *candidate, r *http.Request) bool{
	"has_access": func(c *candidate, _ *http.Request) bool {
		return slices.ContainsFunc(c.accesses(), c.desk.granted)
	},
	"has_redeemed_promotion": func(c *candidate, r *http.Request) bool {
		return c.anyOwned(func(h *pianoapi.Holding) bool {
			state, _, there := redemptionOf(h)
			return there && c.redeemed(state, r)
		})
	},
	"trial_period_is_active": func(c *candidate, _ *http.Request) bool {
		return c.anyOwned(func(h *pianoapi.Holding) bool { return h.Subscription.InTrial && h.Subscription.Cancelable })
	},
	"has_trial_period": func(c *candidate, _ *http.Request) bool {
		return c.anyOwned(func(h *pianoapi.Holding) bool { return h.Subscription.TrialEndDate != nil })
	},
	"has_payment": func(c *candidate, _ *http.Request) bool {
		return c.anyOwned(func(h *pianoapi.Holding) bool {
			return h.Subscription.ChargeCount > 0 && slices.ContainsFunc(c.desk.payments(h), func(p *payment) bool { return p.remaining() > 0 })
		})
	},
	"had_billing_failure": func(c *candidate, r *http.Request) bool { return c.failed(r) },
	"has_any_subscriptions": func(c *candidate, _ *http.Request) bool {
		return c.anyOwned(func(h *pianoapi.Holding) bool { return h.HasEvents })
	},
	"has_active_subscription": func(c *candidate, _ *http.Request) bool {
		return c.anyOwned(func(h *pianoapi.Holding) bool { return h.HasEvents && h.Subscription.Cancelable })
	},
	"has_unresolved_inquiry": func(c *candidate, _ *http.Request) bool {
		return slices.ContainsFunc(c.inquiries(), func(i *inquiry) bool { return !i.resolved() })
	},
	"has_resolved_inquiry": func(c *candidate, _ *http.Request) bool {
		return slices.ContainsFunc(c.inquiries(), (*inquiry).resolved)
	},
	"has_submitted_inquiry": func(c *candidate, _ *http.Request) bool { return len(c.inquiries()) > 0 },
	"has_received_response_inquiry": func(c *candidate, _ *http.Request) bool {
		return slices.ContainsFunc(c.inquiries(), func(i *inquiry) bool {
			return slices.ContainsFunc(i.comments, func(one *comment) bool { return one.submitter == byPublisher && !one.internal })
		})
	},
}

// termTypes are Piano's numbers of term types.
var termTypes = map[string]int{"payment": 1, "adview": 2, "registration": 3, "newsletter": 4, "external": 5, "custom": 6, "grant_access": 7,
	"gift": 8, "specific_email_addresses_contract": 9, "email_domain_contract": 10, "ip_range_contract": 11, "dynamic": 12, "linked": 13}

func (c *candidate) anyOwned(ok func(*pianoapi.Holding) bool) bool {
	for i := range c.owned {
		if ok(&c.owned[i]) {
			return true
		}
	}
	return false
}

// redeemed reports whether a state counts as redeemed for a search.
func (c *candidate) redeemed(state promo.State, r *http.Request) bool {
	return state == promo.Used || r.Form.Get("include_trial_redemptions") == "true" && state == promo.ReservedTrial
}

// failed reports whether a payment has failed in the time that the search asks for.
func (c *candidate) failed(r *http.Request) bool {
	from, until := secondsOf(r.Form.Get("billing_failure_from")), secondsOf(r.Form.Get("billing_failure_until"))
	return c.anyOwned(func(h *pianoapi.Holding) bool {
		for _, f := range c.desk.History(h.Number) {
			at := int64(f.At) / 1000
			if f.Action == schemas.PaymentFailed && at >= from && (until == 0 || at <= until) {
				return true
			}
		}
		return false
	})
}

// hasNamePrefix reports whether one of the names, or both together, begin with a text.
func hasNamePrefix(u *user, text string) bool {
	for _, name := range []string{u.FirstName, u.LastName, u.PersonalName} {
		if strings.HasPrefix(strings.ToLower(name), text) {
			return true
		}
	}
	return false
}

// secondsOf parses a date; 0 without one.
func secondsOf(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64) // an error is 0
	return n
}

func (d *Desk) userSearch(r *http.Request) wire.Answer {
	page, a, ok := searchPaging(r)
	if !ok {
		return a
	}
	for name := range flags {
		if _, ok := wire.FlagOr(r, name, false); !ok {
			return wire.Invalid(name, "must be true or false")
		}
	}
	by, ok := wire.OneOf(r, "order_by", "", "since", "name", "accessCount", "nextBill", "hasTrial", "hasUnresolvedInquiry", "spentMoney", "hasIssue")
	if !ok {
		return wire.Invalid("order_by", "is unknown")
	}
	direction, ok := wire.OneOf(r, "order_direction", "asc", "desc")
	if !ok {
		return wire.Invalid("order_direction", "is unknown")
	}
	var all []*candidate
	for _, uid := range d.Users() {
		u, ok := d.user(uid)
		if c := (&candidate{user: u, desk: d, owned: d.Holdings(uid)}); ok && d.selects(c, r) {
			all = append(all, c)
		}
	}
	d.order(all, by, direction == "desc")
	return wire.List("users", all, page, func(c *candidate) User { return d.wholeUser(c.user) })
}

// selects reports whether a user passes all filters of a search.
func (d *Desk) selects(c *candidate, r *http.Request) bool {
	for name, fits := range filters {
		if value := r.Form.Get(name); value != "" && !fits(c, value, r) {
			return false
		}
	}
	for name, has := range flags {
		if value := r.Form.Get(name); value != "" && has(c, r) != (value == "true") {
			return false
		}
	}
	if value := r.Form.Get("credit_card_will_expire"); value != "" && value != "false" {
		soon := slices.ContainsFunc(c.methods(), d.expiresSoon)
		return soon != (r.Form.Get("invert_credit_card_will_expire") == "true")
	}
	return true
}

// order sorts the users of a search.
func (d *Desk) order(all []*candidate, by string, descending bool) {
	keys := map[*candidate]int64{}
	for _, c := range all {
		keys[c] = d.orderKey(c, by)
	}
	slices.SortStableFunc(all, func(a, b *candidate) int {
		order := cmp.Compare(keys[a], keys[b])
		if by == "name" {
			order = strings.Compare(strings.ToLower(a.PersonalName), strings.ToLower(b.PersonalName))
		}
		if descending {
			return -order
		}
		return order
	})
}

// orderKey returns the value by which a search sorts, except for a name.
func (d *Desk) orderKey(c *candidate, by string) (key int64) {
	switch by {
	case "since":
		return c.CreateDate
	case "accessCount":
		return int64(len(c.accesses()))
	case "nextBill":
		for i := range c.owned {
			if next := c.owned[i].Subscription.NextBillDate; next != nil && (key == 0 || *next < key) {
				key = *next
			}
		}
	case "hasTrial":
		return boolKey(flags["trial_period_is_active"](c, nil))
	case "hasUnresolvedInquiry":
		return boolKey(flags["has_unresolved_inquiry"](c, nil))
	case "hasIssue":
		return boolKey(slices.ContainsFunc(c.methods(), d.expiresSoon))
	case "spentMoney":
		for i := range c.owned {
			for _, p := range d.payments(&c.owned[i]) {
				key += int64(p.remaining())
			}
		}
	}
	return key
}

func boolKey(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
