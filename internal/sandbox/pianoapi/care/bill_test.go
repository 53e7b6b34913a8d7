package care_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// where returns a subscription whose answer of get matches.
func (s *env) where(ok func(object) bool) object {
	s.Helper()
	for k := range s.truth.Known() {
		if len(k.Facts) == 0 || k.ID != k.Stored || k.RowUser != k.UserID || k.UserID == "" || k.Internal || k.Filtered || k.Refused {
			continue
		}
		if one, _ := s.get("/publisher/subscription/get", "subscription_id", k.ID)["subscription"].(object); one != nil && ok(one) {
			return one
		}
	}
	s.Fatal("the world has no such subscription")
	return nil
}

func (s *env) subscription(id string) object {
	s.Helper()
	return s.get("/publisher/subscription/get", "subscription_id", id)["subscription"].(object)
}

func running(term string, renews bool) func(object) bool {
	return func(one object) bool {
		auto := at(one, "auto_renew") == true
		return text(one, "status") == "active" && text(one, "term", "type") == term && auto == renews
	}
}

// TestNextBillDate_MovesTheRenewal: the move has no event. The renewal comes at the new
// date, and not before.
func TestNextBillDate_MovesTheRenewal(t *testing.T) {
	s := setUp(t)
	const update = "/publisher/subscription/update"
	renewing, ending := text(s.where(running("payment", true)), "subscription_id"), text(s.where(running("payment", false)), "subscription_id")
	next := strconv.FormatInt(s.clock().AddDate(0, 0, 10).Unix(), 10)
	for _, id := range []string{renewing, ending} {
		if got := s.post(update, "subscription_id", id, "next_bill_date", next); got["data"] != true {
			t.Fatalf("move: %v", got)
		}
		if one := s.subscription(id); fmt.Sprint(int(at(one, "next_bill_date").(float64))) != next {
			t.Errorf("got %v, want %s", one, next)
		}
	}
	if got := s.post(update, "subscription_id", renewing, "next_bill_date", "1600000000"); code(got) != 8001 {
		t.Errorf("a date in the past: %v", got)
	}
	bill := func(want ...string) {
		t.Helper()
		s.must(s.publisher.Bill(t.Context()))
		if got := s.sent(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("sent %v, want %v", got, want)
		}
	}
	bill()
	s.pass(9 * 24 * time.Hour)
	bill()
	s.pass(2 * 24 * time.Hour)
	bill("Renewed "+renewing, "Expired "+ending)
	bill()
	if one := s.subscription(renewing); at(one, "next_bill_date").(float64) < float64(s.clock().AddDate(0, 0, 20).Unix()) {
		t.Errorf("after the renewal: %v", one)
	}
}
