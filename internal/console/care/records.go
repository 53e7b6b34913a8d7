package care

import (
	"errors"
	"slices"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
)

// noteView is a note about a user, mailView an e-mail to the user, and methodView a means
// of payment.
type (
	noteView struct {
		At, Updated, By, Content, Rule string
		Buttons                        buttons
	}
	mailView   struct{ At, Opened, Status, Template, Subject, Recipient, Reject string }
	methodView struct{ ID, Kind, Number, Nickname, Expires, State, Problem string }
)

// loadNotes reads the notes, the latest first.
func (v *view) loadNotes() error {
	all, more, err := v.Customers.Notes(v.req.Context(), v.ID)
	if err != nil {
		return err
	}
	v.More = more
	for _, n := range all {
		one := noteView{At: instantText(n.CreatedAt), Updated: instantText(n.UpdatedAt), By: v.sight.name(n.By), Content: v.sight.text(n.Content)}
		if n.ReadOnly {
			one.Rule = "read-only"
		}
		if !n.ReadOnly {
			d := actions.Decide(actions.EditNote, v.feature, actions.Target{User: &customer.User{UID: v.ID}}, v.roles)
			edit := v.button(d, "user_id", v.ID, "note_id", n.ID)
			if v.Shown() {
				edit.Value = n.Content.Reveal()
			}
			one.Buttons = buttons{edit}
		}
		v.Notes = append(v.Notes, one)
	}
	return nil
}

// loadMails reads what Piano has sent, without bodies.
func (v *view) loadMails() error {
	all, more, err := v.Customers.Mails(v.req.Context(), v.ID)
	if err != nil {
		return err
	}
	v.More = more
	for _, m := range all {
		v.Mails = append(v.Mails, mailView{At: instantText(m.CreatedAt), Opened: instantText(m.OpenedAt), Status: m.Status, Template: m.Template,
			Subject: v.sight.text(m.Subject), Recipient: v.sight.name(m.Recipient), Reject: v.sight.text(m.RejectReason)})
	}
	return nil
}

// maxMethods limits how many payment methods are read: each costs a call.
const maxMethods = 10

// loadWallet reads the payment methods that subscriptions and conversions name.
func (v *view) loadWallet() error {
	stats, _, err := v.Customers.Stats(v.req.Context(), v.ID)
	if err != nil {
		return err
	}
	conversions, _, err := v.Customers.Conversions(v.req.Context(), v.ID)
	if err != nil {
		return err
	}
	var ids []string
	for _, s := range stats {
		ids = append(ids, s.PaymentMethodID)
	}
	for _, c := range conversions {
		ids = append(ids, c.PaymentMethodID)
	}
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == "" })
	if v.More = len(ids) > maxMethods; v.More {
		ids = ids[:maxMethods]
	}
	for _, id := range ids {
		m, err := v.Customers.PaymentMethod(v.req.Context(), v.ID, id)
		one := methodView{ID: id}
		switch {
		case errors.Is(err, piano.ErrNotFound):
			one.Problem = "it has been removed"
		case err != nil:
			one.Problem = err.Error()
		default:
			one.Kind, one.Number, one.Nickname, one.Expires = m.Kind+" "+m.Brand, v.sight.text(m.Number), v.sight.text(m.Nickname), v.sight.text(m.Expires)
			switch {
			case m.ExpiresAt == nil:
			case !m.ExpiresAt.After(v.Now()):
				one.State = "expired"
			case m.ExpiresAt.Before(v.Now().AddDate(0, 1, 0)):
				one.State = "expires soon"
			}
		}
		v.Methods = append(v.Methods, one)
	}
	return nil
}
