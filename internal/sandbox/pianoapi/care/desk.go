package care

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/promo"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/schemas"
)

// Config configures a Desk. The zero Config is complete.
type Config struct {
	Seed uint64
	AID  string           // empty is pianoapi.DefaultAID
	Now  func() time.Time // nil is time.Now
}

// maxPage is the maximum size of a page.
const maxPage = 1000

// Desk is a Publisher with the endpoints of customer care and of promo codes. It is safe
// for concurrent use. It locks itself before the Publisher.
type Desk struct {
	*pianoapi.Publisher
	cfg       Config
	now       func() time.Time
	opened    schemas.Millis
	catalogue *promo.Catalogue
	terms     terms

	mu           sync.Mutex // guards everything below
	restrictions Restrictions
	files        map[string]*file // of users whose file has changed
	refunds      map[string][]refund
	revoked      map[string]schemas.Millis // access of subscriptions
	index        conversionIndex
}

var (
	_ pianoapi.Actor = (*Desk)(nil)
	_ pianoapi.Desk  = (*Desk)(nil)
)

// New returns the desk of a publisher. Pass it to pianoapi.Start instead of the publisher.
func New(p *pianoapi.Publisher, cfg Config) *Desk {
	if cfg.AID == "" {
		cfg.AID = pianoapi.DefaultAID
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Desk{
		Publisher: p, cfg: cfg, now: cfg.Now, terms: newTerms(p), restrictions: AllAllowed(), files: map[string]*file{},
		refunds: map[string][]refund{}, revoked: map[string]schemas.Millis{},
	}
	d.opened = d.millis()
	d.catalogue = promo.New(promo.Config{AID: cfg.AID, Now: cfg.Now, MaxLimit: maxPage, Terms: d.terms.forPromotions, Redemptions: d.redemptions})
	return d
}

// Endpoints implements pianoapi.Desk.
func (d *Desk) Endpoints() []wire.Endpoint {
	get, post := http.MethodGet, http.MethodPost
	all := []wire.Endpoint{
		wire.Post("/publisher/user/list", d.userList),
		wire.Post("/publisher/user/search", d.userSearch),
		wire.Post("/publisher/user/get", d.withUser(d.userGet)),

		wire.Get("/publisher/user/access/list", d.withUser(d.accessList)),
		wire.Get("/publisher/user/access/check", d.withUser(d.accessCheck)),
		wire.Changing(get, "/publisher/user/access/grant", d.accessGrant),
		wire.Changing(get, "/publisher/user/access/grantToUsers", d.accessGrantToUsers),
		{Path: "/publisher/user/access/update", Method: post, Changes: true, WithoutAID: true, Respond: d.accessUpdate},
		{Path: "/publisher/user/access/revoke", Method: get, Changes: true, WithoutAID: true, Respond: d.accessRevoke},

		wire.Post("/publisher/subscription/stats", d.withUser(d.stats)),
		wire.Post("/publisher/subscription/isPartiallyRefundable", d.partiallyRefundable),

		wire.Get("/publisher/payment/get", d.withPayment(d.paymentGet)),
		wire.Get("/publisher/payment/isPartialRefund", d.withPayment(d.paymentIsPartialRefund)),
		wire.Changing(get, "/publisher/payment/refund", d.withPayment(d.paymentRefund)),

		wire.Get("/publisher/conversion/list", d.conversionList),
		wire.Get("/publisher/conversion/get", d.conversionGet),
		wire.Get("/publisher/conversion/lastAccess", d.conversionLastAccess),
		wire.Get("/publisher/conversion/data/get", d.conversionData),

		wire.Get("/publisher/inquiry/list", d.withUser(d.inquiryList)),
		wire.Get("/publisher/inquiry/details", d.withInquiry(d.inquiryDetails)),
		wire.Get("/publisher/inquiry/comments", d.withInquiry(d.inquiryComments)),
		wire.Get("/publisher/inquiry/lastComment", d.withUser(d.inquiryLastComment)),
		wire.Get("/publisher/inquiry/unresolvedCount", d.inquiryUnresolvedCount),
		wire.Get("/publisher/inquiry/inquiryActions", d.withInquiry(d.inquiryActions)),
		wire.Changing(get, "/publisher/inquiry/add", d.withInquiry(d.inquiryAdd)),

		wire.Changing(post, "/publisher/user/note/create", d.withUser(d.noteCreate)),
		wire.Get("/publisher/user/note/list", d.noteList),
		wire.Get("/publisher/user/note/get", d.noteGet),
		wire.Changing(post, "/publisher/user/note/update", d.noteUpdate),
		wire.Get("/publisher/user/email/list", d.mailList),
		wire.Get("/publisher/user/email/get", d.mailGet),

		wire.Get("/publisher/payment/method/get", d.withUser(d.methodGet)),
		wire.Changing(post, "/publisher/payment/method/add", d.withUser(d.methodAdd)),
		wire.Changing(post, "/publisher/payment/method/update", d.withUser(d.methodUpdate)),
		wire.Changing(post, "/publisher/payment/method/remove", d.withUser(d.methodRemove)),

		wire.Get("/publisher/app/get", d.appGet),
		wire.Get("/publisher/app/features/get", d.featuresGet),
		wire.Get("/publisher/resource/list", d.resourceList),
		wire.Get("/publisher/term/list", d.terms.list),
		wire.Get("/publisher/term/get", d.terms.get),
		wire.Get("/publisher/offer/list", d.offerList),
	}
	for i := range all {
		respond := all[i].Respond
		all[i].Respond = func(r *http.Request) wire.Answer {
			d.mu.Lock()
			defer d.mu.Unlock()
			return respond(r)
		}
	}
	return append(all, d.catalogue.Endpoints()...)
}

// draw chooses a number by a key. It is the same at every call.
func (d *Desk) draw(what, key string) uint64 {
	hash := fnv.New64a()
	_, _ = fmt.Fprintf(hash, "%d/%s/%s", d.cfg.Seed, what, key) // never an error
	mixed := hash.Sum64()
	mixed ^= mixed >> 33
	mixed *= 0xff51afd7ed558ccd
	return mixed ^ mixed>>33
}

// oneIn reports whether chance selects a key: one of n.
func (d *Desk) oneIn(n uint64, what, key string) bool { return d.draw(what, key)%n == 0 }

func (d *Desk) millis() schemas.Millis { return schemas.Millis(d.now().UnixMilli()) }

const (
	hour = schemas.Millis(60 * 60 * 1000)
	day  = 24 * hour
)

// user is a user of a request.
type user struct {
	pianoapi.User
	number int
}

// withUser passes the user of the parameter uid to a call.
func (d *Desk) withUser(do func(*http.Request, user) wire.Answer) func(*http.Request) wire.Answer {
	return func(r *http.Request) wire.Answer {
		if a, missing := wire.Missing(r, "uid"); missing {
			return a
		}
		u, ok := d.user(r.Form.Get("uid"))
		if !ok {
			return wire.Failed(wire.CodeNoUser, "User not found")
		}
		return do(r, u)
	}
}

func (d *Desk) user(uid string) (user, bool) {
	u, number, ok := d.User(uid)
	return user{u, number}, ok
}

// Get implements pianoapi.Store.
func (d *Desk) Get(id string) (pianoapi.Subscription, bool) {
	s, ok := d.Publisher.Get(id)
	if !ok {
		return s, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	h, ok := d.HoldingOf(id)
	if !ok {
		return s, false
	}
	if s.PaymentInfoID == "" {
		s.PaymentInfoID = d.methodOf(&h)
	}
	last := d.lastPayment(&h)
	s.Refundable = s.Refundable && last != nil && d.refundable(last)
	s.AutoRenewChangeEnabled = s.AutoRenewChangeEnabled && (s.AutoRenew || d.restrictions.EnableAutoRenew)
	return s, true
}

// Update implements pianoapi.Actor. It returns false for what the application forbids.
func (d *Desk) Update(ctx context.Context, id string, autoRenew *bool, nextBill *time.Time) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if nextBill != nil && !d.restrictions.ChangeNextBillDate || autoRenew != nil && *autoRenew && !d.restrictions.EnableAutoRenew {
		return false, nil
	}
	return d.Publisher.Update(ctx, id, autoRenew, nextBill)
}

// Cancel implements pianoapi.Actor. If the last payment cannot be refunded, nothing is
// cancelled.
func (d *Desk) Cancel(ctx context.Context, id string, refund bool) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cancel(ctx, id, refund)
}

func (d *Desk) cancel(ctx context.Context, id string, refund bool) (bool, error) {
	h, ok := d.HoldingOf(id)
	if !refund || !ok || !h.Subscription.Cancelable {
		return d.Publisher.Cancel(ctx, id, false)
	}
	last := d.lastPayment(&h)
	if last == nil || !d.refundable(last) {
		return false, &wire.Error{Code: wire.CodeRefundFailed, Message: "The payment cannot be refunded. The subscription is not cancelled"}
	}
	return d.CancelAndRefund(ctx, id, schemas.Decimal4(last.remaining()))
}

// SetPaymentMethod implements pianoapi.Actor.
func (d *Desk) SetPaymentMethod(ctx context.Context, id, method string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, ok := d.HoldingOf(id)
	if !ok {
		return false, &wire.Error{Code: wire.CodeNoSubscription, Message: "Subscription not found"}
	}
	if !d.restrictions.SwitchPaymentMethod || d.findMethod(h.Subscription.User.UID, method) == nil {
		return false, nil
	}
	return d.Publisher.SetPaymentMethod(ctx, id, method)
}
