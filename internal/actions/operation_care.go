package actions

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/transform"
)

// refundOperation refunds a payment, whole or in part. Whether a part is possible is asked
// of Piano first.
func (s *Actions) refundOperation(a Action) operation {
	id := strings.TrimSpace(a.PaymentID)
	amount, given := a.Amount.Decimal()
	o := operation{
		object: "payment:" + transform.Guard(id),
		request: Request{Endpoint: piano.RefundPayment.Path(), Parameters: map[string]string{
			"user_payment_id": transform.Guard(id), "amount": "all that remains", "revoke_access": strconv.FormatBool(a.RevokeAccess)}},
		send: func(ctx context.Context) error {
			_, err := s.Customers.Refund(ctx, id, a.Amount, a.RevokeAccess)
			return err
		},
	}
	if given {
		o.request.Parameters["amount"] = amount.String()
	}
	o.look = func(ctx context.Context) (*sight, error) {
		p, err := s.Customers.Payment(ctx, id)
		if err != nil {
			return nil, found(err, "there is no such payment")
		}
		now := &sight{target: Target{Payment: &p}, user: p.UserID, subscription: p.SubscriptionID, values: map[string]string{
			"payment_status": p.Status, "amount": p.Amount.String(), "remaining": p.Remaining.String(), "refunded": p.Refunded.String(),
			"currency": p.Currency, "refundable": flagText(p.Refundable)}}
		if err := now.ofUser(a.UserID); err != nil {
			return nil, err
		}
		if remaining, known := p.Remaining.Decimal(); given && (!known || amount.LessThan(remaining)) {
			partly, err := s.Customers.RefundablePartly(ctx, id)
			if err != nil {
				return nil, err
			}
			now.values["refundable_in_part"] = strconv.FormatBool(partly)
		}
		return now, nil
	}
	o.refuse = func(now *sight) (string, bool) {
		p := now.target.Payment
		most, known := p.Remaining.Decimal()
		if !known {
			most, known = p.Amount.Decimal()
		}
		switch {
		case given && !known:
			return "Piano does not say how much of it remains, so no part of it can be refunded", false
		case given && amount.GreaterThan(most):
			return fmt.Sprintf("the amount is more than the %s %s that remain", most, p.Currency), false
		case given && now.values["refundable_in_part"] == "false":
			return "Piano refunds this payment as a whole only", false
		default:
			return "", false
		}
	}
	o.done = func(before, after *sight) bool {
		was, known := before.target.Payment.Remaining.Decimal()
		is, knownNow := after.target.Payment.Remaining.Decimal()
		if known && knownNow {
			if given {
				return is.LessThanOrEqual(was.Sub(amount))
			}
			return is.LessThan(was)
		}
		return before.values["payment_status"] != "refunded" && after.values["payment_status"] == "refunded" ||
			before.values["refunded"] != after.values["refunded"]
	}
	return o
}

// lookAtAccesses reads the accesses of a user that keep selects.
func (s *Actions) lookAtAccesses(ctx context.Context, uid string, keep func(customer.Access) bool) (*sight, []customer.Access, error) {
	all, more, err := s.Customers.Accesses(ctx, uid)
	if err != nil {
		return nil, nil, found(err, "there is no such user")
	}
	if more {
		return nil, nil, absent{"the user has too many accesses to be sure of the state"}
	}
	all = slices.DeleteFunc(all, func(a customer.Access) bool { return !keep(a) })
	slices.SortFunc(all, func(x, y customer.Access) int { return strings.Compare(x.ID, y.ID) })
	now := &sight{user: transform.Guard(uid), values: map[string]string{}, private: all}
	for _, one := range all {
		state := "ends " + endText(one.ExpiresAt)
		if !one.Granted {
			state = "not valid, ended " + endText(one.ExpiresAt)
		}
		now.values["access "+one.ID] = state
	}
	return now, all, nil
}

