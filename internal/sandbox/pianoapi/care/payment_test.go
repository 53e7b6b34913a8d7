package care_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
)

const refundEndpoint = "/publisher/payment/refund"

// conversions returns the conversions of a user, the newest first.
func (s *env) conversions(uid string) []object {
	s.Helper()
	return list(s.get("/publisher/conversion/list", "uid", uid, "offset", "0", "limit", "100"), "conversions")
}

// payment returns a payment that matches.
func (s *env) payment(ok func(object) bool) object {
	s.Helper()
	for _, u := range s.search("has_payment", "true") {
		for _, c := range s.conversions(text(u, "uid")) {
			if id := text(c, "user_payment", "user_payment_id"); id != "" {
				if p := s.get("/publisher/payment/get", "user_payment_id", id)["user_payment"].(object); ok(p) {
					return p
				}
			}
		}
	}
	s.Fatal("the world has no such payment")
	return nil
}

func (s *env) read(p object) object {
	s.Helper()
	return s.get("/publisher/payment/get", "user_payment_id", text(p, "user_payment_id"))["user_payment"].(object)
}

func number(o object, path ...string) float64 { n, _ := at(o, path...).(float64); return n }

// untouched is a payment of which nothing was refunded, and of which a part can be.
func (s *env) untouched(p object) bool {
	return at(p, "refundable") == true && at(p, "refunded_amount") == nil &&
		s.get("/publisher/payment/isPartialRefund", "user_payment_id", text(p, "user_payment_id"))["data"] == true
}

func TestPayment_IsThatOfTheStream(t *testing.T) {
	s := setUp(t)
	p := s.payment(s.untouched)
	if _, err := time.Parse(time.RFC3339, text(p, "create_date")); err != nil {
		t.Errorf("the date is no ISO text: %v", p["create_date"])
	}
	if number(p, "amount") != number(p, "remaining_amount") || text(p, "status") != "completed" || text(p, "currency") == "" {
		t.Errorf("got %v", p)
	}
	id, found := text(p, "subscription", "subscription_id"), false
	for k := range s.truth.Known() {
		for _, f := range k.Facts {
			at := time.UnixMilli(int64(f.At)).UTC().Format("2006-01-02T15:04:05Z")
			found = found || k.ID == id && at == text(p, "create_date") && float64(f.Value.Decimal4)/10_000 == number(p, "amount")
		}
	}
	if !found {
		t.Errorf("no event of %s has this payment: %v", id, p)
	}
}

