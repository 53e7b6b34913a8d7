package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// careShell is the shell of an agent over a simulated Piano.
type careShell struct {
	t *testing.T
	*publisher
	customers *customer.Client
}

// run runs a command and fails where something personal comes out.
func (s *careShell) run(want int, args ...string) string {
	s.t.Helper()
	got := call(s.t, s.environment(), "", args...)
	if all := got.stdout + got.stderr; len(pianoapi.FindCanaries([]byte(all))) > 0 || strings.Contains(all, s.server.Token()) {
		s.t.Errorf("%v: something personal comes out: %s", args, all)
	}
	if got.code != want {
		s.t.Fatalf("%v: exit status %d, want %d\n%s%s", args, got.code, want, got.stdout, got.stderr)
	}
	return got.stdout
}

// report is run with --json and --execute.
func (s *careShell) report(want int, args ...string) (r actions.Report) {
	s.t.Helper()
	text := s.run(want, append(args, "--json", "--execute", "--reason", "asked by kari@example.com", "--actor", "agent 7")...)
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		s.t.Fatalf("%v: %v: %s", args, err, text)
	}
	return r
}

func TestCare_InTheShell(t *testing.T) {
	tier.Full(t, "runs the commands of care")
	f := services(t).Fixture(t, testbed.Config{Seed: 3, Subscribers: 600})
	s := &careShell{t: t, publisher: newPublisher(t, f)}
	s.customers = customer.New(s.client)

	// Auto-renewal, the next bill date and a cancellation of one subscription.
	one := s.take("paying one", func(p piano.Subscription) bool {
		return p.Status == "active" && p.Term.Type == "payment" && *p.AutoRenew && p.NextBillAt != nil && p.AutoRenewChangeEnabled != nil && *p.AutoRenewChangeEnabled
	})
	if text := s.run(exitDone, "subscription", "show", one.ID); !strings.Contains(text, "next_bill_date") || !strings.Contains(text, "auto_renew_off") || !strings.Contains(text, "on already") {
		t.Errorf("show:\n%s", text)
	}
	if text := s.run(exitDone, "subscription", "renew", "off", "--subscription", one.ID); !strings.Contains(text, "plan: planned") || !strings.Contains(text, "auto_renew=false") || !*s.get(one.ID).AutoRenew {
		t.Errorf("a plan:\n%s", text)
	}
	if r := s.report(exitDone, "subscription", "renew", "off", "--subscription", one.ID); r.Outcome != actions.Done || *s.get(one.ID).AutoRenew {
		t.Errorf("renew off: %+v", r)
	}
	if r := s.report(exitDone, "subscription", "renew", "off", "--subscription", one.ID); r.Outcome != actions.Done || len(r.Steps) != 1 {
		t.Errorf("renew off again: %+v", r)
	}
	if r := s.report(exitDone, "subscription", "renew", "on", "--subscription", one.ID); r.Outcome != actions.Done || !*s.get(one.ID).AutoRenew {
		t.Errorf("renew on: %+v", r)
	}
	before := *s.get(one.ID).NextBillAt
	if r := s.report(exitDone, "subscription", "next-bill", "--subscription", one.ID, "--months", "1"); r.Outcome != actions.Done || !s.get(one.ID).NextBillAt.Equal(actions.Postpone(before, 1, 0)) {
		t.Errorf("next-bill: %+v", r)
	}
	if text := s.run(exitFound, "subscription", "cancel", "--at-period-end", "--subscription", one.ID, "--execute", "--reason", "x"); !strings.Contains(text, "turn auto-renew off instead") {
		t.Errorf("cancel later:\n%s", text)
	}
	s.server.Fail(pianoapi.DroppedAnswer, "/publisher/subscription/cancel", 0, 1)
	if r := s.report(exitDone, "subscription", "cancel", "--subscription", one.ID); r.Outcome != actions.Done || !strings.Contains(r.Why, "no answer came, but it has been done") || s.server.Changed("/publisher/subscription/cancel") != 1 {
		t.Errorf("cancel: %+v", r)
	}
	s.run(exitFound, "subscription", "cancel", "--subscription", one.ID, "--execute", "--reason", "x")

	s.refunds()
	s.accesses()

	var rows string
	f.Must(f.Analyst.QueryRow(t.Context(), `SELECT toString((countIf(step = 'asked') = countIf(step IN ('answered', 'unknown')), countIf(reason LIKE '%kari@%'), countIf(reason LIKE 'asked by sha256:%') > 0, countIf(step = 'asked' AND before = '')))
FROM actions_log`).Scan(&rows))
	if rows != "(1,0,1,0)" {
		t.Errorf("actions_log: %s", rows)
	}
}

