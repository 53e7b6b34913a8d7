package care_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
)

const grantEndpoint = "/publisher/user/access/grant"

func (s *env) accesses(uid string) []object {
	s.Helper()
	return list(s.get("/publisher/user/access/list", "uid", uid, "offset", "0", "limit", "100"), "accesses")
}

func TestAccess_GrantExtendRevoke(t *testing.T) {
	s := setUp(t)
	users := s.search("has_access", "false")
	one, other := users[0], users[1]
	uid := text(one, "uid")
	before := len(s.accesses(uid))
	soon := strconv.FormatInt(s.clock().Add(48*time.Hour).Unix(), 10)

	got := list(s.get(grantEndpoint, "uid", uid, "rid", "RR6", "expire_date", soon), "accesses")
	if len(got) != 1 || at(got[0], "granted") != true || at(got[0], "can_revoke_access") != true || strconv.Itoa(int(at(got[0], "expire_date").(float64))) != soon {
		t.Fatalf("got %v", got)
	}
	id := text(got[0], "access_id")
	if check := s.get("/publisher/user/access/check", "uid", uid, "rid", "RR6"); at(check, "access", "granted") != true {
		t.Errorf("check: %v", check)
	}
	s.pass(72 * time.Hour)
	if check := s.get("/publisher/user/access/check", "uid", uid, "rid", "RR6"); at(check, "access", "granted") == true {
		t.Errorf("after its end: %v", check)
	}
	if got := s.post("/publisher/user/access/update", "access_id", id); at(got, "access", "granted") != true || at(got, "access", "expire_date") != nil {
		t.Errorf("update to never: %v", got)
	}
	if got := s.get("/publisher/user/access/revoke", "access_id", id); at(got, "access", "revoked") != true {
		t.Errorf("revoke: %v", got)
	}
	if after := s.accesses(uid); len(after) != before {
		t.Errorf("a revoked access is in the list: %v", after)
	}
	if got := s.get("/publisher/user/access/revoke", "access_id", id); code(got) != 5003 {
		t.Errorf("revoke again: %v", got)
	}

	both := text(one, "email") + "," + text(other, "email")
	if got := list(s.get(grantEndpoint, "emails", both, "rid", "RR6", "send_email", "true", "message", "welcome"), "accesses"); len(got) != 2 {
		t.Errorf("by e-mail: %v", got)
	}
	mails := list(s.get("/publisher/user/email/list", "uid", uid, "include_email_body", "true", "offset", "0", "limit", "100"), "emails")
	if len(mails) == 0 || text(mails[0], "email_name") != "access_granted" || !strings.Contains(text(mails[0], "body"), "welcome") {
		t.Errorf("e-mails: %v", mails)
	}
	got2 := s.get("/publisher/user/access/grantToUsers", "emails", both+",nobody@example.com", "rid", "RR5", "rid", "RR6")
	if code(got2) != 0 || got2["data"] != 2.0 || len(s.accesses(text(other, "uid"))) < 3 {
		t.Errorf("to users: %v", got2)
	}
	if events := s.sent(); len(events) != 0 {
		t.Errorf("a grant has no event: %v", events)
	}
}

