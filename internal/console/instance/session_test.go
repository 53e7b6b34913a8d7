package instance_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/browser"
	"github.com/pianola/pianola/internal/sandbox/testbed/cases"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestConsole_EveryActionInABrowser is a working day in Chromium: an agent makes every
// action of the console, impatiently. Each must happen once. Attackers try to make some.
// In the end nothing personal may be left anywhere.
func TestConsole_EveryActionInABrowser(t *testing.T) {
	tier.Full(t, "makes every action in Chromium")
	s := newSite(t)
	t.Run("pictures", s.pictures)
	kari := s.open(t, "kari", "agents")
	for _, a := range s.acts(t) {
		t.Run(strings.ReplaceAll(a.name, " ", "_"), func(t *testing.T) { kari.act(t, a) })
	}
	t.Run("grant_a_list", kari.grantList)
	t.Run("redrive_dead_letters", func(t *testing.T) { kari.planLetters(t, "redrive") })
	t.Run("dismiss_dead_letters", func(t *testing.T) { kari.planLetters(t, "dismiss") })
	t.Run("cancel_a_job", kari.cancelJob)
	t.Run("promo_codes", kari.promoCodes)
	t.Run("show_personal_data", kari.showPersonal)
	t.Run("hostile", s.hostile)
	t.Run("canaries", func(t *testing.T) { s.canaries(t, kari) })
}

// act is an action with what the world must say afterwards.
type act struct {
	cases.Case
	name     string
	kind     actions.Kind
	button   string // of the form; empty is the first one
	endpoint string
	params   url.Values // that Piano must have received, among others
	effect   func(t *testing.T) error
}

// acts are all actions of customer care, each on a user of its own.
func (s *site) acts(t *testing.T) []act {
	t.Helper()
	const update = "/publisher/subscription/update"
	endpoints := map[actions.Kind]string{
		actions.AutoRenewOn: update, actions.AutoRenewOff: update, actions.NextBillDate: update, actions.ChangePaymentMethod: update,
		actions.CancelNow: "/publisher/subscription/cancel", actions.CancelAndRefund: "/publisher/subscription/cancel",
		actions.CancelAtPeriodEnd: "/publisher/subscription/cancel/deferred", actions.ChangeTerm: "/publisher/term/change/do",
		actions.RefundPayment: "/publisher/payment/refund", actions.GrantAccess: "/publisher/user/access/grant",
		actions.ExtendAccess: "/publisher/user/access/update", actions.RevokeAccess: "/publisher/user/access/revoke",
		actions.ReplyToInquiry: "/publisher/inquiry/add", actions.CommentOnInquiry: "/publisher/inquiry/add", actions.ResolveInquiry: "/publisher/inquiry/add",
		actions.AddNote: "/publisher/user/note/create", actions.EditNote: "/publisher/user/note/update",
	}
	var all []act
	for _, kind := range actions.Kinds() {
		var a act
		if kind == actions.ChangePaymentMethod {
			a.Case = s.otherMethod(t)
		} else {
			a.Case = s.Case(t, kind)
		}
		a.name, a.kind, a.endpoint = string(kind), kind, endpoints[kind]
		all = append(all, a)
	}
	cheaper := act{Case: s.ChangeOfTier(t, -1), name: "downgrade", kind: actions.ChangeTerm, endpoint: endpoints[actions.ChangeTerm]}
	payment := s.Payment(t)
	whole := act{Case: cases.Case{User: payment.UserID, Tab: "transactions", Button: []string{"payment_id", payment.ID}},
		name: "refund_all", kind: actions.RefundPayment, endpoint: endpoints[actions.RefundPayment]}
	all = append(all, cheaper, whole)
	for i := range all {
		s.expect(t, &all[i])
	}
	return all
}

