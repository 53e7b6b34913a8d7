package care_test

import (
	"strings"
	"testing"
)

const promotions = "/publisher/promotion/"

func TestPromotions_ListAndFilter(t *testing.T) {
	s := setUp(t)
	names := func(pairs ...string) []string {
		var all []string
		for _, p := range list(s.get(promotions+"list", append(pairs, "offset", "0", "limit", "100")...), "promotions") {
			all = append(all, text(p, "status"))
		}
		return all
	}
	for which, want := range map[string]string{
		"": "active active active active", "active": "active active active active", "expired": "expired", "not_started": "new",
	} {
		pairs := []string{"expired", which}
		if which == "" {
			pairs = nil
		}
		if got := strings.Join(names(pairs...), " "); got != want {
			t.Errorf("%q: %s", which, got)
		}
		if got := number(s.get(promotions+"count", pairs...), "data"); int(got) != strings.Count(want, " ")+1 {
			t.Errorf("%q: count %v", which, got)
		}
	}
	if got := s.get(promotions+"list", "expired", "yes", "offset", "0", "limit", "9"); code(got) != 400 {
		t.Errorf("got %v", got)
	}
	byName := list(s.get(promotions+"list", "expired", "all", "order_by", "name", "order_direction", "desc", "offset", "0", "limit", "9"), "promotions")
	if text(byName[0], "name") < text(byName[1], "name") {
		t.Errorf("order: %v", byName)
	}
	total := s.get(promotions+"total", "promotion_id", "PR000001", "currency_code", "EUR")
	if sum, ok := total["data"].(string); !ok || sum == "0.00" {
		t.Errorf("total: %v", total)
	}
	if got := s.get(promotions+"total", "promotion_id", "PR000001", "currency_code", "euro"); code(got) != 16001 {
		t.Errorf("currency: %v", got)
	}
	if got := s.get(promotions+"get", "promotion_id", "PR1"); code(got) != 404 {
		t.Errorf("unknown: %v", got)
	}
	assigned := s.post(promotions+"exists", "promotion_id", "PR000004", "email", "Kanarie.assigned.2@example.com")
	if assigned["data"] != true || s.post(promotions+"exists", "promotion_id", "PR000004", "email", "x@example.com")["data"] != false {
		t.Errorf("exists: %v", assigned)
	}
}

