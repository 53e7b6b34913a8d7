package actions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
)

// The personal values of the fake. None may be in a log, an error or a table.
const (
	canaryMail = "canary.kari@example.com"
	canaryName = "Canaryfirst"
	canaryText = "canarytext about my health"
	canaryCard = "canary-4242"
)

// desk is a fake of Piano's care endpoints over one customer, and Actions on it.
type desk struct {
	*env
	customers *customer.Client
	act       *actions.Actions

	// All below is guarded by env.mu.
	sub      record
	payment  record
	accesses []record
	inquiry  record
	allowed  []string
	comments []record
	notes    []record
	features record
	partly   bool
	sent     []string // changing requests, by the last part of the path
	// fault is asked before a changing request: what to do with it.
	fault func(path string) faultKind
	// meanwhile is called, with the lock held, when a read is answered.
	meanwhile func(path string)
}

// faultKind is how a changing request goes wrong.
type faultKind int

const (
	noFault     faultKind = iota
	lostAfter             // the effect happens, and the answer is lost.
	lostBefore            // nothing happens, and the answer is lost.
	html                  // the effect happens, and the answer is HTML.
	otherShape            // the effect happens, and the answer is another object.
	falseAnswer           // nothing happens, and Piano says false.
)

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{env: setUp(t), partly: true, features: record{"allow_change_next_bill_date": true, "allow_enable_auto_renew": true, "allow_switch_payment_method": true}}
	d.sub = of("S1", "u1", "payment", record{"auto_renew": true, "auto_renew_change_enabled": true, "cancelable": true, "cancelable_and_refundadle": true,
		"next_bill_date": time.Now().AddDate(0, 0, 10).Unix(), "user_payment_info_id": "PM1", "payment_method": canaryCard, "charge_count": 3})
	d.payment = record{"user_payment_id": "UP1", "create_date": "2026-11-01T10:00:00Z", "amount": 20.0, "remaining_amount": 20.0, "refunded_amount": 0, "currency": "EUR",
		"status": "completed", "refundable": true, "payment_method": canaryCard, "user": d.user(), "subscription": record{"subscription_id": "S1"}}
	d.accesses = []record{{"access_id": "A1", "granted": true, "resource": record{"rid": "R1", "name": "All"}, "user": d.user(), "expire_date": time.Now().AddDate(0, 1, 0).Unix(), "can_revoke_access": true}}
	d.inquiry = record{"payment_inquiry_id": "I1", "state": 0, "create_date": "2026-11-01 10:00:00", "inquiry_reason": canaryText}
	d.allowed = []string{"REPLY_ONLY", "RESOLVE"}
	d.comments = []record{{"comment_id": "C1", "submitter_type": 0, "message": canaryText, "email": canaryMail, "name": canaryName, "internal": "false"}}
	d.api, d.logs = clientOf(t, d.serve)
	d.customers = customer.New(d.api)
	d.act = d.process()
	return d
}

// process is an Actions as another process has it: nothing is shared but the table.
func (d *desk) process() *actions.Actions { return d.patient(0) }

// over is a process over another API.
func (d *desk) over(api *piano.Client) *actions.Actions {
	return actions.New(actions.Deps{API: api, Customers: customer.New(api), Conn: d.conn, Tables: d.tables, Roles: actions.AllRoles(), Now: d.now, Log: zap.NewNop()})
}

func zapNop() *zap.Logger { return zap.NewNop() }

// patient is a process that waits so long for another one; 0 is the default.
func (d *desk) patient(patience time.Duration) *actions.Actions {
	return actions.New(actions.Deps{ClaimWait: patience, API: d.api, Customers: d.customers, Conn: d.conn, Tables: d.tables, Actor: "agent " + canaryMail, Roles: actions.AllRoles(),
		Instance: "test", Poll: time.Millisecond, Settle: 20 * time.Millisecond, Now: d.now, Log: zap.NewNop()})
}

func (d *desk) user() record {
	return record{"uid": "u1", "email": canaryMail, "first_name": canaryName, "last_name": "Canarylast"}
}

// changes is how many changing requests arrived.
func (d *desk) changes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.sent)
}

