package care_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

const addEndpoint = "/publisher/inquiry/add"

// open returns an open inquiry that matches.
func (s *env) open(ok func(object) bool) object {
	s.Helper()
	for _, u := range s.search("has_unresolved_inquiry", "true") {
		for _, i := range list(s.get("/publisher/inquiry/list", "uid", text(u, "uid"), "offset", "0", "limit", "9"), "payment_inquiries") {
			if number(i, "state") < 2 && ok(i) {
				i["uid"] = text(u, "uid")
				return i
			}
		}
	}
	s.Fatal("the world has no such inquiry")
	return nil
}

func (s *env) actions(inquiry string) (all []string) {
	s.Helper()
	for _, one := range list(s.get("/publisher/inquiry/inquiryActions", "payment_inquiry_id", inquiry), "actions") {
		all = append(all, text(one, "caption"))
	}
	return all
}

func TestInquiry_AnswerCommentResolve(t *testing.T) {
	s := setUp(t)
	i := s.open(func(object) bool { return true })
	id, uid := text(i, "payment_inquiry_id"), text(i, "uid")
	mails := func() int {
		return int(number(s.get("/publisher/user/email/list", "uid", uid, "offset", "0", "limit", "1"), "total"))
	}
	before := mails()
	open := number(s.get("/publisher/inquiry/unresolvedCount", "uid", uid), "data")
	all := number(s.get("/publisher/inquiry/unresolvedCount"), "data")
	if open == 0 || all <= open {
		t.Errorf("%v open of %v", open, all)
	}

	s.get(addEndpoint, "payment_inquiry_id", id, "action", "REPLY_ONLY", "comment", "internal & private", "internal", "true")
	if mails() != before {
		t.Error("an internal comment was sent to the user")
	}
	if got := s.get(addEndpoint, "payment_inquiry_id", id, "action", "REPLY_ONLY", "action", "RESOLVE", "comment", "Done.", "internal", "false"); number(got, "payment_inquiry", "state") != 2 {
		t.Fatalf("got %v", got)
	}
	if mails() != before+1 {
		t.Error("the answer was not sent to the user")
	}
	comments := list(s.get("/publisher/inquiry/comments", "payment_inquiry_id", id), "comments")
	last := comments[len(comments)-1]
	if text(last, "message") != "Done." || text(last, "internal") != "false" || text(comments[len(comments)-2], "internal") != "true" {
		t.Errorf("got %v", comments)
	}
	if got := s.get("/publisher/inquiry/lastComment", "uid", uid); text(got, "payment_inquiry", "payment_inquiry_id") != id {
		t.Errorf("the last comment: %v", got)
	}
	if now := number(s.get("/publisher/inquiry/unresolvedCount", "uid", uid), "data"); now != open-1 {
		t.Errorf("%v open, then %v", open, now)
	}
	if got := s.get(addEndpoint, "payment_inquiry_id", id, "action", "REPLY_ONLY", "comment", "x", "internal", "true"); code(got) != 12005 {
		t.Errorf("a comment after the end: %v", got)
	}
	if left := s.actions(id); len(left) != 0 {
		t.Errorf("a resolved one allows %v", left)
	}
}

func TestInquiry_Refuses(t *testing.T) {
	s := setUp(t)
	i := s.open(func(object) bool { return true })
	id := text(i, "payment_inquiry_id")
	for name, c := range map[string]struct {
		action, comment string
		want            int
	}{
		"unknown_action": {"EXPLODE", "x", 12002}, "no_action": {"", "x", 12002}, "no_comment": {"RESOLVE", "", 12003},
		"long_comment": {"RESOLVE", strings.Repeat("å", 3001), 12004},
	} {
		if got := s.get(addEndpoint, "payment_inquiry_id", id, "action", c.action, "comment", c.comment, "internal", "true"); code(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := s.get(addEndpoint, "payment_inquiry_id", id, "action", "RESOLVE", "comment", strings.Repeat("å", 3000), "internal", "x"); code(got) != 400 {
		t.Errorf("internal: %v", got)
	}
	if got := s.get("/publisher/inquiry/details", "payment_inquiry_id", "PI1"); code(got) != 404 {
		t.Errorf("unknown: %v", got)
	}
	last := object{}
	for range 60 {
		if last = s.get(addEndpoint, "payment_inquiry_id", id, "action", "REPLY_ONLY", "comment", "again", "internal", "true"); code(last) != 0 {
			break
		}
	}
	if code(last) != 12006 {
		t.Errorf("after many comments: %v", last)
	}
}

// TestInquiry_ActionsAboutMoney: the actions change payments and subscriptions like the
// calls for these.
func TestInquiry_ActionsAboutMoney(t *testing.T) {
	s := setUp(t)
	with := func(action string) object {
		return s.open(func(i object) bool {
			return text(i, "transaction_id") != "" && slices.Contains(s.actions(text(i, "payment_inquiry_id")), action)
		})
	}
	i := with("REFUND_REVOKE")
	if got := s.get(addEndpoint, "payment_inquiry_id", text(i, "payment_inquiry_id"), "action", "REFUND_REVOKE", "comment", "Refunded.", "internal", "true"); at(got, "payment_inquiry", "is_access_revoked") != true || text(got, "payment_inquiry", "refund_amount") == "" {
		t.Errorf("got %v", got)
	}
	if p := s.get("/publisher/payment/get", "user_payment_id", text(i, "transaction_id")); number(p, "user_payment", "remaining_amount") != 0 {
		t.Errorf("the payment is %v", p)
	}
	i = with("SUB_CANCEL")
	if got := s.get(addEndpoint, "payment_inquiry_id", text(i, "payment_inquiry_id"), "action", "SUB_CANCEL", "comment", "Cancelled.", "internal", "true"); code(got) != 0 {
		t.Errorf("got %v", got)
	}
	if sent := s.sent(); len(sent) != 1 || !strings.HasPrefix(sent[0], "Canceled ") {
		t.Errorf("sent %v", sent)
	}
	i = with("DECLINE")
	if got := s.get(addEndpoint, "payment_inquiry_id", text(i, "payment_inquiry_id"), "action", "DECLINE", "comment", "No.", "internal", "true"); number(got, "payment_inquiry", "state") != 3 {
		t.Errorf("got %v", got)
	}
}
