package care_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
)

// TestCanaries_AreInEveryAnswer reads everything about the users: every canary appears
// somewhere, every call about persons has one, and so has every kind of attack.
func TestCanaries_AreInEveryAnswer(t *testing.T) {
	s := setUp(t)
	found, whole := map[string]bool{}, strings.Builder{}
	read := func(method, endpoint string, pairs ...string) object {
		t.Helper()
		_, body, err := s.send(method, endpoint, s.params(pairs...))
		s.must(err)
		canaries := pianoapi.FindCanaries(body)
		for _, one := range canaries {
			found[one] = true
		}
		var all object
		s.must(json.Unmarshal(body, &all))
		if len(canaries) == 0 && all["count"] != 0.0 {
			t.Errorf("%s has no canary: %.300s", endpoint, body)
		}
		whole.Write(body)
		return all
	}
	for _, u := range list(read("POST", "/publisher/user/search", "has_payment", "true", "offset", "0", "limit", "1000"), "users") {
		if len(s.conversions(text(u, "uid"))) < 3 {
			continue
		}
		uid := text(u, "uid")
		read("POST", "/publisher/user/get", "uid", uid)
		read("GET", "/publisher/user/access/list", "uid", uid, "offset", "0", "limit", "9")
		c := list(read("GET", "/publisher/conversion/list", "uid", uid, "offset", "0", "limit", "9"), "conversions")[0]
		read("GET", "/publisher/conversion/get", "term_conversion_id", text(c, "term_conversion_id"))
		read("GET", "/publisher/conversion/data/get", "term_conversion_id", text(c, "term_conversion_id"))
		if id := text(c, "user_payment_info", "user_payment_info_id"); id != "" {
			read("GET", "/publisher/payment/method/get", "uid", uid, "user_payment_info_id", id)
		}
		if id := text(c, "user_payment", "user_payment_id"); id != "" {
			read("GET", "/publisher/payment/get", "user_payment_id", id)
		}
		read("POST", "/publisher/subscription/stats", "uid", uid, "offset", "0", "limit", "9")
		break
	}
	read("GET", "/publisher/user/note/list", "offset", "0", "limit", "1000")
	read("GET", "/publisher/user/email/list", "include_email_body", "true", "offset", "0", "limit", "1000")
	read("GET", "/publisher/promotion/code/list", "promotion_id", "PR000001", "offset", "0", "limit", "100")
	for _, u := range s.search("has_received_response_inquiry", "true") {
		read("GET", "/publisher/inquiry/list", "uid", text(u, "uid"), "offset", "0", "limit", "9")
	}
	for _, one := range pianoapi.Canaries() {
		if !found[one] {
			t.Errorf("no answer has %s", one)
		}
	}
	missing := 0
	for _, one := range pianoapi.Attacks() {
		if quoted, _ := json.Marshal(one); !strings.Contains(whole.String(), strings.Trim(string(quoted), `"`)) {
			missing++
		}
	}
	if missing > 0 || len(pianoapi.Attacks()) < 8 {
		t.Errorf("%d of %d attacks are in no answer", missing, len(pianoapi.Attacks()))
	}
}

func TestFindCanaries(t *testing.T) {
	for text, want := range map[string]bool{
		"<p>KANARIE-17</p>": true, "mailto:kim.larsen.1%40example.com": true, "søren.ødegård.12@bücher.example": true,
		"vogelsang": true, "481957******1234": true, "a@sub.corp.example": true,
		"u000000017 active 12.90 EUR, paper.example": false, "https://example.com/": false, "": false,
	} {
		if got := pianoapi.FindCanaries([]byte(text)); (len(got) > 0) != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestEndpoints_WithoutParametersAreAnswered: no call fails in the server when its
// parameters are absent.
func TestEndpoints_WithoutParametersAreAnswered(t *testing.T) {
	s := setUp(t)
	reads := []string{"/publisher/promotion/count", "/publisher/inquiry/unresolvedCount", "/publisher/app/get", "/publisher/app/features/get"}
	for _, e := range s.desk.Endpoints() {
		status, body, err := s.send(e.Method, e.Path, s.params())
		s.must(err)
		var all object
		if err := json.Unmarshal(body, &all); status != http.StatusOK || err != nil {
			t.Errorf("%s: status %d, %v: %.200s", e.Path, status, err, body)
			continue
		}
		if refused := code(all) != 0; refused == slices.Contains(reads, e.Path) {
			t.Errorf("%s: %.200s", e.Path, body)
		}
	}
	if changed := s.server.Changes(); len(changed) != 0 {
		t.Errorf("changed %v", changed)
	}
}
