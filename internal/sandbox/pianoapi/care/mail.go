package care

import (
	"cmp"
	"iter"
	"net/http"
	"slices"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/schemas"
)

// mailPrefix begins the ids of e-mails.
const mailPrefix = "ML"

// mail is an e-mail to a user. Piano has no call that sends one, or sends one again.
type mail struct {
	id            string
	owner         user
	name          string // of the template
	subject, body string
	at            schemas.Millis
	opened        schemas.NullMillis
	status        string
	reject        string
}

func (d *Desk) seedMails(u user, owned []pianoapi.Holding) []*mail {
	f := &file{owner: u}
	for i := range owned {
		s := &owned[i].Subscription
		at := schemas.Millis(s.StartDate*1000) + hour/60
		d.sendAt(f, at, "subscription_created", "Welcome to "+s.Resource.Name, "Thank you for your order, "+u.FirstName+". Sign in: https://paper.example/?token=secret")
		if s.ChargeCount > 1 {
			d.sendAt(f, at+30*day, "payment_renewed", "Your receipt", "We have charged your card.")
		}
	}
	return f.mails
}

// send adds an e-mail that is sent now.
func (d *Desk) send(f *file, name, subject, body string) {
	d.sendAt(f, d.millis(), name, subject, body)
}

func (d *Desk) sendAt(f *file, at schemas.Millis, name, subject, body string) {
	m := &mail{
		id: partID(mailPrefix, f.owner.number, len(f.mails)), owner: f.owner, name: name, subject: pianoapi.CanaryMail + ": " + subject,
		body: "<p>" + pianoapi.CanaryMail + "</p><p>" + body + "</p>", at: at, status: "delivered",
	}
	switch draw := d.draw("mail", m.id); {
	case draw%15 == 0:
		m.status, m.reject = "bounce", "550 mailbox unavailable: "+f.owner.Email
	case draw%15 == 1:
		m.status = "queued"
	case draw%3 == 0 && at < d.opened-day:
		m.opened = wire.At(at + hour)
	}
	f.mails = append(f.mails, m)
}

// Mail is an e-mail as the API writes it. Its dates are texts.
type Mail struct {
	ID         string            `json:"email_id"`
	App        map[string]string `json:"app"`
	User       pianoapi.User     `json:"user"`
	Sender     string            `json:"sender"`
	Recipient  string            `json:"recipient"`
	ReplyTo    *string           `json:"reply_to"`
	CreateDate *string           `json:"create_date"`
	OpenDate   *string           `json:"open_date"`
	Status     string            `json:"status"`
	Localized  string            `json:"status_localized"`
	Reject     *string           `json:"reject_reason"`
	Name       string            `json:"email_name"`
	Subject    string            `json:"subject"`
	Body       *string           `json:"body"`
}

func (d *Desk) shownMail(m *mail, body bool) Mail {
	s := Mail{
		ID: m.id, App: map[string]string{"aid": d.cfg.AID, "name": appName}, User: m.owner.User, Sender: "service@paper.example", Recipient: m.owner.Email,
		CreateDate: wire.Plain(wire.At(m.at)), OpenDate: wire.Plain(m.opened), Status: m.status, Localized: m.status, Name: m.name, Subject: m.subject,
	}
	if m.reject != "" {
		s.Reject = &m.reject
	}
	if body {
		s.Body = &m.body
	}
	return s
}

// filesOf yields the file of a user, or of all users where uid is empty.
func (d *Desk) filesOf(uid string) iter.Seq[*file] {
	uids := []string{uid}
	if uid == "" {
		uids = d.Users()
	}
	return func(yield func(*file) bool) {
		for _, one := range uids {
			if u, ok := d.user(one); ok && !yield(d.file(u)) {
				return
			}
		}
	}
}

func (d *Desk) mailList(r *http.Request) wire.Answer {
	page, a, ok := wire.Paging(r, maxPage)
	if !ok {
		return a
	}
	if uid := r.Form.Get("uid"); uid != "" {
		if _, ok := d.user(uid); !ok {
			return wire.Failed(wire.CodeInvalidUID, "Invalid user id")
		}
	}
	body, ok := wire.FlagOr(r, "include_email_body", false)
	if !ok {
		return wire.Invalid("include_email_body", "must be true or false")
	}
	by, ok := wire.OneOf(r, "order_by", "date_created", "mail_log_id", "date_opened")
	if !ok {
		return wire.Invalid("order_by", "is unknown")
	}
	direction, ok := wire.OneOf(r, "order_direction", "desc", "asc")
	if !ok {
		return wire.Invalid("order_direction", "is unknown")
	}
	var all []*mail
	for f := range d.filesOf(r.Form.Get("uid")) {
		all = append(all, f.mails...)
	}
	slices.SortStableFunc(all, func(x, y *mail) int {
		order := cmp.Compare(x.at, y.at)
		switch by {
		case "mail_log_id":
			order = cmp.Compare(x.id, y.id)
		case "date_opened":
			order = cmp.Compare(x.opened.Millis, y.opened.Millis)
		}
		if direction == "desc" {
			return -order
		}
		return order
	})
	return wire.List("emails", all, page, func(m *mail) Mail { return d.shownMail(m, body) })
}

func (d *Desk) mailGet(r *http.Request) wire.Answer {
	f, at, ok := d.fileByID(mailPrefix, r.Form.Get("mail_log_id"))
	if !ok || at >= len(f.mails) {
		return wire.Failed(wire.CodeNotFound, "E-mail not found")
	}
	return wire.Succeeded("email", d.shownMail(f.mails[at], true))
}
