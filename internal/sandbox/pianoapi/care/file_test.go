package care_test

import (
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/care"
)

func TestNotes(t *testing.T) {
	s := setUp(t)
	uid := text(s.search()[0], "uid")
	for range 2 { // the same request twice is two notes
		if got := s.post("/publisher/user/note/create", "uid", uid, "content", "called"); text(got, "user_note", "content") != "called" {
			t.Fatalf("got %v", got)
		}
	}
	notes := list(s.get("/publisher/user/note/list", "uid", uid, "q", "CALLED", "order_direction", "desc", "offset", "0", "limit", "9"), "user_notes")
	if len(notes) != 2 || text(notes[0], "user_note_id") == text(notes[1], "user_note_id") {
		t.Fatalf("got %v", notes)
	}
	if _, err := time.Parse(time.DateTime, text(notes[0], "create_date")); err != nil {
		t.Errorf("the date is no text: %v", notes[0]["create_date"])
	}
	id := text(notes[0], "user_note_id")
	if got := s.post("/publisher/user/note/update", "user_note_id", id, "content", "closed", "readonly", "true"); text(got, "user_note", "content") != "closed" || text(got, "user_note", "update_date") == "" {
		t.Errorf("got %v", got)
	}
	if got := s.post("/publisher/user/note/update", "user_note_id", id, "content", "again"); code(got) != 2 {
		t.Errorf("a note that is read only: %v", got)
	}
	if got := s.get("/publisher/user/note/get", "user_note_id", id); text(got, "user_note", "content") != "closed" {
		t.Errorf("got %v", got)
	}
	for name, c := range map[string]struct {
		got  object
		want int
	}{
		"unknown":      {s.get("/publisher/user/note/get", "user_note_id", "UN1"), 404},
		"no_content":   {s.post("/publisher/user/note/create", "uid", uid), 400},
		"unknown_user": {s.post("/publisher/user/note/create", "uid", "nobody", "content", "x"), 2004},
	} {
		if code(c.got) != c.want {
			t.Errorf("%s: %v", name, c.got)
		}
	}
	if all := number(s.get("/publisher/user/note/list", "offset", "0", "limit", "1"), "total"); all < 10 {
		t.Errorf("%v notes about all users", all)
	}
}

func TestMails(t *testing.T) {
	s := setUp(t)
	all := list(s.get("/publisher/user/email/list", "offset", "0", "limit", "1000"), "emails")
	states := map[string]int{}
	for _, m := range all {
		states[text(m, "status")]++
		if at(m, "body") != nil || (text(m, "status") == "bounce") != (text(m, "reject_reason") != "") {
			t.Fatalf("got %v", m)
		}
	}
	if states["delivered"] == 0 || states["bounce"] == 0 || states["queued"] == 0 {
		t.Errorf("states %v", states)
	}
	if got := s.get("/publisher/user/email/get", "mail_log_id", text(all[0], "email_id")); text(got, "email", "body") == "" {
		t.Errorf("got %v", got)
	}
	if got := s.get("/publisher/user/email/get", "mail_log_id", "ML1"); code(got) != 404 {
		t.Errorf("unknown: %v", got)
	}
	if got := s.get("/publisher/user/email/list", "uid", "nobody", "offset", "0", "limit", "1"); code(got) != 2001 {
		t.Errorf("unknown user: %v", got)
	}
}

