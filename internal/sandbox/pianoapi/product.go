package pianoapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// resources are the names of what the world's subscriptions give access to, and of the
// foreign terms. A resource that is not one of them has the last id.
var resources = append(world.Resources(), "Free articles")

// resourceOf returns the resource with a name.
func resourceOf(name string) Resource {
	at := slices.Index(resources, name)
	if at < 0 {
		at = len(resources)
	}
	return Resource{ID: fmt.Sprintf("RR%d", at+1), AID: DefaultAID, Name: name, Type: "standard"}
}

// Resources returns all resources of the application.
func Resources() []Resource {
	var all []Resource
	for _, name := range resources {
		all = append(all, resourceOf(name))
	}
	return all
}

// termID returns the id of a term: a product with a term type.
func termID(kind string, product int) string {
	letters := strings.ToUpper(strings.ReplaceAll(kind, "_", ""))
	if len(letters) > 3 {
		letters = letters[:3]
	}
	return fmt.Sprintf("TM%s%02d", letters, product)
}

// Terms returns all terms of the application. Those with a price have the plan of their
// product in its most common form.
func (p *Publisher) Terms() []Term {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Term
	for _, kind := range append([]string{"payment", "dynamic"}, foreignTerms...) {
		for i := range p.terms {
			a := &account{status: "active", term: kind, plain: true}
			if hasEvents(kind) {
				a.months, a.price = p.terms[i].Months, schemas.NullDecimal4{Decimal4: p.terms[i].Price, Valid: true}
			}
			all = append(all, p.renderer.renderTerm(&record{product: i}, a, a.plan(nil, p.terms[i].Currency)))
		}
	}
	return all
}
