package operate_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// plant writes an open dead letter.
func (s *site) plant(topic string, offset int, sent time.Time, value string) {
	s.Helper()
	s.Exec(fmt.Sprintf(`INSERT INTO dead_letters (source, source_name, source_offset, reason, field, payload, payload_sha256, message_time, decided_at, attempts)
		SELECT 'kafka', '%s', %d, 'missing_field', 'event_timestamp', '{}', lower(hex(SHA256('%s'))), fromUnixTimestamp64Milli(toInt64(%d)), now64(3) - INTERVAL 1 SECOND, 1`,
		topic, offset, value, sent.UnixMilli()))
}

func TestDeadLetters_APlanIsConfirmedOnce(t *testing.T) {
	tier.Full(t, "needs Kafka and ClickHouse")
	s := newSite(t)
	sent := time.UnixMilli(1_750_000_000_123)
	value := `{"subscription_id":"a","event_timestamp":1750000000,"subscription_action":"Renewed"}`
	s.Produce(kafka.Record{Value: []byte(value), Time: sent})
	s.plant(s.Topic, 0, sent, value)
	for offset := range 3 {
		s.plant("gone-topic", offset, sent, value)
	}

	t.Run("dismiss", func(t *testing.T) {
		form := url.Values{"kind": {"dismiss"}, "reason": {"missing_field"}}
		added := s.post("ops", "/dead-letters/plans", form)
		if added.status != http.StatusSeeOther {
			t.Fatalf("status %d: %s", added.status, added.body)
		}
		ready := s.planReady(added.location)
		if !strings.Contains(ready.body, "Dismiss 3 dead letters") || s.count("SELECT count() FROM dead_letters FINAL WHERE resolved_at IS NOT NULL") != 0 {
			t.Fatalf("the plan has changed something, or says: %s", ready.body)
		}
		for why, wrong := range map[string]string{"": "The reason is missing", "asked by a@example.com": "must not contain an e-mail address", "a\nb": "one line"} {
			if got := s.post("ops", added.location, url.Values{"why": {why}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, wrong) {
				t.Errorf("reason %q: status %d", why, got.status)
			}
		}
		s.confirmTogether(added.location)
		done := s.planReady(added.location + "?again=1")
		if !strings.Contains(done.body, "3 dismissed; 1 remain open") || !strings.Contains(done.body, "Nothing was done a second time") {
			t.Errorf("%s", done.body)
		}
		if got := s.post("ops", added.location, url.Values{"why": {"once more"}}); got.status != http.StatusSeeOther || !strings.HasSuffix(got.location, "?again=1") {
			t.Errorf("afterwards: %+v", got)
		}
		// Without FINAL: each decision is a row until a merge, which could only make it fewer.
		if n := s.count("SELECT count() FROM dead_letters WHERE dismissed_why = 'they are gone'"); n != 3 {
			t.Errorf("%d dismissals, want 3", n)
		}
		if n := s.count("SELECT count() FROM dead_letters WHERE dismissed_by LIKE '%@%'"); n != 0 {
			t.Error("the table has the address of a person")
		}
		s.recorded("dismiss_dead_letters", "dead_letters:reason=missing_field", "they are gone")
	})
	t.Run("redrive", func(t *testing.T) {
		at := s.Topic + "/0/0"
		added := s.post("ops", "/dead-letters/plans", url.Values{"kind": {"redrive"}, "at": {at}})
		if ready := s.planReady(added.location); !strings.Contains(ready.body, "Redrive 1 dead letters") {
			t.Fatalf("%s", ready.body)
		}
		s.confirmTogether(added.location)
		if done := s.planReady(added.location); !strings.Contains(done.body, "0 of them remain open") {
			t.Errorf("%s", done.body)
		}
		if rows, open := s.count("SELECT count() FROM subscription_events"), s.count("SELECT count() FROM dead_letters FINAL WHERE resolved_at IS NULL"); rows != 1 || open != 0 {
			t.Errorf("%d events and %d open dead letters, want 1 and 0", rows, open)
		}
		s.recorded("redrive_dead_letters", "dead_letters:"+at, "they are gone")
		again := s.post("ops", "/dead-letters/plans", url.Values{"kind": {"redrive"}, "at": {at}})
		if ready := s.planReady(again.location); !strings.Contains(ready.body, "This plan would change nothing") {
			t.Errorf("a second plan: %s", ready.body)
		}
	})
	t.Run("wrong forms", func(t *testing.T) {
		for _, form := range []url.Values{{}, {"kind": {"delete"}}, {"kind": {"redrive"}, "reason": {"x"}}, {"kind": {"redrive"}, "at": {"x"}}} {
			if got := s.post("ops", "/dead-letters/plans", form); got.status != http.StatusBadRequest {
				t.Errorf("%v: status %d", form, got.status)
			}
		}
		unknown := s.post("ops", "/dead-letters/plans", url.Values{"kind": {"redrive"}, "at": {"nothing/0/1"}})
		if got := s.planReady(unknown.location); !strings.Contains(got.body, "there is no dead letter at these coordinates") {
			t.Errorf("%s", got.body)
		}
		if got := s.post("ops", "/dead-letters/plans/unknown", url.Values{"why": {"x"}}); got.status != http.StatusNotFound {
			t.Errorf("an unknown plan: status %d", got.status)
		}
	})
}

// recorded checks that actions_log has a change once, with its reason and without the
// address of the person.
func (s *site) recorded(action, object, why string) {
	s.Helper()
	var rows []string
	s.Must(s.Analyst.QueryRow(s.Context(), `SELECT groupArray(concat(step, ' ', outcome, ' ', object, ' ', reason, ' ', if(position(actor, '@') = 0 AND actor != '', 'by somebody', actor)))
		FROM (SELECT * FROM actions_log WHERE action = '`+action+`' ORDER BY written_at, step)`).Scan(&rows))
	want := []string{"asked  " + object + " " + why + " by somebody", "final done " + object + " " + why + " by somebody"}
	if !slices.Equal(rows, want) {
		s.Errorf("actions_log has %q, want %q", rows, want)
	}
}

// confirmTogether sends the form of a plan several times at once.
func (s *site) confirmTogether(address string) {
	s.Helper()
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			if got := s.post("ops", address, url.Values{"why": {"they are gone"}}); got.status != http.StatusSeeOther {
				s.Errorf("status %d: %s", got.status, got.body)
			}
		})
	}
	group.Wait()
}