// otherMethod gives a user with two subscriptions a second payment method, which pays one of
// them. The agent lets it pay the other one too.
func (s *site) otherMethod(t *testing.T) cases.Case {
	t.Helper()
	var other string
	one := s.Subscription(t, actions.ChangePaymentMethod, func(p piano.Subscription) bool {
		stats, _, err := s.Customers.Stats(t.Context(), p.UserID)
		s.Must(err)
		i := slices.IndexFunc(stats, func(o customer.Stat) bool {
			if o.SubscriptionID == p.ID || o.PaymentMethodID == "" {
				return false
			}
			live, err := s.API.Get(t.Context(), o.SubscriptionID)
			return err == nil && live.NextBillAt != nil
		})
		if i >= 0 {
			other = stats[i].SubscriptionID
		}
		return i >= 0
	})
	method := s.sendToPiano(t, "/publisher/payment/method/add", url.Values{"aid": {s.piano.AID()}, "uid": {one.UserID}, "token": {"invented"}, "source_id": {"4"}})
	if done, err := s.desk.SetPaymentMethod(t.Context(), other, method); err != nil || !done {
		t.Fatalf("the other subscription has no new method: %v, %v", done, err)
	}
	return cases.Case{User: one.UserID, Tab: "subscriptions", Button: []string{"subscription_id", one.ID}, Entered: url.Values{"payment_method_id": {method}}}
}

// expect says what Piano must have received, and what must be true of the world.
func (s *site) expect(t *testing.T, a *act) {
	t.Helper()
	subscription := func() piano.Subscription {
		one, err := s.API.Get(t.Context(), a.Button[1])
		s.Must(err)
		return one
	}
	access := func() customer.Access {
		all, _, err := s.Customers.Accesses(t.Context(), a.User)
		s.Must(err)
		i := slices.IndexFunc(all, func(one customer.Access) bool { return len(a.Button) > 0 && one.ID == a.Button[1] })
		if i < 0 {
			return customer.Access{}
		}
		return all[i]
	}
	comments := func() []customer.Comment {
		all, err := s.Customers.Comments(t.Context(), a.Button[1])
		s.Must(err)
		return all
	}
	payment := func() customer.Payment {
		one, err := s.Customers.Payment(t.Context(), a.Button[1])
		s.Must(err)
		return one
	}
	is := func(ok bool, what any) error {
		if ok {
			return nil
		}
		return fmt.Errorf("the world says %+v", what)
	}
	switch a.kind {
	case actions.AutoRenewOn, actions.AutoRenewOff:
		want := a.kind == actions.AutoRenewOn
		a.params = url.Values{"auto_renew": {fmt.Sprint(want)}}
		a.effect = func(*testing.T) error { now := subscription().AutoRenew; return is(now != nil && *now == want, now) }
	case actions.NextBillDate:
		a.Entered, a.button = nil, `button[name="months"]` // "Give a free month"
		before := *subscription().NextBillAt
		a.effect = func(*testing.T) error {
			days := subscription().NextBillAt.Sub(before).Hours() / 24
			return is(days >= 28 && days <= 31, days)
		}
	case actions.CancelNow, actions.CancelAndRefund, actions.CancelAtPeriodEnd, actions.ResumeSubscription:
		if a.kind == actions.ResumeSubscription && subscription().Term.Type != "dynamic" {
			a.endpoint = "/publisher/subscription/update"
		} else if a.kind == actions.ResumeSubscription {
			a.endpoint = "/publisher/subscription/resume"
		}
		features, err := s.Customers.Features(t.Context())
		s.Must(err)
		a.effect = func(*testing.T) error {
			now := subscription()
			return is(!actions.Decide(a.kind, features, actions.Target{Subscription: &now}, actions.AllRoles()).Allowed, now)
		}
	case actions.ChangeTerm:
		to := a.Entered.Get("to_term")
		a.params = url.Values{"term_to": {to}}
		a.effect = func(t *testing.T) error {
			s.Must(s.desk.CompleteChanges(t.Context()))
			stats, _, err := s.Customers.Stats(t.Context(), a.User)
			s.Must(err)
			for _, one := range stats {
				if now, err := s.API.Get(t.Context(), one.SubscriptionID); err == nil && now.Term.ID == to {
					return nil
				}
			}
			return fmt.Errorf("no subscription of the user has the term %s", to)
		}
	case actions.ChangePaymentMethod:
		a.effect = func(*testing.T) error {
			now := subscription().PaymentMethodID
			return is(now == a.Entered.Get("payment_method_id"), now)
		}
	case actions.RefundPayment:
		whole := payment().Remaining.String()
		a.effect = func(*testing.T) error {
			now := payment()
			if a.Entered == nil {
				return is(now.Refunded.String() == whole, now)
			}
			return is(now.Refunded.String() == "0.5" || now.Refunded.String() == "0.50", now)
		}
	case actions.GrantAccess:
		before, _, err := s.Customers.Accesses(t.Context(), a.User)
		s.Must(err)
		a.effect = func(t *testing.T) error {
			now, _, err := s.Customers.Accesses(t.Context(), a.User)
			s.Must(err)
			return is(len(now) == len(before)+1, now)
		}
	case actions.ExtendAccess:
		before := *access().ExpiresAt
		a.effect = func(*testing.T) error { now := access(); return is(now.ExpiresAt.Sub(before) == 14*24*time.Hour, now) }
	case actions.RevokeAccess:
		a.effect = func(*testing.T) error { now := access(); return is(!now.Granted, now) }
	case actions.ReplyToInquiry, actions.CommentOnInquiry, actions.ResolveInquiry:
		before := len(comments())
		a.effect = func(t *testing.T) error {
			now := comments()
			allowed, err := s.Customers.InquiryActions(t.Context(), a.Button[1])
			s.Must(err)
			if a.kind == actions.ResolveInquiry {
				return is(!slices.Contains(allowed, customer.InquiryReply), allowed)
			}
			return is(len(now) == before+1 && now[len(now)-1].Internal == (a.kind == actions.CommentOnInquiry), now)
		}
	case actions.EditNote:
		a.effect = func(t *testing.T) error {
			now, _, err := s.Customers.Notes(t.Context(), a.User)
			s.Must(err)
			return is(slices.ContainsFunc(now, func(n customer.Note) bool { return n.ID == a.Button[1] && n.Content.Reveal() == cases.Text() }), now)
		}
	case actions.AddNote:
		before, _, err := s.Customers.Notes(t.Context(), a.User)
		s.Must(err)
		a.effect = func(t *testing.T) error {
			now, _, err := s.Customers.Notes(t.Context(), a.User)
			s.Must(err)
			return is(len(now) == len(before)+1, now)
		}
	}
}