func TestPromotions_CreateUpdateDelete(t *testing.T) {
	s := setUp(t)
	create := func(pairs ...string) object {
		return s.post(promotions+"create", append([]string{"name", "Summer", "new_customers_only", "false"}, pairs...)...)
	}
	for name, c := range map[string]struct {
		pairs []string
		want  int
	}{
		"no_percentage":    {[]string{"discount_type", "percentage"}, 3000},
		"percentage":       {[]string{"discount_type", "percentage", "percentage_discount", "120"}, 3000},
		"period":           {[]string{"start_date", "1800000000", "end_date", "1700000000"}, 3003},
		"fixed_and_prefix": {[]string{"fixed_promotion_code", "A", "promotion_code_prefix", "B"}, 3004},
		"type":             {[]string{"discount_type", "free"}, 400},
	} {
		if got := create(c.pairs...); code(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	p := create("discount_type", "percentage", "percentage_discount", "15", "promotion_code_prefix", "SUN-", "uses_allowed", "5", "apply_to_all_billing_periods", "true")
	id := text(p, "promotion", "promotion_id")
	if text(p, "promotion", "discount") != "15%" || at(p, "promotion", "apply_to_all_billing_periods") != true || at(p, "promotion", "can_be_applied_on_renewal") != nil {
		t.Fatalf("got %v", p)
	}
	// What an update does not send gets its default.
	p = s.post(promotions+"update", "promotion_id", id, "name", "Summer 2", "discount_type", "fixed")
	if at(p, "promotion", "uses_allowed") != nil || at(p, "promotion", "apply_to_all_billing_periods") != nil || text(p, "promotion", "name") != "Summer 2" {
		t.Errorf("update: %v", p)
	}
	add := func(amount, currency string) object {
		return s.get(promotions+"fixedDiscount/add", "promotion_id", id, "amount", amount, "currency", currency)
	}
	for name, c := range map[string]struct {
		amount, currency string
		want             int
	}{"amount": {"-1", "EUR", 3002}, "currency": {"1", "euro", 3012}, "foreign": {"1", "JPY", 3013}, "good": {"1.50", "EUR", 0}} {
		if got := add(c.amount, c.currency); code(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := add("2", "EUR"); code(got) != 3015 {
		t.Errorf("twice: %v", got)
	}
	p = s.get(promotions+"get", "promotion_id", id)
	discounts := list(p["promotion"].(object), "fixed_discount_list")
	if len(discounts) != 1 || text(p, "promotion", "discount") != "1.50 EUR" {
		t.Fatalf("got %v", p)
	}
	discount := text(discounts[0], "fixed_discount_id")
	if got := s.post(promotions+"fixedDiscount/update", "fixed_discount_id", discount, "amount", "3", "currency", "EUR"); code(got) != 0 {
		t.Errorf("got %v", got)
	}
	if got := s.post(promotions+"fixedDiscount/delete", "fixed_discount_id", discount); code(got) != 0 {
		t.Errorf("got %v", got)
	}
	s.post(promotions+"term/add", "promotion_id", id, "term_id", "TMPAY03")
	if terms := list(s.get(promotions+"term/list", "promotion_id", id), "terms"); len(terms) != 1 || text(terms[0], "term_id") != "TMPAY03" {
		t.Errorf("terms: %v", terms)
	}
	if got := s.post(promotions+"term/delete", "promotion_id", id, "term_id", "TMPAY04"); code(got) != 1001 {
		t.Errorf("got %v", got)
	}
	if got := s.post(promotions+"delete", "promotion_id", "PR000001"); code(got) != 3009 {
		t.Errorf("with claimed codes: %v", got)
	}
	if got := s.post(promotions+"delete", "promotion_id", id); code(got) != 0 || code(s.get(promotions+"get", "promotion_id", id)) != 404 {
		t.Errorf("delete: %v", got)
	}
}

func TestPromoCodes(t *testing.T) {
	s := setUp(t)
	p := s.post(promotions+"create", "name", "Few", "new_customers_only", "false", "discount_type", "percentage", "percentage_discount", "10", "uses_allowed", "4")
	id := text(p, "promotion", "promotion_id")
	if got := s.post(promotions+"generate", "promotion_id", id, "promotion_code_prefix", "FEW-", "amount", "3"); text(got, "promotion", "promotion_id") != id {
		t.Fatalf("got %v", got)
	}
	codes := func(pairs ...string) []object {
		return list(s.get(promotions+"code/list", append(pairs, "promotion_id", id, "offset", "0", "limit", "100")...), "promo_codes")
	}
	all := codes("state", "active")
	if len(all) != 3 || !strings.HasPrefix(text(all[0], "code"), "FEW-") || len(codes("state", "used")) != 0 || text(all[0], "code") == text(all[1], "code") {
		t.Fatalf("got %v", all)
	}
	one := s.get(promotions+"code/create", "promotion_id", id, "code", "FRIEND")
	if text(one, "PromoCode", "code") != "FRIEND" || text(one, "PromoCode", "state") != "Active" {
		t.Errorf("got %v", one)
	}
	if got := s.get(promotions+"code/create", "promotion_id", id, "code", "FOE"); code(got) != 3005 {
		t.Errorf("above the limit: %v", got)
	}
	friend := text(one, "PromoCode", "promo_code_id")
	if got := s.post(promotions+"code/update", "promotion_id", id, "promo_code_id", friend, "code", "PAL"); text(got, "promo_code", "code") != "PAL" {
		t.Errorf("got %v", got)
	}
	if got := s.get(promotions+"code/get", "promo_code_id", friend); text(got, "promo_code", "code") != "PAL" {
		t.Errorf("got %v", got)
	}
	if found := codes("q", "pal"); len(found) != 1 {
		t.Errorf("found %v", found)
	}
	if got := s.post(promotions+"code/delete", "promotion_id", id, "promo_code_id", friend+",PN1"); code(got) != 404 {
		t.Errorf("one is unknown: %v", got)
	}
	if got := s.post(promotions+"code/delete", "promotion_id", id, "promo_code_id", friend+","+text(all[0], "promo_code_id")); code(got) != 0 || len(codes()) != 2 {
		t.Errorf("got %v, left %v", got, codes())
	}
	if n := s.server.Changed(promotions + "code/create"); n != 1 {
		t.Errorf("%d codes created", n)
	}
}
