package customer_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
)

// Every part of many simulated customers is read, and nothing of it is shown by accident.
func TestClient_ReadsACustomer(t *testing.T) {
	c, server, logs := simulatedClient(t)
	ctx := t.Context()
	users, err := c.Search(ctx, customer.Query{"has_payment": "true"}, customer.Page{Limit: 60})
	if err != nil || len(users.Rows) < 30 || users.Total < len(users.Rows) {
		t.Fatalf("%d of %d users: %v", len(users.Rows), users.Total, err)
	}
	var all []any
	count := map[string]int{}
	note := func(part string, rows any, n int, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", part, err)
		}
		count[part] += n
		all = append(all, rows)
	}
	for _, u := range users.Rows {
		if strings.Contains(u.UID, "sha256:") {
			continue
		}
		one, err := c.User(ctx, u.UID)
		note("user", one, 1, err)
		byMail, err := c.ByEmail(ctx, u.Email)
		if err != nil || byMail.UID != u.UID {
			t.Errorf("by address: %v, %v", byMail, err)
		}
		stats, _, err := c.Stats(ctx, u.UID)
		note("stats", stats, len(stats), err)
		accesses, _, err := c.Accesses(ctx, u.UID)
		note("accesses", accesses, len(accesses), err)
		conversions, _, err := c.Conversions(ctx, u.UID)
		note("conversions", conversions, len(conversions), err)
		for _, conv := range conversions {
			if conv.Payment != nil {
				p, err := c.Payment(ctx, conv.Payment.ID)
				note("payments", p, 1, err)
				_, err = c.RefundablePartly(ctx, conv.Payment.ID)
				note("partly", "", 1, err)
				if _, known := p.Amount.Decimal(); !known || p.UserID != u.UID || p.CreatedAt == nil || p.Currency == "" || p.Refundable == nil && p.Status == "completed" && p.Amount.String() == "" {
					t.Errorf("payment: %+v", p)
				}
			}
		}
		for _, s := range stats {
			if s.PaymentMethodID != "" {
				m, err := c.PaymentMethod(ctx, u.UID, s.PaymentMethodID)
				note("methods", m, 1, err)
			}
		}
		inquiries, _, err := c.Inquiries(ctx, u.UID)
		note("inquiries", inquiries, len(inquiries), err)
		for _, i := range inquiries {
			comments, err := c.Comments(ctx, i.ID)
			note("comments", comments, len(comments), err)
			_, err = c.InquiryActions(ctx, i.ID)
			note("inquiry actions", "", 1, err)
			if i.CreatedAt == nil || len(comments) == 0 || comments[0].Message.Empty() {
				t.Errorf("inquiry %+v, %+v", i, comments)
			}
		}
		open, err := c.OpenInquiries(ctx, u.UID)
		note("open inquiries", "", open, err)
		notes, _, err := c.Notes(ctx, u.UID)
		note("notes", notes, len(notes), err)
		mails, _, err := c.Mails(ctx, u.UID)
		note("mails", mails, len(mails), err)
		if len(mails) > 0 {
			if m := mails[0]; m.Subject.Empty() || m.CreatedAt == nil {
				t.Errorf("mail: %+v", m)
			}
		}
	}
	for part, n := range map[string]int{"stats": 30, "accesses": 30, "conversions": 30, "payments": 30, "methods": 10, "inquiries": 1, "comments": 1, "notes": 1, "mails": 1} {
		if count[part] < n {
			t.Errorf("%s: only %d were read", part, count[part])
		}
	}
	resources, err := c.Resources(ctx)
	note("resources", resources, len(resources), err)
	terms, err := c.TermsFor(ctx, "")
	note("terms", terms, len(terms), err)
	features, err := c.Features(ctx)
	if err != nil || len(terms) == 0 || !features.Known || !features.ChangeNextBillDate || len(resources) == 0 {
		t.Errorf("features %+v, %d resources, %v", features, len(resources), err)
	}
	quick, err := c.List(ctx, users.Rows[0].Email, customer.Page{Limit: 10})
	if err != nil || len(quick.Rows) == 0 {
		t.Errorf("quick search: %+v, %v", quick, err)
	}
	if !strings.Contains(users.Rows[0].FirstName.Reveal()+users.Rows[1].FirstName.Reveal(), pianoapi.CanaryFirst) {
		t.Errorf("no canary was read, so that the check below means nothing: %q", users.Rows[0].FirstName.Reveal())
	}
	for _, v := range append(all, users, quick) {
		if found := pianoapi.FindCanaries([]byte(shown(t, v))); len(found) > 0 {
			text := shown(t, v)
			at := strings.Index(text, found[0])
			t.Errorf("%T shows %q: %s", v, found, text[max(at-100, 0):min(at+100, len(text))])
		}
	}
	if found := pianoapi.FindCanaries([]byte(logText(logs))); len(found) > 0 || strings.Contains(logText(logs), server.Token()) {
		t.Errorf("the log shows %q", found)
	}
	t.Log(count)
}