// act makes an action on the page of the user: form, plan, reason, result. It presses twice,
// reloads the result, goes back and presses again. Piano must change once.
func (p *person) act(t *testing.T, a act) {
	p = p.in(t)
	changes := len(p.piano.Changes())
	p.to("/care/user?id=" + url.QueryEscape(a.User) + "&tab=" + a.Tab)
	if !p.Form("/care/plan", a.button, append([]string{"kind", string(a.kind)}, a.Button...)...) {
		t.Fatalf("the page has no such button:\n%s", p.Text())
	}
	for name, values := range a.Entered {
		p.Fill(name, values[0])
	}
	p.Press()
	p.check(a.Entered.Has("text"))
	if n := len(p.piano.Changes()) - changes; n != 0 {
		t.Fatalf("the plan made %d changes", n)
	}
	if !p.Form("/care/execute", "") {
		t.Fatalf("the plan cannot be confirmed:\n%s", p.Text())
	}
	reason := "case " + a.name + " " + pianoapi.Attacks()[0]
	p.Fill("reason", reason)
	p.DoublePress()
	p.check(false)
	wantDone := func(when string) {
		t.Helper()
		heading := p.Heading()
		pending := a.kind == actions.ChangeTerm && strings.HasSuffix(heading, ": pending")
		if !pending && !strings.HasSuffix(heading, ": done") {
			t.Errorf("%s: %q:\n%s", when, heading, p.Text())
		}
	}
	wantDone("after two presses")
	p.Reload()
	p.check(false)
	wantDone("after a reload")
	p.Back()
	if p.Form("/care/execute", "") {
		p.Fill("reason", "again")
		p.Press()
		p.check(false)
	}
	done := p.piano.Changes()[changes:]
	if len(done) != 1 || done[0].Endpoint != a.endpoint {
		t.Fatalf("Piano has changed: %+v", done)
	}
	for name := range a.params {
		if got := done[0].Params.Get(name); got != a.params.Get(name) {
			t.Errorf("Piano has received %s=%q, want %q", name, got, a.params.Get(name))
		}
	}
	if err := a.effect(t); err != nil {
		t.Error(err)
	}
	var finals uint64
	var actor, logged, before, after string
	p.One(`SELECT count(), any(actor), any(reason), anyIf(before, before != ''), anyIf(after, after != '') FROM actions_log
WHERE step = 'final' AND outcome IN ('done', 'pending') AND action = '`+string(a.kind)+"' AND reason = '"+reason+"'", &finals, &actor, &logged, &before, &after)
	if finals == 0 || actor != p.name || after == "" || before == after {
		t.Errorf("actions_log: %d results by %q for %q, before %s, after %s", finals, actor, logged, before, after)
	}
}