func (d *desk) serve(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	d.mu.Lock()
	defer d.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/publisher/")
	effect, payload := d.changing(path, r)
	if effect == nil {
		if d.meanwhile != nil {
			d.meanwhile(path)
		}
		d.read(w, r, path)
		return
	}
	d.sent = append(d.sent, path)
	fault := noFault
	if d.fault != nil {
		fault = d.fault(path)
	}
	switch fault {
	case lostBefore:
		lost(w)
		return
	case falseAnswer:
		given(w, false)
		return
	}
	if n := effect(); n != 0 {
		code(w, n, "refused for "+canaryMail)
		return
	}
	switch fault {
	case lostAfter:
		lost(w)
	case html:
		_, _ = w.Write([]byte("<html>" + canaryMail + "</html>"))
	case otherShape:
		given(w, record{"email": canaryMail})
	default:
		given(w, payload())
	}
}

// changing returns the effect of a changing request, which returns Piano's code, and its
// payload; nil for a read.
func (d *desk) changing(path string, r *http.Request) (effect func() int, payload func() any) {
	yes := func() any { return true }
	form := r.Form
	switch path {
	case "subscription/update":
		return func() int {
			if v := form.Get("auto_renew"); v != "" {
				d.sub["auto_renew"] = v == "true"
			}
			if v := form.Get("next_bill_date"); v != "" {
				at, _ := strconv.ParseInt(v, 10, 64)
				if at <= time.Now().Unix() {
					return 8001
				}
				d.sub["next_bill_date"] = at
			}
			if v := form.Get("payment_method_id"); v != "" {
				d.sub["user_payment_info_id"] = v
			}
			return 0
		}, yes
	case "subscription/cancel":
		return func() int {
			if form.Get("refund_last_payment") == "true" && d.payment["refundable"] != true {
				return 8004
			}
			d.sub["status"], d.sub["auto_renew"] = "cancelled", false
			return 0
		}, yes
	case "subscription/cancel/deferred":
		return func() int { d.sub["deferred_cancelable"], d.sub["can_be_resumed"] = false, true; return 0 }, yes
	case "subscription/resume":
		return func() int { d.resumed(d.sub); return 0 }, yes
	case "payment/refund":
		return func() int {
			left := d.payment["remaining_amount"].(float64)
			amount := left
			if v := form.Get("amount"); v != "" {
				amount, _ = strconv.ParseFloat(v, 64)
			}
			if amount > left {
				return 14002
			}
			d.payment["remaining_amount"] = left - amount
			if left == amount {
				d.payment["status"], d.payment["refundable"] = "refunded", false
			}
			return 0
		}, func() any { return record{"status": "refunded"} }
	case "user/access/grant":
		one := record{"access_id": fmt.Sprint("A", len(d.accesses)+1), "granted": true, "resource": record{"rid": form.Get("rid")}, "user": d.user(), "can_revoke_access": true}
		if v := form.Get("expire_date"); v != "" {
			one["expire_date"] = json.Number(v)
		}
		return func() int { d.accesses = append(d.accesses, one); return 0 }, func() any { return []record{one} }
	case "user/access/update":
		return func() int { d.accesses[0]["expire_date"] = json.Number(form.Get("expire_date")); return 0 }, func() any { return d.accesses[0] }
	case "user/access/revoke":
		gone := d.accesses[0]
		return func() int {
			if gone["of_subscription"] == true {
				return 5007
			}
			d.accesses = d.accesses[1:]
			return 0
		}, func() any { return gone }
	case "inquiry/add":
		return func() int {
			if len(d.allowed) == 0 {
				return 12005
			}
			d.comments = append(d.comments, record{"comment_id": fmt.Sprint("C", len(d.comments)+1), "message": form.Get("comment"), "internal": form.Get("internal")})
			for _, a := range form["action"] {
				if a == "RESOLVE" {
					d.allowed, d.inquiry["state"] = nil, 2
				}
			}
			return 0
		}, func() any { return d.inquiry }
	case "user/note/update":
		return func() int {
			for _, n := range d.notes {
				if n["user_note_id"] == form.Get("user_note_id") {
					n["content"], n["update_date"] = form.Get("content"), "2026-12-01 11:00:00"
					return 0
				}
			}
			return 404
		}, func() any { return d.notes[0] }
	case "user/note/create":
		one := record{"user_note_id": fmt.Sprint("N", len(d.notes)+1), "content": form.Get("content"), "create_date": "2026-12-01 10:00:00", "create_by": record{"personal_name": canaryName}}
		return func() int { d.notes = append(d.notes, one); return 0 }, func() any { return one }
	default:
		return nil, nil
	}
}

