package conversion_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// purchase is a conversion as Piano lists it, with a whole user.
func purchase(id, subscription string, at time.Time, code object, payment object) object {
	return object{"term_conversion_id": id, "type": "Subscription", "create_date": at.Unix(), "promo_code": code, "browser_id": "canary",
		"user_access": object{"user": object{"uid": "canary", "email": "canary@example.com"}}, "user_payment_info": object{"upi_number": "canary 1234"},
		"subscription": object{"subscription_id": subscription, "user": object{"email": "canary@example.com"}}, "user_payment": payment}
}

func code(id, promotion, text, state string) object {
	return object{"promo_code_id": id, "promotion_id": promotion, "code": text, "state_value": state, "state": "X", "assigned_email": "canary@example.com",
		"claimed_user": object{"uid": "u1", "first_name": "canary"}}
}

func TestSync_KeepsRedeemedCodesAndNobody(t *testing.T) {
	w := newWorld(t)
	at := func(days int) time.Time { return w.now.AddDate(0, 0, -days) }
	w.promotions = []object{
		{"promotion_id": "PR1", "name": "Spring", "fixed_promotion_code": " Spring20 ", "unlimited_uses": true, "discount_type": "percentage", "percentage_discount": 20, "billing_period_limit": 3, "create_by": "canary@example.com"},
		{"promotion_id": "PR2", "name": "Once", "fixed_promotion_code": "SECRET-ONCE", "uses_allowed": 1, "discount_type": "percentage", "percentage_discount": 100, "apply_to_all_billing_periods": true},
		{"promotion_id": "PR3", "name": "Batch", "promotion_code_prefix": "win-", "discount_type": "fixed", "fixed_discount_list": []any{object{"currency": "NOK", "amount": "50.50", "amount_value": 50.5}, object{"currency": "DKK", "amount": "35", "amount_value": 35}}},
	}
	w.conversions = []object{
		purchase("C1", "S1", at(100), code("PC1", "PR1", " spring20", "used"), object{"amount": 80.5, "original_price": "100.00", "currency": "NOK", "create_date": "2026-02-21T00:00:00Z"}),
		purchase("C2", "S2", at(90), code("PC2", "PR3", "WIN-SECRET", "reserved_for_free_trial"), nil),
		purchase("C3", "S3", at(80), code("PC3", "PR3", "win-used1", "used"), object{"amount": "12", "original_price": "NOK 62.50", "currency": "NOK", "renewal": true}),
		purchase("C4", "S4", at(70), nil, object{"amount": 100, "currency": "NOK"}),
		purchase("C5", "erased", at(60), code("PC5", "PR1", "SPRING20", "used"), nil),
		purchase("C6", "S6", at(3), code("PC6", "PR3", "WIN-OTHER-SECRET", "active"), object{"amount": "1.234,50 kr"}),
		{"term_conversion_id": "C7", "type": "Subscription", "create_date": "canary", "promo_code": code("PC7", "PR1", "X", "used")},
	}
	w.reader.Suppressed = func(subscription, _ string) bool { return subscription == "erased" }
	s, err := w.reader.Sync(t.Context(), time.Time{})
	w.must(err)
	if s.Promotions != 3 || s.Versions != 3 || s.WithCode != 4 || s.Unreadable == 0 || !s.From.Equal(w.now.Add(-730*24*time.Hour)) {
		t.Errorf("%+v", s)
	}
	kept := w.rows("SELECT concat(conversion_id, ' ', promotion_id, ' ', promo_code, ' ', code_state, ' ', subscription_id, ' ', toString(is_renewal), ' ', ifNull(toString(original_price), '-'), ' ', ifNull(toString(amount), '-'), ' ', currency) FROM " +
		w.tables.Table("promo_conversions") + " FINAL WHERE conversion_id != '' ORDER BY conversion_id")
	want := []string{
		"C1 PR1 SPRING20 used S1 false 100 80.5 NOK",
		"C2 PR3  reserved_for_free_trial S2 false - - ",
		"C3 PR3 WIN-USED1 used S3 true 62.5 12 NOK",
		"C6 PR3  active S6 false - - ",
	}
	if strings.Join(kept, "\n") != strings.Join(want, "\n") {
		t.Errorf("kept\n%s\nwant\n%s", strings.Join(kept, "\n"), strings.Join(want, "\n"))
	}
	rules := w.rows("SELECT concat(promotion_id, ' ', fixed_code, ' ', code_prefix, ' ', ifNull(toString(discounted_periods), 'all'), ' ', toString(fixed_discounts)) FROM " + w.tables.Table("promotion_rules") + " FINAL ORDER BY promotion_id")
	if want := []string{"PR1 SPRING20  3 []", "PR2   all []", "PR3  WIN- 1 [('DKK',35),('NOK',50.5)]"}; strings.Join(rules, "\n") != strings.Join(want, "\n") {
		t.Errorf("rules\n%s", strings.Join(rules, "\n"))
	}
	for _, table := range []string{"promo_conversions", "promotion_rules"} {
		for _, row := range w.rows("SELECT toString(tuple(*)) FROM " + w.tables.Table(table)) {
			for _, secret := range []string{"canary", "SECRET", "@"} {
				if strings.Contains(row, secret) {
					t.Errorf("%s holds %q: %s", table, secret, row)
				}
			}
		}
	}

	// The next read goes back to the reserved code, which has been used meanwhile. Only the
	// promotion that was edited gets another version.
	w.now = w.now.AddDate(0, 0, 1)
	w.windows = nil
	w.conversions[1]["promo_code"] = code("PC2", "PR3", "WIN-SECRET", "used")
	w.promotions[0]["billing_period_limit"] = 6
	fixed := w.promotions[2]["fixed_discount_list"].([]any)
	fixed[0], fixed[1] = fixed[1], fixed[0]
	s, err = w.reader.Sync(t.Context(), time.Time{})
	w.must(err)
	if s.Versions != 1 || w.windows[0] != at(91).Format(time.DateOnly) {
		t.Errorf("%+v, first window %s", s, w.windows[0])
	}
	if got := w.rows("SELECT promo_code FROM " + w.tables.Table("promo_conversions") + " FINAL WHERE conversion_id = 'C2'"); fmt.Sprint(got) != "[WIN-SECRET]" {
		t.Errorf("the code was redeemed, and the table has %q", got)
	}
	// A read that fails midway has not ended: the next one reads the same time again. What it
	// has written does not move its beginning.
	before, err := w.reader.LastSync(t.Context())
	w.must(err)
	w.now = w.now.AddDate(0, 0, 60)
	w.conversions = append(w.conversions, purchase("C8", "S8", w.now.AddDate(0, 0, -50), code("PC8", "PR1", "SPRING20", "used"), nil))
	w.windows, w.failAfter = nil, 2
	if _, err := w.reader.Sync(t.Context(), time.Time{}); err == nil {
		t.Fatal("a window was not read, and the read has ended")
	}
	first := w.windows[0]
	if after, err := w.reader.LastSync(t.Context()); err != nil || !after.Equal(before) {
		t.Errorf("the last read that ended was at %s, and after a failed one at %s, %v", before, after, err)
	}
	w.windows, w.failAfter = nil, 0
	if _, err = w.reader.Sync(t.Context(), time.Time{}); err != nil || w.windows[0] > first {
		t.Errorf("the failed read began at %s, and the next one at %v: %v", first, w.windows, err)
	}
	if after, err := w.reader.LastSync(t.Context()); err != nil || !after.Equal(w.now) {
		t.Errorf("the last read was at %s, %v", after, err)
	}
	// Many unreadable rows mean another form.
	for i := range 30 {
		w.conversions = append(w.conversions, object{"term_conversion_id": fmt.Sprint("X", i), "create_date": "canary", "promo_code": code("P", "PR1", "X", "used")})
	}
	if _, err := w.reader.Sync(t.Context(), time.Time{}); err == nil || !strings.Contains(err.Error(), "are unreadable") || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}