// accessOperation extends or revokes one access.
func (s *Actions) accessOperation(a Action) operation {
	uid, id := strings.TrimSpace(a.UserID), strings.TrimSpace(a.AccessID)
	o := operation{object: "access:" + transform.Guard(id)}
	o.look = func(ctx context.Context) (*sight, error) {
		now, all, err := s.lookAtAccesses(ctx, uid, func(one customer.Access) bool { return one.ID == id })
		switch {
		case err != nil:
			return nil, err
		case len(all) > 0 && all[0].UserID != "" && all[0].UserID != transform.Guard(uid):
			return nil, absent{"the access is another user's"}
		case len(all) > 0:
			now.target.Access = &all[0]
		default: // also a revoked one
			now.values["access "+transform.Guard(id)] = "not listed"
		}
		return now, nil
	}
	if a.Kind == RevokeAccess {
		o.request = Request{Endpoint: piano.RevokeAccess.Path(), Parameters: map[string]string{"access_id": transform.Guard(id)}}
		o.expect = map[string]string{"access " + id: "revoked"}
		o.send = func(ctx context.Context) error { _, err := s.Customers.RevokeAccess(ctx, id); return err }
		o.done = func(_, after *sight) bool { return after.target.Access == nil || !after.target.Access.Granted }
		return o
	}
	o.request = Request{Endpoint: piano.UpdateAccess.Path(), Parameters: map[string]string{"access_id": transform.Guard(id)}}
	o.resolve = func(a *Action, now *sight) error {
		switch ends := now.target.Access.ExpiresAt; {
		case a.At != nil:
		case ends == nil:
			return absent{"the access never ends"}
		default:
			from := *ends
			if from.Before(s.Now()) {
				from = s.Now()
			}
			at := Postpone(from, a.Months, a.Days)
			a.At, a.Months, a.Days = &at, 0, 0
		}
		return nil
	}
	if a.At == nil {
		return o
	}
	o.request.Parameters["expire_date"] = epochText(a.At)
	o.expect = map[string]string{"access " + id: "ends " + endText(a.At)}
	o.refuse = func(now *sight) (string, bool) {
		switch ends := now.target.Access.ExpiresAt; {
		case ends == nil:
			return "the access never ends", true
		case sameInstant(ends, a.At):
			return "the access ends then already", true
		case ends.After(*a.At):
			return "the access ends later already: this would shorten it", false
		}
		return "", false
	}
	o.send = func(ctx context.Context) error { _, err := s.Customers.ExtendAccess(ctx, id, *a.At); return err }
	o.done = func(_, after *sight) bool {
		return after.target.Access != nil && sameInstant(after.target.Access.ExpiresAt, a.At)
	}
	return o
}

// grantOperation gives one user access to a resource.
func (s *Actions) grantOperation(a Action) operation {
	uid := strings.TrimSpace(a.UserID)
	o := operation{
		object: "resource:" + transform.Guard(a.ResourceID),
		request: Request{Endpoint: piano.GrantAccess.Path(), Parameters: map[string]string{"uid": transform.Guard(uid),
			"rid": transform.Guard(a.ResourceID), "expire_date": "never", "send_email": strconv.FormatBool(a.SendMail)}},
		send: func(ctx context.Context) error {
			_, err := s.Customers.GrantAccess(ctx, customer.Grant{ResourceID: a.ResourceID, UserID: uid, ExpiresAt: a.At, SendMail: a.SendMail, Message: a.Text})
			return err
		},
		expect: map[string]string{"access to " + a.ResourceID: "ends " + endText(a.At)},
	}
	if a.At != nil {
		o.request.Parameters["expire_date"] = epochText(a.At)
	}
	if !a.Text.Empty() {
		o.request.Parameters["message"] = lengthText(a.Text.Len())
	}
	o.look = func(ctx context.Context) (*sight, error) {
		user, err := s.Customers.User(ctx, uid)
		if err != nil {
			return nil, found(err, "there is no such user")
		}
		now, _, err := s.lookAtAccesses(ctx, uid, func(one customer.Access) bool { return one.ResourceID == transform.Guard(a.ResourceID) })
		if err != nil {
			return nil, err
		}
		now.target.User = &user
		if _, err := s.Customers.Resource(ctx, a.ResourceID); err != nil {
			return nil, found(err, "the application has no such resource")
		}
		return now, nil
	}
	o.refuse = func(now *sight) (string, bool) {
		for _, one := range now.private.([]customer.Access) {
			if one.Granted && !one.Revoked && sameInstant(one.ExpiresAt, a.At) {
				return "the user has this access already", true
			}
		}
		return "", false
	}
	o.done = func(before, after *sight) bool {
		for _, one := range after.private.([]customer.Access) {
			if one.Granted && sameInstant(one.ExpiresAt, a.At) && before.values["access "+one.ID] != after.values["access "+one.ID] {
				return true
			}
		}
		return false
	}
	return o
}

// inquiryThread is what a look at an inquiry compares afterwards. The texts stay in memory.
type inquiryThread struct {
	comments []customer.Comment
	state    string
}