func TestRefund_InPartTwiceThenTheRest(t *testing.T) {
	s := setUp(t)
	p := s.payment(s.untouched)
	id, amount := text(p, "user_payment_id"), number(p, "amount")
	for n := 1; n <= 2; n++ { // the same request twice is two refunds
		if got := s.get(refundEndpoint, "user_payment_id", id, "amount", "1.00"); text(got, "user_payment_refund", "status") != "refunded" {
			t.Fatalf("got %v", got)
		}
		if now := s.read(p); number(now, "refunded_amount") != float64(n) || amount-number(now, "remaining_amount")-float64(n) > 0.001 {
			t.Errorf("after %d: %v", n, now)
		}
	}
	for name, c := range map[string]struct {
		amount string
		want   int
	}{"too_much": {strconv.FormatFloat(amount, 'f', 2, 64), 14002}, "nothing": {"0", 14002}, "negative": {"-1", 14002}, "text": {"all", 14002}} {
		if got := s.get(refundEndpoint, "user_payment_id", id, "amount", c.amount); code(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	uid, access := text(p, "user", "uid"), ""
	for _, one := range list(s.post("/publisher/subscription/stats", "uid", uid, "offset", "0", "limit", "9"), "subscriptions") {
		if text(one, "subscription_id") == text(p, "subscription", "subscription_id") {
			access = text(one, "access_id")
		}
	}
	has := func() bool {
		return slices.ContainsFunc(s.accesses(uid), func(a object) bool { return text(a, "access_id") == access })
	}
	if !has() {
		t.Errorf("access %q is not in the list", access)
	}
	if got := s.get(refundEndpoint, "user_payment_id", id, "revoke_access", "true"); code(got) != 0 {
		t.Errorf("the rest: %v", got)
	}
	now := s.read(p)
	if text(now, "status") != "refunded" || number(now, "remaining_amount") != 0 || at(now, "refundable") == true {
		t.Errorf("after all: %v", now)
	}
	if has() {
		t.Errorf("access %s was not revoked", access)
	}
	if got := s.get(refundEndpoint, "user_payment_id", id); code(got) != 14001 || !strings.Contains(text(got, "message"), "Refund failed") {
		t.Errorf("again: %v", got)
	}
	if s.server.Changed(refundEndpoint) != 3 || len(s.sent()) != 0 {
		t.Errorf("%d refunds", s.server.Changed(refundEndpoint))
	}
}

// TestRefund_LostAnswer: the client cannot see that the refund was made.
func TestRefund_LostAnswer(t *testing.T) {
	s := setUp(t)
	p := s.payment(s.untouched)
	form := s.params("user_payment_id", text(p, "user_payment_id"), "amount", "1")
	for _, fault := range []pianoapi.Fault{pianoapi.DroppedAnswer, pianoapi.DroppedRequest, pianoapi.TruncatedBody} {
		s.server.Fail(fault, refundEndpoint, 0, 1)
		if status, _, err := s.send(http.MethodGet, refundEndpoint, form); err == nil {
			t.Errorf("fault %d: status %d", fault, status)
		}
	}
	if now := s.read(p); number(now, "refunded_amount") != 2 || s.server.Changed(refundEndpoint) != 2 {
		t.Errorf("got %v", now)
	}
}

func TestRefund_OnlySettledAndWhole(t *testing.T) {
	s := setUp(t)
	whole := s.payment(func(p object) bool {
		return at(p, "refundable") == true && s.get("/publisher/payment/isPartialRefund", "user_payment_id", text(p, "user_payment_id"))["data"] == false
	})
	if got := s.get(refundEndpoint, "user_payment_id", text(whole, "user_payment_id"), "amount", "1"); code(got) != 14002 {
		t.Errorf("a part where only the whole is possible: %v", got)
	}
	part := s.payment(func(p object) bool { return at(p, "refunded_amount") != nil && number(p, "remaining_amount") > 0 })
	if number(part, "refunded_amount")+number(part, "remaining_amount") != number(part, "amount") {
		t.Errorf("got %v", part)
	}

	id := text(s.where(running("payment", true)), "subscription_id")
	s.post("/publisher/subscription/update", "subscription_id", id, "next_bill_date", fmt.Sprint(s.clock().Add(time.Hour).Unix()))
	s.pass(2 * time.Hour)
	s.must(s.publisher.Bill(t.Context()))
	last := s.get("/publisher/conversion/lastAccess", "subscription_id", id)
	paid := text(last, "conversion", "user_payment", "user_payment_id")
	if text(last, "conversion", "type") != "Renewal" || text(last, "conversion", "user_payment", "status") != "pending" {
		t.Fatalf("the renewal is %v", last)
	}
	if got := s.get(refundEndpoint, "user_payment_id", paid); code(got) != 14001 {
		t.Errorf("a payment that is not settled: %v", got)
	}
	if got := s.post("/publisher/subscription/cancel", "subscription_id", id, "refund_last_payment", "true"); code(got) != 8004 {
		t.Errorf("cancel with its refund: %v", got)
	}
	s.pass(time.Hour)
	if got := s.post("/publisher/subscription/cancel", "subscription_id", id, "refund_last_payment", "true"); got["data"] != true {
		t.Errorf("later: %v", got)
	}
	if now := s.get("/publisher/payment/get", "user_payment_id", paid); text(now, "user_payment", "status") != "refunded" {
		t.Errorf("after the cancellation: %v", now)
	}
	for name, got := range map[string]object{
		"get": s.get("/publisher/payment/get", "user_payment_id", "UP1"), "refund": s.get(refundEndpoint),
		"flag": s.get(refundEndpoint, "user_payment_id", paid, "revoke_access", "yes"),
	} {
		if code(got) != 400 {
			t.Errorf("%s: %v", name, got)
		}
	}
}
