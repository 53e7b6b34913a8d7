package care_test

import (
	"strings"
	"testing"
)

func TestConversions_ListPagesAndGet(t *testing.T) {
	s := setUp(t)
	seen, total := map[string]bool{}, 0
	for offset, pages := 0, 0; pages < 3; pages++ {
		got := s.get("/publisher/conversion/list", "offset", itoa(offset), "limit", "500")
		all := list(got, "conversions")
		if len(all) != 100 || number(got, "limit") != 100 {
			t.Fatalf("a page has %d conversions", len(all))
		}
		for _, c := range all {
			seen[text(c, "term_conversion_id")] = true
		}
		total, offset = int(number(got, "total")), offset+len(all)
	}
	if len(seen) != 300 || total < 600 {
		t.Errorf("%d different ones of %d", len(seen), total)
	}
	kinds := map[string]int{}
	for _, u := range s.search("has_redeemed_promotion", "true")[:40] {
		for _, c := range s.conversions(text(u, "uid")) {
			kinds[text(c, "type")]++
			if at(c, "user_payment", "remaining_amount") != nil {
				t.Errorf("a list has the whole payment: %v", c)
			}
		}
	}
	for _, kind := range []string{"Subscription", "Renewal", "Dynamic term purchase"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s: %v", kind, kinds)
		}
	}
	granted := s.search("converted_term_types", "7")[0]
	if all := s.conversions(text(granted, "uid")); !hasType(all, "Grant access") {
		t.Errorf("a grant without a conversion: %v", all)
	}
	for id := range seen {
		whole := s.get("/publisher/conversion/get", "term_conversion_id", id)
		data := s.get("/publisher/conversion/data/get", "term_conversion_id", id)
		if text(whole, "conversion", "term_conversion_id") != id || text(data, "offer_id") == "" || at(data, "conversion_data") != nil {
			t.Errorf("%s: %v\n%v", id, whole, data)
		}
		byAccess := s.get("/publisher/conversion/get", "access_id", text(whole, "conversion", "user_access", "access_id"))
		if code(byAccess) != 0 {
			t.Errorf("by access: %v", byAccess)
		}
		break
	}
	for name, got := range map[string]object{
		"get": s.get("/publisher/conversion/get", "term_conversion_id", "TC1"), "data": s.get("/publisher/conversion/data/get", "term_conversion_id", "TC1"),
		"last": s.get("/publisher/conversion/lastAccess", "subscription_id", "nothing"),
	} {
		if code(got) != 404 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func hasType(all []object, kind string) bool {
	for _, c := range all {
		if text(c, "type") == kind {
			return true
		}
	}
	return false
}

// TestConversions_PromoCodes compares the codes of conversions with those of the promotions.
func TestConversions_PromoCodes(t *testing.T) {
	s := setUp(t)
	claimed := map[string]string{} // state by code id
	states := map[string]int{}
	for _, p := range list(s.get("/publisher/promotion/list", "expired", "all", "offset", "0", "limit", "100"), "promotions") {
		used := 0
		codes := list(s.get("/publisher/promotion/code/list", "promotion_id", text(p, "promotion_id"), "offset", "0", "limit", "1000"), "promo_codes")
		for _, c := range codes {
			states[text(c, "state_value")]++
			if at(c, "claimed_user") != nil {
				claimed[text(c, "promo_code_id")] = text(c, "state_value")
			}
			if text(c, "state_value") == "used" {
				used++
			}
		}
		count := s.get("/publisher/promotion/code/count", "promotion_id", text(p, "promotion_id"), "state", "used")
		if number(count, "count") != float64(used) || number(p, "uses") != float64(used) || count["data"] != nil {
			t.Errorf("%s: %d used, count %v, uses %v", text(p, "name"), used, count, p["uses"])
		}
	}
	for _, state := range []string{"active", "used", "reserved_for_free_trial"} {
		if states[state] == 0 {
			t.Errorf("no code is %s: %v", state, states)
		}
	}
	n := 0
	for _, u := range s.search("has_redeemed_promotion", "true")[:30] {
		for _, c := range s.conversions(text(u, "uid")) {
			id := text(c, "promo_code", "promo_code_id")
			if id == "" {
				continue
			}
			n++
			if claimed[id] == "" || claimed[id] != text(c, "promo_code", "state_value") {
				t.Errorf("code %s is %q in the promotion, and %q in the conversion", id, claimed[id], text(c, "promo_code", "state_value"))
			}
			if p := text(c, "user_payment", "price"); p != "" && p == text(c, "user_payment", "original_price") {
				t.Errorf("no discount: %v", c["user_payment"])
			}
		}
	}
	if n == 0 {
		t.Error("no conversion has a promo code")
	}
}

// TestStats_OneCallForACareScreen follows the ids of subscription/stats.
func TestStats_OneCallForACareScreen(t *testing.T) {
	s := setUp(t)
	labels := map[string]string{}
	soon := 0
	for _, u := range s.search("has_any_subscriptions", "true", "has_payment", "true")[:120] {
		for _, one := range list(s.post("/publisher/subscription/stats", "uid", text(u, "uid"), "offset", "0", "limit", "100"), "subscriptions") {
			labels[text(one, "status")] = text(one, "status_label")
			if at(one, "creadit_card_expire_soon") == true {
				soon++
			}
			if next := text(one, "next_bill_date"); next != "" && strings.Count(next, "-") != 2 {
				t.Errorf("the date is not a text: %v", next)
			}
			if id := text(one, "last_conversion_id"); id != "" {
				if got := s.get("/publisher/conversion/get", "term_conversion_id", id); text(got, "conversion", "subscription", "subscription_id") != text(one, "subscription_id") {
					t.Errorf("conversion %s: %v", id, got)
				}
			}
			method := s.get("/publisher/payment/method/get", "uid", text(u, "uid"), "user_payment_info_id", text(one, "user_payment_info_id"))
			if code(method) != 0 {
				t.Errorf("method: %v", method)
			}
		}
	}
	if labels["A"] != "Active" || labels["C"] != "Cancelled" || soon == 0 {
		t.Errorf("labels %v, %d cards expire soon", labels, soon)
	}
}
