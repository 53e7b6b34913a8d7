package pianoapi

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// renderer turns accounts into the subscriptions that the API returns.
type renderer struct {
	terms []world.Product
	now   func() time.Time
}

// render writes an account with the field values and misspellings of Piano.
func (rd *renderer) render(r *record, a *account, draw *rand.Rand) Subscription {
	product := &rd.terms[r.product]
	plan := a.plan(draw, product.Currency)
	s := Subscription{
		ID: r.id, AutoRenew: a.autoRenew, NextBillDate: date(a.nextBill), PaymentMethod: "Visa ****4242", BillingPlan: plan.own,
		Status: a.status, StatusName: statusName(a.status), StatusNameInReports: reportStatus(a.status),
		Term: rd.renderTerm(r, a, plan), Resource: resourceOf(r.resource), User: rd.renderUser(r, a.uid),
		StartDate: seconds(a.startedAt), Cancelable: live(a.status), Refundable: live(a.status) && a.charges > 0,
		InTrial: a.inTrial, TrialEndDate: date(a.trialEnds), EndDate: date(a.endsAt), ChargeCount: a.charges,
		AcquisitionType: "purchase", periodText: periodText(a.months),
	}
	if !a.autoRenew {
		s.autoRenewDisabled = date(a.disabled)
	}
	if a.status == "fail_and_retry" {
		s.graceFrom = date(a.failing)
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

// renderTerm returns the term of an account.
func (rd *renderer) renderTerm(r *record, a *account, plan billingPlan) Term {
	product := &rd.terms[r.product]
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
	if hasEvents(a.term) && live(a.status) {
		for _, to := range rd.changesOf(r.product) {
			t.ChangeOptions = append(t.ChangeOptions, ChangeOption{
				ID: fmt.Sprintf("CO%02d%02d", r.product, to), FromTerm: t.ID, ToTerm: termID(a.term, to), ToName: rd.terms[to].Name,
			})
		}
	}
	return t
}

// renderUser returns the owner of a record, under the id of an account.
func (rd *renderer) renderUser(r *record, uid string) User {
	return User{
		UID: uid, Email: r.user.email, FirstName: r.user.first, LastName: r.user.last,
		PersonalName: r.user.first + " " + r.user.last, CreateDate: seconds(r.begun), LastLogin: rd.now().Unix(),
	}
}

// changesOf returns the products to which a product can change: those with the same
// currency.
func (rd *renderer) changesOf(product int) []int {
	var to []int
	for _, other := range rd.terms {
		if other.Index != product && other.Currency == rd.terms[product].Currency {
			to = append(to, other.Index)
		}
	}
	return to
}

// shown returns a record as a list has it now.
func (rd *renderer) shown(r *record) Subscription {
	s := r.served
	if s.InTrial && s.TrialEndDate != nil && *s.TrialEndDate <= rd.now().Unix() {
		s.InTrial = false
	}
	return s
}

// detailed returns a record as get has it.
func (rd *renderer) detailed(r *record) Subscription {
	s := rd.shown(r)
	running, dynamic := live(s.Status), s.Term.Type == "dynamic"
	s.Details = &Details{
		WillAutoRenew: running && s.AutoRenew, NextRenewalDate: s.NextBillDate, CreateDate: s.StartDate, Active: running,
		DeferredCancelable: running && dynamic && s.AutoRenew, CanBeResumed: r.resumable(),
		AutoRenewChangeEnabled: running && s.Term.Type == "payment", InGracePeriod: s.Status == "fail_and_retry",
		PaymentInfoID: r.method,
	}
	return s
}

// resumable reports whether resume has an effect. By the documentation of Piano,
// only dynamic terms can be resumed.
func (r *record) resumable() bool {
	if r.served.Term.Type != "dynamic" || r.fixed != nil {
		return false
	}
	if r.state.Status.Closed() {
		return r.state.Status != world.StatusUpgraded
	}
	return r.state.AutoRenew == world.AutoRenewOff
}

func seconds(at schemas.Millis) int64 { return int64(at) / 1000 }

func date(at schemas.NullMillis) *int64 {
	if !at.Valid {
		return nil
	}
	s := seconds(at.Millis)
	return &s
}