func (s *careShell) refunds() {
	s.t.Helper()
	for _, one := range s.subs {
		payments, _, err := s.customers.Conversions(s.t.Context(), one.UserID)
		s.Must(err)
		for _, c := range payments {
			if c.Payment == nil {
				continue
			}
			p, err := s.customers.Payment(s.t.Context(), c.Payment.ID)
			s.Must(err)
			if p.Refundable == nil || !*p.Refundable {
				continue
			}
			if r := s.report(exitDone, "subscription", "refund", "--payment", p.ID); r.Outcome != actions.Done {
				s.t.Errorf("refund: %+v", r)
			}
			text := s.run(exitFound, "subscription", "refund", "--payment", p.ID, "--amount", "0.5", "--execute", "--reason", "x")
			if !strings.Contains(text, "plan: refused") || s.server.Changed("/publisher/payment/refund") != 1 {
				s.t.Errorf("refund again:\n%s", text)
			}
			return
		}
	}
	s.t.Fatal("no payment can be refunded")
}

func (s *careShell) accesses() {
	s.t.Helper()
	resources, err := s.customers.Resources(s.t.Context())
	s.Must(err)
	rid := resources[len(resources)-1].ID
	users, err := s.customers.Search(s.t.Context(), customer.Query{"has_payment": "true"}, customer.Page{Limit: 20})
	s.Must(err)
	var list []string
	known := map[string]bool{}
	for _, u := range users.Rows {
		if !strings.Contains(u.UID, "sha256:") && !known[u.UID] && len(list) < 6 {
			known[u.UID] = true
			list = append(list, u.UID)
			if len(list)%2 == 0 {
				list[len(list)-1] = u.Email.Reveal()
			}
		}
	}
	file := filepath.Join(s.t.TempDir(), "winners.txt")
	s.Must(os.WriteFile(file, []byte(strings.Join(list, "\n")+"\nnobody.there@example.org\n"), 0o600))
	grant := []string{"access", "grant", "--file", file, "--resource", rid, "--never-ends"}
	if text := s.run(exitFound, grant...); strings.Count(text, "  planned: ") != 6 || s.server.Changed("/publisher/user/access/grant") != 0 {
		s.t.Errorf("a plan:\n%s", text)
	}
	execute := append(grant, "--execute", "--reason", "raffle")
	s.server.Fail(pianoapi.Unauthorized, "/publisher/user/access/grant", 2, 1) // the third line ends the job
	if text := s.run(exitFailed, execute...); strings.Count(text, "  done: ") != 2 || !strings.Contains(text, "job ") {
		s.t.Errorf("interrupted:\n%s", text)
	}
	text := s.run(exitFound, execute...) // one address is nobody's
	if strings.Count(text, "done (before)") != 2 || strings.Count(text, "  done: ") != 4 || !strings.Contains(text, "no user with this e-mail") || s.server.Changed("/publisher/user/access/grant") != 6 {
		s.t.Errorf("continued, %d grants arrived:\n%s", s.server.Changed("/publisher/user/access/grant"), text)
	}
	all, _, err := s.customers.Accesses(s.t.Context(), list[0])
	s.Must(err)
	var id string
	for _, a := range all {
		if a.ResourceID == rid && a.ExpiresAt == nil && a.CanRevoke != nil && *a.CanRevoke {
			id = a.ID
		}
	}
	if text := s.run(exitDone, "access", "list", "--user", list[0]); !strings.Contains(text, id) || !strings.Contains(text, "never") {
		s.t.Errorf("list:\n%s", text)
	}
	if r := s.report(exitFound, "access", "extend", "--user", list[0], "--access", id, "--days", "7"); r.Outcome != actions.Refused {
		s.t.Errorf("extend what never ends: %+v", r)
	}
	if r := s.report(exitDone, "access", "revoke", "--user", list[0], "--access", id); r.Outcome != actions.Done || s.server.Changed("/publisher/user/access/revoke") != 1 {
		s.t.Errorf("revoke: %+v", r)
	}
	for _, a := range all {
		if a.CanRevoke != nil {
			continue
		}
		code, why := exitFound, "cancel the subscription"
		if !a.Granted {
			code, why = exitDone, "there is nothing to revoke"
		}
		if text := s.run(code, "access", "revoke", "--user", list[0], "--access", a.ID, "--execute", "--reason", "x"); !strings.Contains(text, why) {
			s.t.Errorf("revoke that of a subscription:\n%s", text)
		}
	}
}