func TestChanges_NeedTheRoleAndTheSameOrigin(t *testing.T) {
	tier.Full(t, "needs Kafka and ClickHouse")
	s := newSite(t)
	s.fill()
	form := url.Values{"kind": {"dismiss"}, "why": {"hostile"}}
	for _, address := range []string{"/dead-letters/plans", "/dead-letters/plans/x", "/jobs/20261130t130000-bbbb/cancel"} {
		if got := s.post("viewers", address, form); got.status != http.StatusForbidden {
			t.Errorf("a viewer posts to %s: status %d", address, got.status)
		}
		if got := s.send("ops", http.MethodPost, address, form, "cross-site"); got.status != http.StatusForbidden {
			t.Errorf("another origin posts to %s: status %d", address, got.status)
		}
		if got := s.post("nobody", address, form); got.status != http.StatusForbidden {
			t.Errorf("nobody posts to %s: status %d", address, got.status)
		}
	}
	if n := s.count("SELECT count() FROM replay_jobs WHERE record = 'cancel'"); n != 0 {
		t.Fatalf("%d cancellations", n)
	}
	if got := s.get("viewers", "/jobs/20261130t120000-aaaa"); strings.Contains(got.body, "<form") {
		t.Error("a viewer has a form")
	}
	cancel := "/jobs/20261130t130000-bbbb/cancel"
	if got := s.post("ops", cancel, url.Values{}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "The reason is missing") {
		t.Errorf("without a reason: status %d", got.status)
	}
	for range 2 {
		if got := s.post("ops", cancel, url.Values{"why": {"the wrong files"}}); got.status != http.StatusSeeOther {
			t.Errorf("cancel: status %d: %s", got.status, got.body)
		}
	}
	if n := s.count("SELECT count() FROM replay_jobs WHERE record = 'cancel'"); n != 1 {
		t.Errorf("%d cancellations, want 1", n)
	}
	s.recorded("cancel_replay_job", "job:20261130t130000-bbbb", "the wrong files")
	if got := s.get("ops", "/jobs/20261130t130000-bbbb?asked=1"); !strings.Contains(got.body, "The job is canceled") {
		t.Errorf("%s", got.body)
	}
}
