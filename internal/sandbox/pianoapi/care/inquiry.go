package care

import (
	"fmt"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/schemas"
)

// inquiryPrefix begins the ids of inquiries.
const inquiryPrefix = "PI"

// inquiry is a question of a user with the answers.
type inquiry struct {
	id        string
	owner     user
	resource  pianoapi.Resource
	reason    string
	category  string
	at        schemas.Millis
	state     int
	changedAt schemas.NullMillis // of the state
	paymentID string             // empty without one
	comments  []*comment
}

// The states of an inquiry. Piano does not publish their meaning.
const (
	inquiryNew = iota
	inquiryAnswered
	inquiryResolved
	inquiryDeclined
)

// The kinds of authors of a comment.
const (
	byUser = iota
	byPublisher
)

// comment is one text of an inquiry.
type comment struct {
	id        string
	submitter int
	at        schemas.Millis
	text      string
	internal  bool
}

// resolved reports whether the inquiry accepts no further comment.
func (i *inquiry) resolved() bool { return i.state == inquiryResolved || i.state == inquiryDeclined }

func (i *inquiry) add(submitter int, at schemas.Millis, text string, internal bool) {
	i.comments = append(i.comments, &comment{
		id: fmt.Sprintf("%s-%d", i.id, len(i.comments)+1), submitter: submitter, at: at, text: text, internal: internal,
	})
}

// questions are what users write.
var questions = []struct{ category, reason string }{
	{"Payment", "I was charged twice"}, {"Access", "I cannot open the archive"}, {"Refund", "Please refund the last month"}, {"Other", "My address has changed"},
}

func (d *Desk) seedInquiries(u user, owned []pianoapi.Holding) []*inquiry {
	if !d.oneIn(15, "inquiry", u.UID) {
		return nil
	}
	var all []*inquiry
	for n := range 1 + d.draw("inquiries", u.UID)%2 {
		key := fmt.Sprint(u.UID, "/", n)
		question := questions[d.draw("question", key)%uint64(len(questions))]
		i := &inquiry{
			id: partID(inquiryPrefix, u.number, int(n)), owner: u, resource: pianoapi.Resources()[0], category: question.category,
			reason: question.reason + ", " + pianoapi.CanaryInquiry, at: d.since(40, "inquiry", key),
		}
		for o := range owned {
			if last := d.lastPayment(&owned[o]); last != nil {
				i.resource, i.paymentID = owned[o].Subscription.Resource, last.id
				break
			}
		}
		text := pianoapi.CanaryInquiry + ": " + question.reason + "\nMy phone is +45 5550 0000.\n" + u.FirstName
		if d.oneIn(3, "attack", key) {
			text += pianoapi.Attacks()[d.draw("which", key)%uint64(len(pianoapi.Attacks()))]
		}
		i.add(byUser, i.at, text, false)
		switch d.draw("state", key) % 4 {
		case 0:
			i.add(byPublisher, i.at+hour/2, pianoapi.CanaryComment+": we look into it", false)
			i.state = inquiryAnswered
		case 1:
			i.add(byPublisher, i.at+hour/3, pianoapi.CanaryComment+": a known case", true)
			i.add(byPublisher, i.at+hour/2, pianoapi.CanaryComment+": it is done", false)
			i.state = inquiryResolved
		}
		if i.state != inquiryNew {
			i.changedAt = wire.At(i.at + hour/2)
		}
		all = append(all, i)
	}
	return all
}

// Inquiry is an inquiry as the API writes it. All its dates are texts.
type Inquiry struct {
	ID              string            `json:"payment_inquiry_id"`
	Resource        pianoapi.Resource `json:"resource"`
	App             map[string]string `json:"app"`
	State           int               `json:"state"`
	Reason          string            `json:"inquiry_reason"`
	CreateDate      *string           `json:"create_date"`
	Comments        []Comment         `json:"inquiry_comments"`
	Category        string            `json:"category"`
	UpdateStateBy   *pianoapi.User    `json:"update_state_by"`
	UpdateStateDate *string           `json:"update_state_date"`
	StartDate       *string           `json:"start_date"`
	ExpireDate      *string           `json:"expire_date"`
	TransactionDate *string           `json:"transaction_date"`
	TransactionID   *string           `json:"transaction_id"`
	SpentMoney      *wire.Amount      `json:"spent_money"`
	SpentDisplay    *string           `json:"spent_money_display"`
	Source          string            `json:"source"`
	Currency        *string           `json:"currency"`
	RefundedDate    *string           `json:"refunded_date"`
	AccessExpired   bool              `json:"is_access_expired,omitempty"`
	AccessRevoked   bool              `json:"is_access_revoked,omitempty"`
	Unlimited       bool              `json:"is_access_unlimited,omitempty"`
	RefundAmount    *string           `json:"refund_amount"`
}

// Comment is a comment as the API writes it.
type Comment struct {
	ID           string         `json:"comment_id"`
	Submitter    int            `json:"submitter_type"`
	CreateDate   *string        `json:"create_date"`
	Message      string         `json:"message"`
	User         *pianoapi.User `json:"user"`
	Email        *string        `json:"email"`
	Name         string         `json:"name"`
	PersonalName string         `json:"personal_name"`
	Internal     string         `json:"internal"` // a text
}

func shownComment(i *inquiry) func(*comment) Comment {
	return func(c *comment) Comment {
		s := Comment{ID: c.id, Submitter: c.submitter, CreateDate: wire.Plain(wire.At(c.at)), Message: c.text, Internal: fmt.Sprint(c.internal)}
		if c.submitter == byUser {
			s.User, s.Email, s.Name, s.PersonalName = &i.owner.User, &i.owner.Email, i.owner.FirstName, i.owner.PersonalName
		} else {
			s.Name = pianoapi.CanaryFirst + " of support"
			s.PersonalName = s.Name
		}
		return s
	}
}

func (d *Desk) shownInquiry(i *inquiry) Inquiry {
	s := Inquiry{
		ID: i.id, Resource: i.resource, App: map[string]string{"aid": d.cfg.AID, "name": appName}, State: i.state, Reason: i.reason, Category: i.category,
		CreateDate: wire.Plain(wire.At(i.at)), UpdateStateDate: wire.Plain(i.changedAt), Source: "web", Comments: []Comment{},
	}
	for _, one := range i.comments {
		s.Comments = append(s.Comments, shownComment(i)(one))
	}
	p := d.paymentByID(i.paymentID)
	if p == nil {
		return s
	}
	a := d.accessOf(i.owner, *p.holding)
	display, currency := price(p.amount, p.holding.Product.Currency), p.holding.Product.Currency
	s.TransactionDate, s.TransactionID, s.SpentMoney, s.SpentDisplay, s.Currency = wire.Plain(wire.At(p.at)), &p.id, &p.amount, &display, &currency
	s.StartDate, s.ExpireDate = wire.Plain(wire.At(a.start)), wire.Plain(a.expire)
	s.AccessRevoked, s.AccessExpired, s.Unlimited = a.revoked.Valid, !d.granted(a), !a.expire.Valid
	if sum := p.refunded(); sum > 0 {
		text := sum.String()
		s.RefundAmount, s.RefundedDate = &text, wire.Plain(wire.At(p.refunds[len(p.refunds)-1].at))
	}
	return s
}