// in is the person in a subtest.
func (p *person) in(t *testing.T) *person {
	tab := p.In(t)
	return &person{tab, &site{Fixture: p.Fixture.In(t), Finder: p.Finder, desk: p.desk, piano: p.piano, browser: p.browser, url: p.url, log: p.log}, p.name, p.group}
}

// grantList grants access to users who were selected and pasted, by id and by address.
func (p *person) grantList(t *testing.T) {
	p = p.in(t)
	users := p.Users(t, customer.Query{"has_payment": "true"})[:3]
	for _, u := range users {
		p.Use(u.UID)
	}
	resource, changes := p.Resource(t), len(p.piano.Changes())
	p.to("/care/grant")
	if !p.Form("/care/grant/plan", "") {
		t.Fatal("no form")
	}
	p.Fill("list", users[0].UID+", "+users[1].Email.Reveal()+"\n"+users[2].Email.Reveal())
	p.Fill("resource_id", resource)
	p.Fill("send_mail", "1")
	p.Fill("text", "Welcome, "+pianoapi.CanaryComment)
	p.Press()
	p.check(true)
	if !strings.Contains(p.Text(), "3 planned") || !p.Form("/care/grant/execute", "") {
		t.Fatalf("the plan:\n%s", p.Text())
	}
	p.Fill("reason", "case list")
	p.DoublePress()
	p.Reload()
	p.check(true)
	if !strings.Contains(p.Text(), "3 done") {
		t.Errorf("the result:\n%s", p.Text())
	}
	if done := p.piano.Changes()[changes:]; len(done) != 3 {
		t.Errorf("Piano has changed: %+v", done)
	}
	for _, u := range users {
		all, _, err := p.Customers.Accesses(t.Context(), u.UID)
		p.Must(err)
		if !slices.ContainsFunc(all, func(a customer.Access) bool { return a.ResourceID == resource && a.Granted && a.ExpiresAt == nil }) {
			t.Errorf("%s has no access", u.UID)
		}
	}
	var lines, jobs uint64
	p.One("SELECT uniqExactIf(action_id, step = 'final' AND outcome = 'done'), uniqExact(job) FROM actions_log WHERE reason = 'case list' AND actor = 'kari'", &lines, &jobs)
	if lines != 3 || jobs != 1 {
		t.Errorf("actions_log has %d lines of %d jobs", lines, jobs)
	}
}

