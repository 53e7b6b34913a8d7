package care

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
)

// TestParseAction_ReadsWhatAPlanWrites: nothing of an action is lost between the plan and
// its execution.
func TestParseAction_ReadsWhatAPlanWrites(t *testing.T) {
	at := time.Date(2027, 2, 3, 4, 5, 6, 0, time.UTC)
	whole := actions.Action{Kind: actions.RefundPayment, SubscriptionID: "s", UserID: "u", PaymentID: "p", AccessID: "a", InquiryID: "i", ResourceID: "r",
		PaymentMethodID: "m", NoteID: "n", At: &at, Months: 2, Days: 3, Amount: customer.NewAmount(decimal.RequireFromString("12.5")), RevokeAccess: true, SendMail: true,
		Text: customer.NewPersonal("two\nlines <b>"), Resolve: true, ReadOnly: true, ToTerm: "t", ToPeriod: "tp", Billing: piano.BillAtPeriodEnd,
		ImmediateAccess: true, ProrateAccess: true}
	for i := range reflect.TypeOf(whole).NumField() {
		if reflect.ValueOf(whole).Field(i).IsZero() {
			t.Errorf("the test leaves out %s", reflect.TypeOf(whole).Field(i).Name)
		}
	}
	for _, want := range []actions.Action{whole, {Kind: actions.AutoRenewOn, SubscriptionID: "s"}} {
		form := url.Values{}
		for _, f := range fieldsOf(want) {
			form.Set(f.Name, f.Value)
		}
		got, err := parseAction(form)
		if err != nil || got.Text.Reveal() != want.Text.Reveal() || got.Amount.String() != want.Amount.String() {
			t.Fatalf("%+v, %v", got, err)
		}
		got.Text, got.Amount = want.Text, want.Amount
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestParseAction_NamesNoValue(t *testing.T) {
	for _, form := range []url.Values{{"at": {"kari@example.com"}}, {"months": {"kari@example.com"}}, {"amount": {"kari@example.com"}}, {"amount": {"1e9"}}} {
		if _, err := parseAction(form); err == nil || strings.Contains(err.Error(), "kari") {
			t.Errorf("%v: %v", form, err)
		}
	}
}

func TestParseFilter(t *testing.T) {
	f, wrong := parseFilter(url.Values{"status": {"active"}, "term": {"a'; DROP TABLE x"}, "price_from": {"1.5"}, "ends_within": {"14"}, "since": {"2026-01-02"},
		"only": {"card"}, "sort": {"id"}, "after": {"-5"}, "user": {"u1"}, "unknown": {"x"}})
	if len(wrong) != 0 || len(f.values) != 5 || f.only != "card" || f.sort.Value != "id" || f.afterKey != "-5" || strings.Contains(f.listSQL(true), "DROP") {
		t.Errorf("%+v, %v", f, wrong)
	}
	if again, _ := parseFilter(f.query()); !reflect.DeepEqual(again.values, f.values) || again.only != f.only || again.sort != f.sort {
		t.Errorf("the address of the filter gives %+v", again)
	}
	_, wrong = parseFilter(url.Values{"status": {"x"}, "price_from": {"NaN"}, "price_to": {"1e3"}, "ends_within": {"-1"}, "since": {"1 May"}, "term": {"a@b"}})
	if len(wrong) != 6 {
		t.Errorf("%v", wrong)
	}
}

func TestValidID_IsNoAddress(t *testing.T) {
	for id, want := range map[string]bool{"u000000197": true, "kari@example.com": false, "kari%40example.com": false, "kari\uff20example.com": false, "a,b": false, "": false} {
		if validID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}

func TestSight_Masks(t *testing.T) {
	name := customer.NewPersonal("Kari\u202e")
	if got := sight(false).name(name); got != "K•••" {
		t.Errorf("%q", got)
	}
	if got := sight(true).name(name); got != "Kari·" {
		t.Errorf("%q", got)
	}
	if got := sight(false).text(customer.NewPersonal("my\nhealth")); got != "(hidden, 9 characters)" {
		t.Errorf("%q", got)
	}
	if got := sight(true).text(customer.NewPersonal("my\r\n\x1bhealth")); got != "my\n·health" {
		t.Errorf("%q", got)
	}
	if sight(true).text(customer.Personal{}) != "" || sight(false).name(customer.Personal{}) != "" {
		t.Error("an absent text is not empty")
	}
}

func TestIsID(t *testing.T) {
	for text, want := range map[string]bool{
		"u000000017": true, "4711": true, "RC0A1B2C3D": true, "RCJFGP1JCCAT": true, "PNIabc123DEF": true, "d9428888-122b-11e1-b85c-61cd3cbb3210": true,
		"5f7c8ec7c33c6c004bbafe82": true,
		// Names, also in capitals and with a number.
		"SCHMIDT": false, "JEANPAUL": false, "ANNA": false, "Kari": false, "Kari Nordmann 2": false, "KIM7": false, "ANNA1987": false, "CHRISTINE2000": false,
		"O'BRIEN": false, "DEBBIE": false, "RCHRISTINE": false, "JEAN-PAUL2": false, "ØYVIND": false, "kari.nordmann": false,
		"a1@example.com": false, "": false, "1,2": false,
	} {
		if isID(text) != want {
			t.Errorf("%q", text)
		}
	}
}