func TestAccess_Refuses(t *testing.T) {
	s := setUp(t)
	paying := text(s.search("has_active_subscription", "true")[0], "uid")
	subscribed := ""
	for _, a := range s.accesses(paying) {
		if at(a, "can_revoke_access") == nil {
			subscribed = text(a, "access_id")
		}
	}
	for name, c := range map[string]struct {
		method, endpoint string
		pairs            []string
		want             int
	}{
		"resource":        {"GET", grantEndpoint, []string{"uid", paying, "rid", "RR99"}, 805},
		"no_resource":     {"GET", grantEndpoint, []string{"uid", paying}, 400},
		"expired":         {"GET", grantEndpoint, []string{"uid", paying, "rid", "RR1", "expire_date", "1000000000"}, 406},
		"milliseconds":    {"GET", grantEndpoint, []string{"uid", paying, "rid", "RR1", "expire_date", "tomorrow"}, 406},
		"nobody":          {"GET", grantEndpoint, []string{"rid", "RR1"}, 5001},
		"unknown_email":   {"GET", grantEndpoint, []string{"rid", "RR1", "emails", "nobody@example.com"}, 5002},
		"unknown_user":    {"GET", grantEndpoint, []string{"rid", "RR1", "uid", "nobody"}, 401},
		"bulk_resource":   {"GET", "/publisher/user/access/grantToUsers", []string{"rid", "RR99", "emails", "a@example.com"}, 805},
		"revoke_of_sub":   {"GET", "/publisher/user/access/revoke", []string{"access_id", subscribed}, 5007},
		"update_of_sub":   {"POST", "/publisher/user/access/update", []string{"access_id", subscribed}, 5007},
		"revoke_unknown":  {"GET", "/publisher/user/access/revoke", []string{"access_id", "AC1"}, 5003},
		"list_of_nobody":  {"GET", "/publisher/user/access/list", []string{"uid", "nobody", "offset", "0", "limit", "9"}, 2004},
		"check_unknown":   {"GET", "/publisher/user/access/check", []string{"uid", paying, "rid", "RR99"}, 805},
		"check_no_rid":    {"GET", "/publisher/user/access/check", []string{"uid", paying}, 400},
		"list_no_paging":  {"GET", "/publisher/user/access/list", []string{"uid", paying}, 400},
		"send_email_text": {"GET", grantEndpoint, []string{"uid", paying, "rid", "RR1", "send_email", "1"}, 400},
	} {
		if got := s.ask(c.method, c.endpoint, c.pairs...); code(got) != c.want {
			t.Errorf("%s: %v, want code %d", name, got, c.want)
		}
	}
	if changed := s.server.Changes(); len(changed) != 0 {
		t.Errorf("refused requests changed %v", changed)
	}
}

// TestEndpoints_RefuseTheOtherVerb: several changing calls are GET, and many reads are POST.
func TestEndpoints_RefuseTheOtherVerb(t *testing.T) {
	s := setUp(t)
	other := map[string]string{http.MethodGet: http.MethodPost, http.MethodPost: http.MethodGet}
	n := 0
	for _, e := range s.desk.Endpoints() {
		status, _, err := s.send(other[e.Method], e.Path, s.params())
		if s.must(err); status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: status %d", other[e.Method], e.Path, status)
		}
		n++
	}
	if n < 60 {
		t.Errorf("only %d endpoints", n)
	}
}

// TestGrant_RepeatedIsDoneTwice: there is no idempotency key, so a client that repeats a
// request after a lost answer does it twice.
func TestGrant_RepeatedIsDoneTwice(t *testing.T) {
	s := setUp(t)
	uid := text(s.search("has_access", "false")[0], "uid")
	form := s.params("uid", uid, "rid", "RR6")
	before := len(s.accesses(uid))
	for fault, done := range map[pianoapi.Fault]int{pianoapi.LostAnswer: 1, pianoapi.DroppedAnswer: 1, pianoapi.DroppedRequest: 0, pianoapi.ServerError: 0, pianoapi.SlowAnswer: 1} {
		was := s.server.Changed(grantEndpoint)
		s.server.Fail(fault, grantEndpoint, 0, 1)
		status, _, err := s.send(http.MethodGet, grantEndpoint, form)
		if lost := err != nil || status != http.StatusOK; lost == (fault == pianoapi.SlowAnswer) {
			t.Errorf("fault %d: status %d, %v", fault, status, err)
		}
		if got := s.server.Changed(grantEndpoint) - was; got != done {
			t.Errorf("fault %d: done %d times, want %d", fault, got, done)
		}
	}
	s.get(grantEndpoint, "uid", uid, "rid", "RR6")
	if after := len(s.accesses(uid)); after != before+4 || s.server.Changed(grantEndpoint) != 4 {
		t.Errorf("%d before and %d after", before, after)
	}
}
