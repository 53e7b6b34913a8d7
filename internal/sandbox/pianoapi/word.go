package pianoapi

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// word puts an account into Piano's words.
func (p *Publisher) word(r *record, a *account, draw *rand.Rand) Subscription {
	product := &p.terms[r.product]
	plan := a.plan(draw, product.Currency)
	s := Subscription{
		ID: r.id, AutoRenew: a.autoRenew, NextBillDate: date(a.nextBill), PaymentMethod: "Visa ****4242", BillingPlan: plan.own,
		Status: a.status, StatusName: statusName(a.status), StatusNameInReports: statusName(a.status),
		Term: p.wordTerm(r, a, plan), Resource: Resource{ID: "RR1", AID: DefaultAID, Name: r.resource, Type: "standard"},
		User: User{UID: a.uid, Email: r.user.email, FirstName: r.user.first, LastName: r.user.last,
			PersonalName: r.user.first + " " + r.user.last, CreateDate: seconds(r.begun), LastLogin: seconds(p.millis())},
		StartDate: seconds(a.startedAt), Cancelable: live(a.status), Refundable: live(a.status) && a.charges > 0,
		InTrial: a.inTrial, TrialEndDate: date(a.trialEnds), EndDate: date(a.endsAt), ChargeCount: a.charges,
		AcquisitionType: "purchase", periodText: periodText(a.months),
	}
	if amount, ok := amountText(a.price); ok {
		s.priceText = amount + "00"
	}
	if a.trialEnds.Valid {
		amount, currency := 0.0, product.Currency
		s.TrialAmount, s.TrialCurrency = &amount, &currency
	}
	return s
}

// wordTerm is the term of an account.
func (p *Publisher) wordTerm(r *record, a *account, plan planned) Term {
	product := &p.terms[r.product]
	t := Term{
		ID: termID(a.term, r.product), AID: DefaultAID, Name: product.Name, Description: "As shown at the checkout",
		Type: a.term, TypeName: termName(a.term), GracePeriod: 14, ChangeOptions: []ChangeOption{},
		HasFreeTrial: a.trialEnds.Valid,
	}
	if plan.term != "" {
		t.BillingPlan, t.PlanDescription = &plan.term, &plan.own
	}
	if plan.firstPrice != "" {
		first := jsonAmount(plan.firstPrice)
		t.FirstPrice, t.Currency = &first, &product.Currency
	}
	if goesOn(a.term) && live(a.status) {
		for _, to := range p.changesOf(r.product) {
			t.ChangeOptions = append(t.ChangeOptions, ChangeOption{
				ID: fmt.Sprintf("CO%02d%02d", r.product, to), FromTerm: t.ID, ToTerm: termID(a.term, to), ToName: p.terms[to].Name,
			})
		}
	}
	return t
}

// termID names a term: a product, sold in one of the ways.
func termID(kind string, product int) string {
	return fmt.Sprintf("TM%s%02d", map[string]string{"payment": "PAY", "dynamic": "DYN"}[kind], product)
}

// changesOf are the products that one may be changed to: those of its currency.
func (p *Publisher) changesOf(product int) []int {
	var to []int
	for _, other := range p.terms {
		if other.Index != product && other.Currency == p.terms[product].Currency {
			to = append(to, other.Index)
		}
	}
	return to
}

// shown is what a list says of a record now.
func (p *Publisher) shown(r *record) Subscription {
	s := r.served
	if s.InTrial && s.TrialEndDate != nil && *s.TrialEndDate <= p.now().Unix() {
		s.InTrial = false
	}
	return s
}

// detailed is what a get says of it.
func (p *Publisher) detailed(r *record) Subscription {
	s := p.shown(r)
	goes, dynamic := live(s.Status), s.Term.Type == "dynamic"
	s.Details = &Details{
		WillAutoRenew: goes && s.AutoRenew, NextRenewalDate: s.NextBillDate, CreateDate: s.StartDate, Active: goes,
		DeferredCancelable: goes && dynamic && s.AutoRenew, CanBeResumed: r.resumable(),
		AutoRenewChangeEnabled: goes && s.Term.Type == "payment", InGracePeriod: s.Status == "fail_and_retry",
	}
	return s
}

// resumable says whether resume would do something: for dynamic terms alone, as
// Piano documents it.
func (r *record) resumable() bool {
	if r.served.Term.Type != "dynamic" || r.fixed != nil {
		return false
	}
	if r.state.Status.Closed() {
		return r.state.Status != world.StatusUpgraded
	}
	return r.state.AutoRenew == world.AutoRenewOff
}

// ordered is a list in the order that is asked for: by update as it stands.
func ordered(list []*record, by string) []*record {
	key := func(r *record) int64 {
		if by == "create" {
			return r.served.StartDate
		}
		if r.served.NextBillDate == nil {
			return 0
		}
		return *r.served.NextBillDate
	}
	if by == "update" || by == "" {
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *record) int { return int(key(a) - key(b)) })
	return list
}

func seconds(at schemas.Millis) int64 { return int64(at) / 1000 }

func date(at schemas.NullMillis) *int64 {
	if !at.Valid {
		return nil
	}
	s := seconds(at.Millis)
	return &s
}
