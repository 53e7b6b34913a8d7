package promotion

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/pianola/pianola/internal/piano"
)

// Create creates a valid promotion, adds its amounts and terms, reads it, and compares it
// with what was wanted. record is nil for a plan. A promotion of the same name is a refusal:
// so a repetition after an unknown outcome does not create a second one.
func (p Promotions) Create(ctx context.Context, n *New, record Record) (*Report, error) {
	a := p.begin("promo_create", record)
	create := n.parameters()
	a.plan(piano.CreatePromotion, create)
	more := n.additions("(of the new promotion)")
	for _, one := range more {
		a.plan(one.endpoint, one.params)
	}
	same, err := p.named(ctx, n.Name)
	if err != nil {
		return nil, err
	}
	if same != nil {
		a.report.Promotion, a.report.Differences = same, n.differences(same)
		return a.end(ctx, Refused, "promotion "+same.ID+" has this name already; the differences are those from what was asked for", nil)
	}
	if record == nil {
		return a.end(ctx, Planned, "", nil)
	}
	answer, err := a.send(ctx, piano.CreatePromotion, create)
	if err != nil {
		return a.unanswered(ctx, n, err)
	}
	made, err := decode(answer.Payload)
	if err != nil {
		return a.unanswered(ctx, n, answer.Error(err))
	}
	a.report.Promotion = &made
	for _, one := range n.additions(made.ID) {
		if _, err := a.send(ctx, one.endpoint, one.params); err != nil {
			return a.readBack(ctx, n, made.ID, fmt.Errorf("the promotion was created, and not all of its amounts and terms were added: %w", err))
		}
	}
	return a.readBack(ctx, n, made.ID, nil)
}

// addition is a request after the creation.
type addition struct {
	endpoint piano.Endpoint
	params   url.Values
}

func (n *New) additions(id string) (all []addition) {
	for _, amount := range n.Amounts {
		all = append(all, addition{piano.AddFixedDiscount, url.Values{"promotion_id": {id}, "amount": {amount.Amount.String()}, "currency": {amount.Currency}}})
	}
	for _, term := range n.Terms {
		all = append(all, addition{piano.AddPromotionTerm, url.Values{"promotion_id": {id}, "term_id": {term}}})
	}
	return all
}

// named returns the promotion with a name; nil without one.
func (p Promotions) named(ctx context.Context, name string) (*Promotion, error) {
	all, err := p.List(ctx, "all", name)
	for _, one := range all {
		if one.Name == name && !one.Removed {
			return &one, err
		}
	}
	return nil, err
}

// unanswered ends an action whose first request was not done, or of which nobody knows.
func (a *action) unanswered(ctx context.Context, n *New, err error) (*Report, error) {
	outcome := a.report.Outcome
	if !errors.Is(err, piano.ErrOutcomeUnknown) {
		if outcome == Refused {
			return a.end(ctx, Refused, err.Error(), nil)
		}
		return a.end(ctx, Failed, "nothing was created", err)
	}
	look, cancel := lookContext(ctx)
	defer cancel()
	found, looked := a.named(look, n.Name)
	switch {
	case looked != nil:
		return a.end(look, Unknown, "no answer says whether it was created, and Piano could not be read; run the command again, it looks first", errors.Join(err, looked))
	case found == nil:
		return a.end(look, Unknown, "no answer says whether it was created, and Piano has no such promotion now; run the command again, it looks first", err)
	}
	a.report.Promotion, a.report.Differences = found, n.differences(found)
	return a.end(look, Unknown, "the answer was lost, and promotion "+found.ID+" has this name now; compare it, and complete it in Piano", err)
}

// readBack reads the promotion and compares it.
func (a *action) readBack(ctx context.Context, n *New, id string, problem error) (*Report, error) {
	look, cancel := lookContext(ctx)
	defer cancel()
	now, err := a.Get(look, id)
	if err != nil {
		return a.end(look, Unknown, "promotion "+id+" was created and could not be read back: compare it in Piano", errors.Join(problem, err))
	}
	a.report.Promotion, a.report.Differences = now, n.differences(now)
	terms, err := a.terms(look, id)
	if err == nil {
		a.report.Differences = append(a.report.Differences, n.missingTerms(terms)...)
	}
	switch {
	case problem != nil || err != nil:
		return a.end(look, Failed, "promotion "+id+" exists; complete it in Piano", errors.Join(problem, err))
	case len(a.report.Differences) > 0:
		return a.end(look, Differs, "Piano created promotion "+id+" otherwise than asked for; correct it in Piano before its codes are used", nil)
	}
	return a.end(look, Done, "promotion "+id+" was created, and read back as asked for", nil)
}
