// Package cases finds in a simulated world what each action of customer care is possible
// on: the user, the button on the page, and what an agent enters. Tests of the pages use it.
package cases

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
)

// Case is an action as an agent makes it on the page of a user.
type Case struct {
	User, Tab string
	Button    []string // names and values of the hidden fields of the button
	Entered   url.Values
}

// Finder finds cases. It gives each user once.
type Finder struct {
	API       *piano.Client
	Customers *customer.Client

	used map[string]bool
}

// New returns a finder.
func New(api *piano.Client) *Finder {
	return &Finder{API: api, Customers: customer.New(api), used: map[string]bool{}}
}

// Use leaves a user out from now on.
func (f *Finder) Use(uid string) { f.used[uid] = true }

// Users are those that Piano finds and no case has used.
func (f *Finder) Users(t testing.TB, q customer.Query) []customer.User {
	t.Helper()
	found, err := f.Customers.Search(t.Context(), q, customer.Page{Limit: 300})
	must(t, err)
	return slices.DeleteFunc(found.Rows, func(u customer.User) bool { return strings.Contains(u.UID, "sha256:") || f.used[u.UID] })
}

// Subscription takes a subscription on which a kind is possible, of an unused user. fits
// may be nil.
func (f *Finder) Subscription(t testing.TB, kind actions.Kind, fits func(piano.Subscription) bool) piano.Subscription {
	t.Helper()
	features, err := f.Customers.Features(t.Context())
	must(t, err)
	for _, u := range f.Users(t, customer.Query{"has_any_subscriptions": "true"}) {
		stats, _, err := f.Customers.Stats(t.Context(), u.UID)
		must(t, err)
		for _, s := range stats {
			one, err := f.API.Get(t.Context(), s.SubscriptionID)
			if err == nil && (one.NextBillAt != nil || kind == actions.ResumeSubscription) && one.UserID == u.UID && (fits == nil || fits(one)) &&
				actions.Decide(kind, features, actions.Target{Subscription: &one}, actions.AllRoles()).Allowed {
				f.Use(u.UID)
				return one
			}
		}
	}
	t.Fatalf("the world has no subscription for %s", kind)
	return piano.Subscription{}
}

// Payment takes a payment that can be refunded in part.
func (f *Finder) Payment(t testing.TB) customer.Payment {
	t.Helper()
	for _, u := range f.Users(t, customer.Query{"has_payment": "true"}) {
		all, _, err := f.Customers.Conversions(t.Context(), u.UID)
		must(t, err)
		for _, c := range all {
			if c.Payment == nil {
				continue
			}
			one, err := f.Customers.Payment(t.Context(), c.Payment.ID)
			must(t, err)
			if can, err := f.Customers.RefundablePartly(t.Context(), one.ID); err == nil && can && one.Refundable != nil && *one.Refundable {
				f.Use(u.UID)
				one.UserID = u.UID
				return one
			}
		}
	}
	t.Fatal("the world has no such payment")
	return customer.Payment{}
}

// Text is what an agent writes: with a canary, and with an attack on the page.
func Text() string {
	return "Dear " + pianoapi.CanaryFirst + ", " + pianoapi.CanaryComment + " " + pianoapi.Attacks()[0]
}

// Case is one of a kind.
func (f *Finder) Case(t testing.TB, kind actions.Kind) Case {
	t.Helper()
	switch kind {
	case actions.RefundPayment:
		p := f.Payment(t)
		return Case{p.UserID, "transactions", []string{"payment_id", p.ID}, url.Values{"amount": {"0.50"}}}
	case actions.GrantAccess, actions.AddNote:
		u := f.Users(t, customer.Query{"has_payment": "true"})[0]
		f.Use(u.UID)
		if kind == actions.AddNote {
			return Case{u.UID, "notes", nil, url.Values{"text": {Text()}}}
		}
		return Case{u.UID, "access", nil, url.Values{"resource_id": {f.Resource(t)}, "at": {time.Now().AddDate(0, 3, 0).Format(time.DateOnly)}, "send_mail": {"1"}, "text": {Text()}}}
	case actions.ExtendAccess, actions.RevokeAccess:
		for _, u := range f.Users(t, nil) {
			all, _, err := f.Customers.Accesses(t.Context(), u.UID)
			must(t, err)
			i := slices.IndexFunc(all, func(one customer.Access) bool {
				return one.Granted && one.CanRevoke != nil && *one.CanRevoke && one.ExpiresAt != nil
			})
			if i < 0 {
				continue
			}
			f.Use(u.UID)
			entered := url.Values{}
			if kind == actions.ExtendAccess {
				entered.Set("days", "14")
			}
			return Case{u.UID, "access", []string{"access_id", all[i].ID}, entered}
		}
	case actions.EditNote:
		for _, u := range f.Users(t, nil) {
			all, _, err := f.Customers.Notes(t.Context(), u.UID)
			must(t, err)
			if i := slices.IndexFunc(all, func(n customer.Note) bool { return !n.ReadOnly }); i >= 0 {
				f.Use(u.UID)
				return Case{u.UID, "notes", []string{"note_id", all[i].ID}, url.Values{"text": {Text()}}}
			}
		}
	case actions.ReplyToInquiry, actions.CommentOnInquiry, actions.ResolveInquiry:
		for _, u := range f.Users(t, customer.Query{"has_unresolved_inquiry": "true"}) {
			all, _, err := f.Customers.Inquiries(t.Context(), u.UID)
			must(t, err)
			for _, one := range all {
				if allowed, err := f.Customers.InquiryActions(t.Context(), one.ID); err == nil && slices.Contains(allowed, customer.InquiryReply) {
					f.Use(u.UID)
					return Case{u.UID, "inquiries", []string{"inquiry_id", one.ID}, url.Values{"text": {Text()}}}
				}
			}
		}
	case actions.ChangeTerm:
		return f.ChangeOfTier(t, 1)
	default:
		one := f.Subscription(t, kind, nil)
		entered := url.Values{}
		if kind == actions.NextBillDate {
			entered.Set("months", "1")
		}
		return Case{one.UserID, "subscriptions", []string{"subscription_id", one.ID}, entered}
	}
	t.Fatalf("the world has nothing for %s", kind)
	return Case{}
}

// Resource is one that a user may be granted.
func (f *Finder) Resource(t testing.TB) string {
	t.Helper()
	all, err := f.Customers.Resources(t.Context())
	must(t, err)
	return all[len(all)-1].ID
}

// tier is how many terms each tier of the world's products has; there are three.
const tier = 12

// ChangeOfTier changes a term to the same one of a dearer tier (1) or a cheaper one (-1).
func (f *Finder) ChangeOfTier(t testing.TB, by int) Case {
	t.Helper()
	target := func(s piano.Subscription) (term string, ok bool) {
		prefix, number := "", 0
		if len(s.Term.ID) > 2 {
			prefix = s.Term.ID[:len(s.Term.ID)-2]
		}
		if _, err := fmt.Sscanf(strings.TrimPrefix(s.Term.ID, prefix), "%d", &number); err != nil {
			return "", false
		}
		number += by * tier
		return fmt.Sprintf("%s%02d", prefix, number), number >= 0 && number < 3*tier
	}
	one := f.Subscription(t, actions.ChangeTerm, func(s piano.Subscription) bool { _, ok := target(s); return ok })
	term, _ := target(one)
	return Case{one.UserID, "subscriptions", []string{"subscription_id", one.ID}, url.Values{"to_term": {term}, "immediate_access": {"1"}}}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