func TestCare_Usage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, []byte("u1\nkari canary@example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args string
		says string
	}{
		"nothing":         {"subscription cancel", "give either --subscription or --file"},
		"both":            {"subscription cancel --subscription S --file x", "give either --subscription or --file"},
		"no_reason":       {"subscription cancel --subscription S --execute", "--reason: --execute needs it"},
		"two_ways":        {"subscription cancel --subscription S --refund --at-period-end", "not both"},
		"sideways":        {"subscription renew sideways --subscription S", "use one of on, off"},
		"no_date":         {"subscription next-bill --subscription S", "give --date, or --months and --days"},
		"two_dates":       {"subscription next-bill --subscription S --days 1 --date 2027-01-01T00:00:00Z", "give --date, or --months and --days"},
		"wrong_date":      {"subscription next-bill --subscription S --date tomorrow", "--date: not a time"},
		"wrong_amount":    {"subscription refund --payment P --amount 1e9", "--amount: is not an amount"},
		"no_resource":     {"access grant --user u --never-ends", "give --resource"},
		"no_end":          {"access grant --user u --resource R", "either --until or --never-ends"},
		"no_mail":         {"access grant --user u --resource R --never-ends --message-file x", "needs --send-email"},
		"no_access":       {"access revoke --user u", "give --user and --access"},
		"job_of_one":      {"access revoke --user u --access A --job x", "--job: needs --file"},
		"nobody":          {"access list", "give --user"},
		"wrong_file":      {"access grant --resource R --never-ends --file " + file, "--file: this action is not possible as given: line 2 has something"},
		"wrong_id_file":   {"subscription cancel --file " + file, "--file: line 2 is not one id"},
		"wrong_pair_file": {"access revoke --file " + file, "--file: line 1 is not a user id and an access id"},
	} {
		got := call(t, []string{"PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1", "PIANOLA_PIANO_AID=a", "PIANOLA_PIANO_API_TOKEN=canary-token"}, "", strings.Fields(c.args)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, c.says) || got.stdout != "" || strings.Contains(got.stderr, "canary") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	got := call(t, []string{"PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1"}, "", "access", "list", "--user", "u")
	if got.code != exitConfiguration || !strings.Contains(got.stderr, "piano.api_token: is empty") {
		t.Errorf("no token: %+v", got)
	}
	if got := call(t, nil, "", "subscription", "cancel", "--file", filepath.Join(t.TempDir(), "absent")); got.code != exitFailed || !strings.Contains(got.stderr, "--file: ") {
		t.Errorf("no file: %+v", got)
	}
}