// planLetters redrives or dismisses dead letters that it plants.
func (p *person) planLetters(t *testing.T, kind string) {
	p = p.in(t)
	topic, field := p.Topic, "event_name"
	if kind == "dismiss" {
		topic, field = "gone", "billing_period"
	}
	value := `{"subscription_id":"` + kind + `","event_timestamp":1750000000,"subscription_action":"Renewed"}`
	sent := time.UnixMilli(1_750_000_000_123)
	offset := p.Services.Kafka.EndOffset(p.Topic, 0)
	p.Produce(kafka.Record{Value: []byte(value), Time: sent})
	// Its texts are those of an attacker. They are as a transform may have written them.
	p.Exec(fmt.Sprintf(`INSERT INTO dead_letters (source, source_name, source_offset, reason, field, detail, payload, payload_sha256, message_time, decided_at, attempts)
		SELECT 'kafka', '%s', %d, 'missing_field', '%s', '<script>window.%s=1</script>', '{"x":"<img src=x onerror=window.%[4]s=1>"}', lower(hex(SHA256('%s'))), fromUnixTimestamp64Milli(toInt64(%d)), now64(3) - INTERVAL 1 SECOND, 1`,
		topic, offset, field, pianoapi.AttackMark, value, sent.UnixMilli()))
	p.to(fmt.Sprintf("/dead-letters/letter?at=%s/0/%d", topic, offset))
	p.to("/dead-letters?reason=missing_field&field=" + field)
	if !p.Form("/dead-letters/plans", fmt.Sprintf("button[value=%q]", kind)) {
		t.Fatalf("no form:\n%s", p.Text())
	}
	p.Press()
	plan := browser.Evaluate[string](p.Tab, "location.pathname")
	p.awaitPlan(plan, `form[action="`+plan+`"]`)
	if !p.Form(plan, "") {
		t.Fatalf("the plan cannot be confirmed:\n%s", p.Text())
	}
	p.Fill("why", "case "+kind)
	p.DoublePress()
	p.awaitPlan(plan, "")
	p.Reload()
	p.Back()
	p.awaitPlan(plan, "")
	p.check(false)
	var resolved, dismissed uint64
	p.One(fmt.Sprintf("SELECT countIf(resolved_at IS NOT NULL), countIf(dismissed_by = 'kari' AND dismissed_why = 'case dismiss') FROM dead_letters FINAL WHERE source_name = '%s' AND source_offset = %d", topic, offset), &resolved, &dismissed)
	if want := uint64(len(kind) - len("redrive")); resolved != 1 || (dismissed == 1) != (kind == "dismiss") {
		t.Errorf("%d resolved, %d dismissed, want %d:\n%s", resolved, dismissed, want, p.Text())
	}
	if kind == "redrive" {
		var stored uint64
		p.One("SELECT count() FROM piano_subscriber_event_stream WHERE subscription_id = 'redrive'", &stored)
		if stored != 1 {
			t.Errorf("%d events are stored", stored)
		}
	}
	if n := strings.Count(p.log.String(), `"why":"case `+kind+`"`); n > 1 {
		t.Errorf("the plan was confirmed %d times", n)
	}
}

// awaitPlan looks at a plan until it has an element, or until its work is done.
func (p *person) awaitPlan(plan, element string) {
	p.Helper()
	p.Must(testbed.Await(p.Fixture.Context(), "the plan", func() (bool, error) {
		p.Navigate(p.url + plan)
		if element != "" {
			return browser.Evaluate[bool](p.Tab, "document.querySelector("+fmt.Sprintf("%q", element)+") !== null"), nil
		}
		text := p.Text()
		return strings.Contains(text, "remain open"), nil
	}))
}

// cancelJob cancels a job that another process has left.
func (p *person) cancelJob(t *testing.T) {
	p = p.in(t)
	const job = "20261130t120000-0001"
	p.Exec("INSERT INTO replay_jobs (job_id, record, source, state, plan, rules, started_at, written_at) SELECT '" + job + "', 'progress', 'kafka', 'failed', '{}', '{}', now64(3), now64(3)")
	p.to("/jobs")
	p.to("/jobs/" + job)
	if !p.Form("/jobs/"+job+"/cancel", "") {
		t.Fatalf("no form:\n%s", p.Text())
	}
	p.Fill("why", "case job")
	p.DoublePress()
	p.check(false)
	p.Reload()
	var state string
	var records uint64
	p.One("SELECT argMax(state, written_at), countIf(state = 'canceled') FROM replay_jobs WHERE job_id = '"+job+"'", &state, &records)
	if state != "canceled" || records != 1 {
		t.Errorf("state %s, %d records", state, records)
	}
}

// showPersonal shows one tab of one user, once, and records it.
func (p *person) showPersonal(t *testing.T) {
	p = p.in(t)
	user := p.Case(t, actions.ReplyToInquiry).User
	page := "/care/user?id=" + url.QueryEscape(user) + "&tab=inquiries"
	p.to(page)
	if !p.Form("/care/user/show", "") {
		t.Fatal("no form")
	}
	p.Press()
	p.check(true)
	if found := pianoapi.FindCanaries([]byte(p.Text())); !slices.Contains(found, pianoapi.CanaryInquiry) || !slices.Contains(found, pianoapi.CanaryFirst) {
		t.Errorf("shown: %q", found)
	}
	p.to(page) // hidden again
	var rows uint64
	p.One("SELECT count() FROM actions_log WHERE action = 'show_personal' AND actor = 'kari' AND user_id = '"+user+"'", &rows)
	if rows != 1 {
		t.Errorf("%d rows say who saw it", rows)
	}
}
