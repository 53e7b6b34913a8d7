package customer

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// Term is a term that a subscription may have.
type Term struct {
	ID, Name, Type string
	Plan           string // as Piano writes it
	// ChangesTo are the terms to which its subscriptions can change; empty where Piano names
	// none.
	ChangesTo []string
}

// Price is the price of the term for people.
func (t Term) Price() string { return PlanText(t.Plan) }

type term struct {
	ID      word `json:"term_id"`
	Name    word `json:"name"`
	Type    word `json:"type"`
	Plan    word `json:"payment_billing_plan"`
	Options []struct {
		To word `json:"to_term_id"`
	} `json:"change_options"`
}

func decodeTerm(raw term) (Term, error) {
	t := Term{ID: string(raw.ID), Name: string(raw.Name), Type: string(raw.Type), Plan: string(raw.Plan)}
	for _, o := range raw.Options {
		if o.To != "" {
			t.ChangesTo = append(t.ChangesTo, string(o.To))
		}
	}
	return t, nil
}

func (c *Client) readTerms(ctx context.Context) func() ([]Term, error) {
	return func() ([]Term, error) {
		rows, _, err := all(ctx, c, piano.ListTerms, url.Values{"order_by": {"term_name"}, "order_direction": {"asc"}}, "term_id", decodeTerm)
		if err != nil {
			return nil, fmt.Errorf("read the terms of the application: %w", err)
		}
		return rows, nil
	}
}

// Term finds a term of the application. Without one the error wraps piano.ErrNotFound.
func (c *Client) Term(ctx context.Context, id string) (Term, error) {
	t, ok, err := named(&c.terms, c.now, func(t Term) string { return t.ID }, transform.Guard(strings.TrimSpace(id)), c.readTerms(ctx))
	if err == nil && !ok {
		err = fmt.Errorf("find the term: %w", piano.ErrNotFound)
	}
	return t, err
}

// TermsFor are the terms to which a subscription with this term may change: those of the
// options that Piano names, or all that can be subscribed to where it names none.
func (c *Client) TermsFor(ctx context.Context, id string) ([]Term, error) {
	all, err := c.terms.get(c.now, keepTime, c.readTerms(ctx))
	if err != nil {
		return nil, err
	}
	var options []string
	for _, t := range all {
		if t.ID == id {
			options = t.ChangesTo
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(t Term) bool {
		subscribed := t.Type == "payment" || t.Type == "dynamic"
		return t.ID == id || !subscribed || len(options) > 0 && !slices.Contains(options, t.ID)
	}), nil
}

// PlanText is a billing plan for people. Piano writes [12.90 EUR|1 month|*] for a price and
// a period that repeat, and one such part for each step of a price.
func PlanText(plan string) string {
	if plan == "" {
		return "an amount that Piano does not say"
	}
	var steps []string
	for step := range strings.SplitSeq(plan, "]") {
		parts := strings.Split(strings.Trim(step, "[ ,"), "|")
		if len(parts) < 2 {
			continue
		}
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		text := parts[0] + " for " + parts[1]
		if len(parts) > 2 && parts[2] != "*" && parts[2] != "1" {
			text += ", " + parts[2] + " times"
		}
		steps = append(steps, text)
	}
	if len(steps) == 0 {
		return plan
	}
	return strings.Join(steps, ", then ")
}
