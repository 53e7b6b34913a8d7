package care

import (
	"cmp"
	"slices"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano/customer"
)

// maxOpened is how many inquiries are opened at once: each costs two calls.
const maxOpened = 4

// inquiryView is one inquiry of a user.
type inquiryView struct {
	ID, State, Category, Reason, Resource, PaymentID, Created, Updated string
	Opened                                                             bool
	Comments                                                           []commentView
	Buttons                                                            buttons
	Problem                                                            string
	inquiry                                                            customer.Inquiry
}

type commentView struct {
	At, From, Message string
	Internal          bool
}

// submitters are Piano's numbers, as they most likely are.
var submitters = map[string]string{"0": "user", "1": "publisher", "2": "system"}

// loadInquiries reads the inquiries of the user, the latest first.
func (v *view) loadInquiries() error {
	all, more, err := v.Customers.Inquiries(v.req.Context(), v.ID)
	if err != nil {
		return err
	}
	v.More = more
	slices.SortStableFunc(all, func(a, b customer.Inquiry) int {
		return cmp.Compare(instantText(b.CreatedAt), instantText(a.CreatedAt))
	})
	for _, i := range all {
		v.Inquiries = append(v.Inquiries, inquiryView{ID: i.ID, State: i.State, Category: v.sight.text(i.Category), Reason: v.sight.text(i.Reason), Resource: i.ResourceName,
			PaymentID: i.PaymentID, Created: instantText(i.CreatedAt), Updated: instantText(i.UpdatedAt), inquiry: i})
	}
	return nil
}

// expand reads the thread of one inquiry, or of the latest ones, with their buttons.
func (v *view) expand(id string) {
	opened := 0
	for n := range v.Inquiries {
		one := &v.Inquiries[n]
		if id != "" && one.ID != id || opened == maxOpened {
			continue
		}
		opened++
		one.Opened = true
		comments, err := v.Customers.Comments(v.req.Context(), one.ID)
		if err != nil {
			one.Problem = err.Error()
			continue
		}
		for _, c := range comments {
			one.Comments = append(one.Comments, commentView{At: instantText(c.CreatedAt), From: cmp.Or(submitters[c.Submitter], c.Submitter) + nameInBrackets(v.sight.name(c.Name)),
				Message: v.sight.text(c.Message), Internal: c.Internal})
		}
		allowed, err := v.Customers.InquiryActions(v.req.Context(), one.ID)
		if err != nil {
			allowed = nil // a resolved inquiry allows nothing
		}
		target := actions.Target{Inquiry: &actions.InquiryTarget{Inquiry: one.inquiry, Allowed: allowed}}
		if !slices.Contains(allowed, customer.InquiryReply) {
			one.State = "takes no more comments"
		} else {
			one.State = "open"
		}
		for _, d := range actions.Decisions(v.feature, target, v.roles) {
			one.Buttons = append(one.Buttons, v.button(d, "user_id", v.ID, "inquiry_id", one.ID))
		}
	}
}

func nameInBrackets(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}