func TestPaymentMethods(t *testing.T) {
	s := setUp(t)
	one := s.where(running("payment", true))
	id, uid := text(one, "subscription_id"), text(one, "user", "uid")
	const update = "/publisher/subscription/update"
	get := func(method string) object {
		return s.get("/publisher/payment/method/get", "uid", uid, "user_payment_info_id", method)
	}
	if got := get(text(one, "user_payment_info_id")); text(got, "user_payment_info", "upi_nickname") == "" {
		t.Errorf("got %v", got)
	}
	added, _ := s.post("/publisher/payment/method/add", "uid", uid, "token", "tok_secret", "source_id", "4", "expiration_month", "11", "expiration_year", "2031")["data"].(string)
	if got := get(added); number(got, "user_payment_info", "upi_expiration_year") != 2031 {
		t.Fatalf("%q: %v", added, got)
	}
	if got := s.post(update, "subscription_id", id, "payment_method_id", added); got["data"] != true || text(s.subscription(id), "user_payment_info_id") != added {
		t.Errorf("switch: %v, %v", got, s.subscription(id))
	}
	if got := s.post(update, "subscription_id", id, "payment_method_id", "UPI1"); got["data"] != false {
		t.Errorf("switch to an unknown one: %v", got)
	}
	standard, _ := s.post("/publisher/payment/method/add", "uid", uid, "token", "tok", "source_id", "4", "set_as_default", "true")["data"].(string)
	if now := text(s.subscription(id), "user_payment_info_id"); now != standard || standard == added {
		t.Errorf("the default is %q, and the subscription has %q", standard, now)
	}
	if got := s.post("/publisher/payment/method/update", "uid", uid, "payment_method_id", added, "expiration_month", "2"); got["data"] != added || number(get(added), "user_payment_info", "upi_expiration_month") != 2 {
		t.Errorf("update: %v", got)
	}
	if got := s.post("/publisher/payment/method/remove", "uid", uid, "payment_method_id", added); got["data"] != true || code(get(added)) != 404 {
		t.Errorf("remove: %v", got)
	}
	for name, c := range map[string]struct {
		got  object
		want int
	}{
		"again":    {s.post("/publisher/payment/method/remove", "uid", uid, "payment_method_id", added), 404},
		"no_token": {s.post("/publisher/payment/method/add", "uid", uid, "source_id", "4"), 400},
		"month":    {s.post("/publisher/payment/method/update", "uid", uid, "payment_method_id", standard, "expiration_month", "13"), 400},
		"digits":   {s.post("/publisher/payment/method/update", "uid", uid, "payment_method_id", standard, "last_four_digits", "12345"), 400},
		"user":     {s.post("/publisher/payment/method/add", "uid", "nobody", "token", "t", "source_id", "4"), 2004},
	} {
		if code(c.got) != c.want {
			t.Errorf("%s: %v", name, c.got)
		}
	}
}

// TestFeatures_AreObeyed: an application can forbid some actions.
func TestFeatures_AreObeyed(t *testing.T) {
	s := setUp(t)
	one := s.where(running("payment", true))
	id := text(one, "subscription_id")
	const update = "/publisher/subscription/update"
	allowed := func(name string) any {
		return at(s.get("/publisher/app/features/get"), "features", "subscription_restrictions", name)
	}
	if allowed("allow_change_next_bill_date") != true || allowed("allow_enable_auto_renew") != true {
		t.Error("the default has restrictions")
	}
	s.desk.Restrict(care.Restrictions{})
	if allowed("allow_change_next_bill_date") != false {
		t.Error("the restriction is not in the features")
	}
	next := itoa(int(s.clock().AddDate(0, 1, 0).Unix()))
	if got := s.post(update, "subscription_id", id, "next_bill_date", next); got["data"] != false {
		t.Errorf("next bill date: %v", got)
	}
	if got := s.post(update, "subscription_id", id, "payment_method_id", text(one, "user_payment_info_id")); got["data"] != false {
		t.Errorf("payment method: %v", got)
	}
	if got := s.post(update, "subscription_id", id, "auto_renew", "false"); got["data"] != true {
		t.Errorf("off: %v", got)
	}
	if got := s.post(update, "subscription_id", id, "auto_renew", "true"); got["data"] != false || at(s.subscription(id), "auto_renew_change_enabled") != false {
		t.Errorf("on: %v", got)
	}
	if n := s.server.Changed(update); n != 1 {
		t.Errorf("%d updates", n)
	}
}

func TestApplication(t *testing.T) {
	s := setUp(t)
	app := s.get("/publisher/app/get")
	if text(app, "app", "aid") != s.server.AID() || text(app, "app", "api_token") != "" {
		t.Errorf("got %v", app)
	}
	terms := s.get("/publisher/term/list", "type", "payment", "offset", "0", "limit", "1000")
	all := list(terms, "terms")
	if len(all) != 36 || len(list(all[0], "change_options")) == 0 {
		t.Fatalf("%d terms, the first is %v", len(all), all[0])
	}
	if got := s.get("/publisher/term/get", "term_id", text(all[1], "term_id")); text(got, "term", "name") != text(all[1], "name") {
		t.Errorf("got %v", got)
	}
	if got := s.get("/publisher/term/get", "term_id", "TM"); code(got) != 1001 {
		t.Errorf("unknown: %v", got)
	}
	resources := s.get("/publisher/resource/list", "offset", "0")
	if len(list(resources, "resources")) < 5 || number(resources, "limit") != 25 {
		t.Errorf("got %v", resources)
	}
	if offers := list(s.get("/publisher/offer/list", "offset", "0", "limit", "9"), "offers"); len(offers) != 3 || len(list(offers[0], "terms")) == 0 {
		t.Errorf("got %v", offers)
	}
}