func (d *desk) read(w http.ResponseWriter, r *http.Request, path string) {
	mine := r.Form.Get("uid") == "u1"
	rows := func(key string, all any, n int) {
		_ = json.NewEncoder(w).Encode(map[string]any{"code": 0, "total": n, "count": n, key: all})
	}
	switch {
	case path == "subscription/get" && r.Form.Get("subscription_id") == "S1":
		given(w, d.sub)
	case path == "subscription/get":
		code(w, 8005, "no "+canaryMail)
	case path == "payment/get" && r.Form.Get("user_payment_id") == "UP1":
		given(w, d.payment)
	case path == "payment/get":
		code(w, 404, canaryName)
	case path == "payment/isPartialRefund":
		given(w, d.partly)
	case path == "user/search": // finds by a part of the address
		all := []record{{"uid": "u9", "email": "another." + canaryMail}}
		if r.Form.Get("email") == canaryMail {
			all = append(all, d.user())
		}
		rows("users", all, len(all))
	case path == "app/features/get":
		given(w, record{"subscription_restrictions": d.features, "my_account": record{}})
	case path == "user/get" && mine:
		given(w, d.user())
	case !mine && strings.HasPrefix(path, "user/"):
		code(w, 2004, "User "+canaryName+" not found")
	case path == "user/access/list":
		rows("accesses", d.accesses, len(d.accesses))
	case path == "resource/list":
		rows("resources", []record{{"rid": "R1", "name": "All"}, {"rid": "R2", "name": "Other"}}, 2)
	case path == "term/list":
		rows("terms", []record{{"term_id": "T1", "type": "payment"}, {"term_id": "T2", "type": "payment", "name": "Two", "payment_billing_plan": "[9.00 EUR|1 month|*]"}}, 2)
	case path == "conversion/list" && d.payment != nil:
		rows("conversions", []record{
			{"term_conversion_id": "TC1", "create_date": 1760000000, "subscription": record{"subscription_id": "S1"}, "user_payment": record{"user_payment_id": "UP0"}},
			{"term_conversion_id": "TC2", "create_date": 1770000000, "subscription": record{"subscription_id": "S1"}, "user_payment": record{"user_payment_id": "UP1"}},
			{"term_conversion_id": "TC3", "create_date": 1780000000, "subscription": record{"subscription_id": "S7"}, "user_payment": record{"user_payment_id": "UP7"}}}, 3)
	case path == "conversion/list":
		rows("conversions", []record{}, 0)
	case path == "user/note/list":
		rows("notes", d.notes, len(d.notes))
	case path == "inquiry/list":
		rows("inquiries", []record{d.inquiry}, 1)
	case path == "inquiry/comments":
		rows("comments", d.comments, len(d.comments))
	case path == "inquiry/inquiryActions":
		all := []record{}
		for _, a := range d.allowed {
			all = append(all, record{"id": 1, "caption": a})
		}
		rows("actions", all, len(all))
	case path == "term/change/getSubscriptionUpgradeStatus":
		code(w, 404, "no change")
	case path == "payment/method/get":
		if r.Form.Get("user_payment_info_id") != "PM2" {
			code(w, 404, "no such method")
			return
		}
		given(w, record{"user_payment_info_id": "PM2", "upi_number": canaryCard, "upi_expiration_month": 12, "upi_expiration_year": 2031, "payment_method": "CC"})
	default:
		d.Errorf("unexpected request %s", path)
		code(w, 404, "")
	}
}

func (d *desk) plan(a actions.Action) *actions.Plan {
	d.Helper()
	p, err := d.act.Plan(d.Context(), a)
	d.must(err)
	return p
}

// whole is what actions_log has, and every canary in it is an error. The texts of the
// customer must not be anywhere else either.
func (d *desk) noCanaries(more ...any) {
	d.Helper()
	var all []string
	rows, err := d.conn.Query(context.Background(), "SELECT toString(tuple(*)) FROM "+d.tables.Table("actions_log"))
	d.must(err)
	defer rows.Close()
	for rows.Next() {
		var one string
		d.must(rows.Scan(&one))
		all = append(all, one)
	}
	d.must(rows.Err())
	for _, e := range d.logs.All() {
		all = append(all, e.Message+fmt.Sprint(e.ContextMap()))
	}
	for _, m := range more {
		text, _ := json.Marshal(m)
		all = append(all, string(text), fmt.Sprintf("%v %+v %#v", m, m, m))
	}
	text := strings.Join(all, "\n")
	for _, secret := range []string{canaryMail, canaryName, canaryText, canaryCard, "Canarylast", "canary-token", "my answer", "@"} {
		if strings.Contains(text, secret) {
			d.Errorf("%q is somewhere: %s", secret, text)
		}
	}
}

// together runs functions at once.
func together(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}
