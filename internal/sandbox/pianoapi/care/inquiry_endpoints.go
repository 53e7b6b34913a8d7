package care

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// withInquiry passes the inquiry of a request to a call, and the file that has it.
func (d *Desk) withInquiry(do func(*http.Request, *file, *inquiry) wire.Answer) func(*http.Request) wire.Answer {
	return func(r *http.Request) wire.Answer {
		f, at, ok := d.fileByID(inquiryPrefix, r.Form.Get("payment_inquiry_id"))
		if !ok || at >= len(f.inquiries) {
			return wire.Failed(wire.CodeNotFound, "Inquiry not found")
		}
		return do(r, f, f.inquiries[at])
	}
}

func (d *Desk) inquiryList(r *http.Request, u user) wire.Answer {
	page, a, ok := wire.Paging(r, maxPage)
	if !ok {
		return a
	}
	return wire.List("payment_inquiries", d.inquiriesOf(u, d.Holdings(u.UID)), page, d.shownInquiry)
}

func (d *Desk) inquiryDetails(_ *http.Request, _ *file, i *inquiry) wire.Answer {
	return wire.Succeeded("payment_inquiry", d.shownInquiry(i))
}

func (d *Desk) inquiryComments(_ *http.Request, _ *file, i *inquiry) wire.Answer {
	return wire.List("comments", i.comments, wire.Page{Limit: maxPage}, shownComment(i))
}

// inquiryLastComment returns the inquiry with the newest comment of a user.
func (d *Desk) inquiryLastComment(_ *http.Request, u user) wire.Answer {
	var last *inquiry
	for _, i := range d.inquiriesOf(u, d.Holdings(u.UID)) {
		if last == nil || i.comments[len(i.comments)-1].at >= last.comments[len(last.comments)-1].at {
			last = i
		}
	}
	if last == nil {
		return wire.Succeeded("payment_inquiry", nil)
	}
	return wire.Succeeded("payment_inquiry", d.shownInquiry(last))
}

// inquiryUnresolvedCount counts the open inquiries of a user, or of all users.
func (d *Desk) inquiryUnresolvedCount(r *http.Request) wire.Answer {
	uids := d.Users()
	if uid := r.Form.Get("uid"); uid != "" {
		uids = []string{uid}
	}
	n := 0
	for _, uid := range uids {
		u, ok := d.user(uid)
		if !ok {
			continue
		}
		for _, i := range d.inquiriesOf(u, d.Holdings(uid)) {
			if !i.resolved() {
				n++
			}
		}
	}
	return wire.Succeeded("data", n)
}

// actionsOf returns the actions that an inquiry allows: those about money only where there
// is money left.
func (d *Desk) actionsOf(i *inquiry) []string {
	if i.resolved() {
		return nil
	}
	all := []string{"REPLY_ONLY", "RESOLVE"}
	p := d.paymentByID(i.paymentID)
	if p == nil {
		return all
	}
	all = append(all, "NO_REFUND_GRANT", "NO_REFUND_REVOKE", "DECLINE")
	if d.refundable(p) {
		all = append(all, "REFUND_GRANT", "REFUND_REVOKE", "REFUND_ONLY")
	}
	if p.holding.HasEvents && p.holding.Subscription.Cancelable {
		all = append(all, "SUB_CANCEL")
		if last := d.lastPayment(p.holding); last != nil && d.refundable(last) {
			all = append(all, "SUB_REFUND_ONLY", "SUB_REFUND_CANCEL")
		}
	}
	return all
}

func (d *Desk) inquiryActions(_ *http.Request, _ *file, i *inquiry) wire.Answer {
	actions := []map[string]string{}
	for n, caption := range d.actionsOf(i) {
		actions = append(actions, map[string]string{"id": fmt.Sprint(n + 1), "caption": caption})
	}
	return wire.Succeeded("actions", actions)
}

// The limits of comments.
const (
	maxComment  = 3000 // characters
	maxComments = 50   // of an inquiry
)

// inquiryAdd adds a comment and does the actions of a request: all, or none.
func (d *Desk) inquiryAdd(r *http.Request, f *file, i *inquiry) wire.Answer {
	actions, text := wire.Texts(r, "action"), r.Form.Get("comment")
	internal, ok := wire.Flag(r, "internal")
	if !ok {
		return wire.Invalid("internal", "is required: true or false")
	}
	if i.resolved() {
		return wire.Failed(wire.CodeInquiryResolved, "The inquiry is already resolved")
	}
	allowed := d.actionsOf(i)
	for _, one := range actions {
		if !slices.Contains(allowed, one) {
			return wire.Failed(wire.CodeUnknownAction, "Unknown inquiry action")
		}
	}
	switch {
	case len(actions) == 0:
		return wire.Failed(wire.CodeUnknownAction, "Unknown inquiry action")
	case text == "":
		return wire.Failed(wire.CodeCommentNeeded, "A comment is required")
	case utf8.RuneCountInString(text) > maxComment:
		return wire.Failed(wire.CodeCommentTooLong, "The comment is too long")
	case len(i.comments) >= maxComments:
		return wire.Failed(wire.CodeCommentLimit, "The limit of comments is reached")
	}
	for _, one := range actions {
		if err := d.actOn(r, i, one); err != nil {
			var failure *wire.Error
			if errors.As(err, &failure) {
				return wire.Failed(1, "Internal error")
			}
			return wire.Outcome("", nil, err)
		}
	}
	d.files[f.owner.UID] = f
	now := d.millis()
	i.add(byPublisher, now, text, internal)
	if i.state == inquiryNew {
		i.state = inquiryAnswered
	}
	for _, one := range actions {
		switch one {
		case "REPLY_ONLY":
		case "DECLINE":
			i.state = inquiryDeclined
		default:
			i.state = inquiryResolved
		}
	}
	i.changedAt = wire.At(now)
	if !internal {
		d.send(f, "inquiry_reply", "Your inquiry", pianoapi.CanaryMail+": "+text)
	}
	return wire.Succeeded("payment_inquiry", d.shownInquiry(i))
}

// actOn does one action about money or access.
func (d *Desk) actOn(r *http.Request, i *inquiry, action string) error {
	p := d.paymentByID(i.paymentID)
	switch action {
	case "REFUND_GRANT", "REFUND_ONLY":
		d.refund(p, p.remaining(), false)
	case "REFUND_REVOKE":
		d.refund(p, p.remaining(), true)
	case "NO_REFUND_REVOKE":
		d.revoked[partID(subscribedPrefix, p.holding.Number, 0)] = d.millis()
	case "SUB_REFUND_ONLY":
		last := d.lastPayment(p.holding)
		d.refund(last, last.remaining(), false)
	case "SUB_CANCEL", "SUB_REFUND_CANCEL":
		_, err := d.cancel(r.Context(), p.holding.Subscription.ID, action == "SUB_REFUND_CANCEL")
		return err
	}
	return nil
}