func TestClient_ReadsOtherFormsOfAnswers(t *testing.T) {
	ctx := t.Context()
	c, _ := fixed(t, 200, `{"code":0,"user_payment":{"user_payment_id":"P","amount":"19.99","remaining_amount":null,"refundable":"true","create_date":"2026-11-01T10:00:00.000Z","user":null,"subscription":null}}`)
	if p, err := c.Payment(ctx, "P"); err != nil || p.Amount.String() != "19.99" || p.Remaining.String() != "" || p.Refundable == nil || !*p.Refundable || p.CreatedAt == nil {
		t.Errorf("payment: %+v, %v", p, err)
	}
	c, _ = fixed(t, 200, `{"code":0,"UserPayment":{"user_payment_id":"P","create_date":"11/30/2026"}}`)
	if p, err := c.Payment(ctx, "P"); err != nil || p.CreatedAt != nil || p.Refundable != nil {
		t.Errorf("a date in an unknown form: %+v, %v", p, err)
	}
	if _, err := c.Payment(ctx, "Q"); !errors.Is(err, piano.ErrShape) {
		t.Errorf("another payment: %v", err)
	}
	c, _ = fixed(t, 200, `{"code":0,"total":0,"count":0,"accesses":null}`)
	if all, more, err := c.Accesses(ctx, "u"); err != nil || len(all) != 0 || more {
		t.Errorf("no access: %+v, %v", all, err)
	}
	c, _ = fixed(t, 200, `{"code":0,"total":7,"count":0}`)
	if all, _, err := c.Accesses(ctx, "u"); !errors.Is(err, piano.ErrShape) {
		t.Errorf("rows are missing: %+v, %v", all, err)
	}
	c, _ = fixed(t, 200, `{"code":0,"total":100000,"count":1,"accesses":[{"access_id":"A"}]}`)
	if all, more, err := c.Accesses(ctx, "u"); err != nil || len(all) != 1 || !more {
		t.Errorf("the same row for ever: %d, %v, %v", len(all), more, err)
	}
	c, _ = fixed(t, 200, `{"code":0,"count":3}`)
	if n, err := c.OpenInquiries(ctx, "u"); err != nil || n != 3 {
		t.Errorf("a number in the envelope: %d, %v", n, err)
	}
	c, _ = fixed(t, 200, `{"code":0,"features":{"composer":{}}}`)
	if f, err := c.Features(ctx); err != nil || f.Known {
		t.Errorf("no restrictions: %+v, %v", f, err)
	}
	c, _ = fixed(t, 200, `{"code":0,"user_payment_info":{"user_payment_info_id":"M","upi_expiration_month":12,"upi_expiration_year":31}}`)
	if m, err := c.PaymentMethod(ctx, "u", "M"); err != nil || m.ExpiresAt == nil || !m.ExpiresAt.Equal(time.Date(2032, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("a year in two digits: %+v, %v", m, err)
	}
}

// Answers of a broken or hostile API are errors that show nothing, and never a crash.
func TestClient_HostileAnswers(t *testing.T) {
	ctx := t.Context()
	for name, body := range map[string]string{
		"html": "<html>canary@example.com</html>", "text": "canary@example.com", "nothing": "", "null": "null", "array": `["canary@example.com"]`,
		"no_code": `{"users":[{"uid":"canary@example.com"}]}`, "refused": `{"code":2004,"message":"canary@example.com"}`,
		"another": `{"code":0,"data":{"canary@example.com":"canary@example.com"}}`, "number": `{"code":0,"data":17}`, "texts": `{"code":0,"data":["canary@example.com"]}`,
		"nested": `{"code":0,"data":[{"uid":{"x":"canary@example.com"},"access_id":["canary@example.com"]}]}`,
		"cut":    `{"code":0,"users":[{"uid":"canary@exam`,
		"deep":   `{"code":0,"data":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`,
	} {
		c, logs := fixed(t, http.StatusOK, body)
		page := customer.Page{Limit: 10}
		_, list := c.List(ctx, customer.NewPersonal("canary@example.com"), page)
		_, search := c.Search(ctx, customer.Query{"email": "canary@example.com"}, page)
		_, user := c.User(ctx, "canary@example.com")
		_, _, access := c.Accesses(ctx, "u")
		_, _, stats := c.Stats(ctx, "u")
		_, _, conversions := c.Conversions(ctx, "u")
		_, payment := c.Payment(ctx, "p")
		_, _, inquiry := c.Inquiries(ctx, "u")
		_, _, notes := c.Notes(ctx, "u")
		_, _, mails := c.Mails(ctx, "u")
		_, refund := c.Refund(ctx, "p", customer.Amount{}, false)
		_, grant := c.GrantAccess(ctx, customer.Grant{ResourceID: "r", UserID: "u", Message: customer.NewPersonal("canary@example.com")})
		_, reply := c.AddToInquiry(ctx, "i", []string{customer.InquiryReply}, customer.NewPersonal("canary@example.com"), false)
		_, noted := c.AddNote(ctx, "u", customer.NewPersonal("canary@example.com"), true)
		_, edit := c.EditNote(ctx, "n", customer.NewPersonal("canary@example.com"))
		for what, err := range map[string]error{"list": list, "search": search, "user": user, "access": access, "stats": stats, "conversions": conversions, "payment": payment,
			"inquiry": inquiry, "notes": notes, "mails": mails, "refund": refund, "grant": grant, "reply": reply, "note": noted, "edit": edit} {
			if err == nil {
				t.Errorf("%s: %s has no error", name, what)
			}
			if text := fmt.Sprintf("%v %+v", err, err) + logText(logs); strings.Contains(text, "canary") || strings.Contains(text, "comment=") {
				t.Errorf("%s: %s shows something: %s", name, what, text)
			}
		}
		for what, err := range map[string]error{"refund": refund, "grant": grant, "reply": reply, "note": noted, "edit": edit} {
			if errors.Is(err, piano.ErrOutcomeUnknown) == (name == "refused") {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
	}
	c, _ := fixed(t, 200, `{"code":0,"users":[]}`)
	if _, err := c.Search(ctx, customer.Query{"uid; drop": "canary"}, customer.Page{Limit: 10}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("an unknown filter: %v", err)
	}
	for _, p := range []customer.Page{{Limit: 0}, {Limit: 1001}, {Offset: -1, Limit: 1}, {Offset: 9_999, Limit: 2}} {
		if _, err := c.Search(ctx, nil, p); err == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
}
