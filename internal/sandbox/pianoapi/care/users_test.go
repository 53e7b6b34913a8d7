package care_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestUsers_ListGetAndPages(t *testing.T) {
	s := setUp(t)
	first := s.post("/publisher/user/list", "offset", "0", "limit", "7")
	if users := list(first, "users"); len(users) != 7 || first["count"] != 7.0 || first["total"].(float64) < 500 || at(users[0], "custom_fields") != nil {
		t.Fatalf("got %v", first)
	}
	one := list(s.post("/publisher/user/list", "offset", "7", "limit", "1"), "users")[0]
	whole := s.post("/publisher/user/get", "uid", text(one, "uid"))
	if text(whole, "user", "email") != text(one, "email") || len(at(whole, "user", "custom_fields").([]any)) == 0 {
		t.Errorf("got %v", whole)
	}
	found := list(s.post("/publisher/user/list", "q", strings.ToUpper(text(one, "email")), "offset", "0", "limit", "9"), "users")
	if len(found) != 1 || text(found[0], "uid") != text(one, "uid") {
		t.Errorf("by e-mail: %v", found)
	}
	for name, c := range map[string]struct {
		pairs []string
		want  int
	}{
		"nobody":        {[]string{"uid", "nobody"}, 2004},
		"without_uid":   {nil, 400},
		"disabled_user": {[]string{"uid", text(one, "uid"), "disabled", "true"}, 0},
	} {
		if got := s.post("/publisher/user/get", c.pairs...); code(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, pairs := range map[string][]string{
		"limit": {"offset", "0", "limit", "1001"}, "window": {"offset", "9500", "limit", "600"}, "no_offset": {"limit", "5"},
		"order": {"offset", "0", "limit", "5", "order_by", "email"}, "flag": {"offset", "0", "limit", "5", "has_access", "yes"},
	} {
		if got := s.post("/publisher/user/search", pairs...); code(got) != 400 || got["validation_errors"] == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestUsers_Search finds some users by every filter, and the others by its opposite.
func TestUsers_Search(t *testing.T) {
	s := setUp(t)
	all := len(s.search())
	for _, flag := range []string{
		"has_access", "has_redeemed_promotion", "trial_period_is_active", "has_payment", "had_billing_failure", "has_any_subscriptions",
		"has_active_subscription", "has_unresolved_inquiry", "has_resolved_inquiry", "has_received_response_inquiry",
	} {
		with, without := len(s.search(flag, "true")), len(s.search(flag, "false"))
		if with == 0 || without == 0 || with+without != all {
			t.Errorf("%s: %d with and %d without of %d", flag, with, without, all)
		}
	}
	soon := len(s.search("credit_card_will_expire", "true"))
	if other := len(s.search("credit_card_will_expire", "true", "invert_credit_card_will_expire", "true")); soon == 0 || soon+other != all {
		t.Errorf("%d cards expire, %d do not", soon, other)
	}
	one := s.search("has_payment", "true")[0]
	created := int(at(one, "create_date").(float64))
	for _, c := range [][]string{
		{"uid", text(one, "uid")}, {"email", text(one, "email")[:8]}, {"name", text(one, "first_name")}, {"q", text(one, "personal_name")},
		{"registered_from", strconv.Itoa(created), "registered_until", strconv.Itoa(created)},
	} {
		found := s.search(c...)
		if !slices.ContainsFunc(found, func(u object) bool { return text(u, "uid") == text(one, "uid") }) || len(found) == all {
			t.Errorf("%v: %d found", c, len(found))
		}
	}
	if granted := s.search("converted_term_types", "7"); len(granted) == 0 || len(granted) > all/5 {
		t.Errorf("%d have granted access", len(granted))
	}
	for _, c := range [][]string{
		{"has_redeemed_promotion", "true", "redeemed_promotions", "PR000001"}, {"payment_methods", "1"}, {"access_to_resources", "RR1,RR2"},
		{"converted_term_types", "12"}, {"active_subscription_to_resources", "RR3"},
	} {
		if found := len(s.search(c...)); found == 0 || found == all {
			t.Errorf("%v: %d of %d", c, found, all)
		}
	}
	for _, by := range []string{"since", "accessCount", "nextBill", "hasTrial", "hasUnresolvedInquiry", "spentMoney", "hasIssue", "name"} {
		up, down := s.search("order_by", by), s.search("order_by", by, "order_direction", "desc")
		if len(up) != all || len(down) != all || text(up[0], "uid") == text(down[0], "uid") {
			t.Errorf("%s: both directions begin with the same user", by)
		}
	}
}