// inquiryOperation answers an inquiry, comments on it or resolves it.
func (s *Actions) inquiryOperation(a Action) operation {
	id := strings.TrimSpace(a.InquiryID)
	internal := a.Kind != ReplyToInquiry
	var steps []string
	if a.Kind != ResolveInquiry {
		steps = append(steps, customer.InquiryReply)
	}
	if a.Kind == ResolveInquiry || a.Resolve {
		steps = append(steps, customer.InquiryResolve)
	}
	o := operation{
		object: "inquiry:" + transform.Guard(id),
		request: Request{Endpoint: piano.AddToInquiry.Path(), Parameters: map[string]string{"payment_inquiry_id": transform.Guard(id),
			"action": strings.Join(steps, ","), "internal": strconv.FormatBool(internal), "comment": lengthText(a.Text.Len())}},
		send: func(ctx context.Context) error {
			_, err := s.Customers.AddToInquiry(ctx, id, steps, a.Text, internal)
			return err
		},
	}
	o.look = func(ctx context.Context) (*sight, error) {
		uid := strings.TrimSpace(a.UserID)
		all, _, err := s.Customers.Inquiries(ctx, uid)
		if err != nil {
			return nil, found(err, "there is no such user")
		}
		at := slices.IndexFunc(all, func(i customer.Inquiry) bool { return i.ID == transform.Guard(id) })
		if at < 0 {
			return nil, absent{"the user has no such inquiry"}
		}
		i := all[at]
		allowed, err := s.Customers.InquiryActions(ctx, id)
		if err != nil && !refusal(err) {
			return nil, err
		}
		comments, err := s.Customers.Comments(ctx, id)
		if err != nil {
			return nil, err
		}
		return &sight{target: Target{Inquiry: &InquiryTarget{Inquiry: i, Allowed: allowed}}, user: transform.Guard(uid),
			values:  map[string]string{"state": i.State, "allowed": strings.Join(allowed, ","), "comments": strconv.Itoa(len(comments))},
			private: inquiryThread{comments: comments, state: i.State}}, nil
	}
	o.refuse = func(now *sight) (string, bool) {
		if a.Resolve && !slices.Contains(now.target.Inquiry.Allowed, customer.InquiryResolve) {
			return "the inquiry does not allow to resolve it", false
		}
		return "", false
	}
	o.done = func(before, after *sight) bool {
		was, is := before.private.(inquiryThread), after.private.(inquiryThread)
		known := map[string]bool{}
		for _, c := range was.comments {
			known[c.ID] = true
		}
		added := slices.ContainsFunc(is.comments, func(c customer.Comment) bool {
			return !known[c.ID] && sameText(c.Message, a.Text)
		})
		resolves := slices.Contains(steps, customer.InquiryResolve)
		resolved := resolves && slices.Contains(before.target.Inquiry.Allowed, customer.InquiryResolve) && !slices.Contains(after.target.Inquiry.Allowed, customer.InquiryResolve)
		return added && (!resolves || resolved)
	}
	return o
}

// noteOperation writes a note about a user.
func (s *Actions) noteOperation(a Action) operation {
	uid := strings.TrimSpace(a.UserID)
	return operation{
		request: Request{Endpoint: piano.CreateNote.Path(), Parameters: map[string]string{"uid": transform.Guard(uid),
			"content": lengthText(a.Text.Len()), "readonly": strconv.FormatBool(a.ReadOnly)}},
		send: func(ctx context.Context) error {
			_, err := s.Customers.AddNote(ctx, uid, a.Text, a.ReadOnly)
			return err
		},
		look: func(ctx context.Context) (*sight, error) {
			user, err := s.Customers.User(ctx, uid)
			if err != nil {
				return nil, found(err, "there is no such user")
			}
			notes, _, err := s.Customers.Notes(ctx, uid)
			if err != nil {
				return nil, err
			}
			// Another agent's note does not change what this one is about.
			return &sight{target: Target{User: &user}, user: user.UID, values: map[string]string{"notes": strconv.Itoa(len(notes))},
				ignored: []string{"notes"}, private: notes}, nil
		},
		done: func(before, after *sight) bool {
			known := map[string]bool{}
			for _, n := range before.private.([]customer.Note) {
				known[n.ID] = true
			}
			return slices.ContainsFunc(after.private.([]customer.Note), func(n customer.Note) bool {
				return !known[n.ID] && sameText(n.Content, a.Text)
			})
		},
	}
}

// editOperation replaces the text of a note.
func (s *Actions) editOperation(a Action) operation {
	uid, id := strings.TrimSpace(a.UserID), strings.TrimSpace(a.NoteID)
	return operation{
		object: "note:" + transform.Guard(id),
		request: Request{Endpoint: piano.UpdateNote.Path(), Parameters: map[string]string{"user_note_id": transform.Guard(id),
			"content": lengthText(a.Text.Len())}},
		send: func(ctx context.Context) error { _, err := s.Customers.EditNote(ctx, id, a.Text); return err },
		look: func(ctx context.Context) (*sight, error) {
			user, err := s.Customers.User(ctx, uid)
			if err != nil {
				return nil, found(err, "there is no such user")
			}
			notes, _, err := s.Customers.Notes(ctx, uid)
			if err != nil {
				return nil, err
			}
			at := slices.IndexFunc(notes, func(n customer.Note) bool { return n.ID == transform.Guard(id) })
			if at < 0 {
				return nil, absent{"the user has no such note"}
			}
			n := notes[at]
			return &sight{target: Target{User: &user}, user: user.UID, private: n,
				values: map[string]string{"text": lengthText(n.Content.Len()), "read_only": strconv.FormatBool(n.ReadOnly), "updated_at": instantText(n.UpdatedAt)}}, nil
		},
		refuse: func(now *sight) (string, bool) {
			switch n := now.private.(customer.Note); {
			case n.ReadOnly:
				return "the note is read-only", false
			case sameText(n.Content, a.Text):
				return "the note has this text already", true
			}
			return "", false
		},
		expect: map[string]string{"text": lengthText(a.Text.Len())},
		done:   func(_, after *sight) bool { return sameText(after.private.(customer.Note).Content, a.Text) },
	}
}

// sameText compares texts without regard to white space, which a server may change.
func sameText(x, y customer.Personal) bool {
	return slices.Equal(strings.Fields(x.Reveal()), strings.Fields(y.Reveal()))
}
