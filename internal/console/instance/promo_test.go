package instance_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed/browser"
)

// promoAct is a change of the pages of promo codes, with what must be true afterwards.
type promoAct struct {
	name, page, form string
	entered          map[string]string
	action           string   // in actions_log
	endpoints        []string // that Piano must have changed by, in their order
	effect           func(p *person) error
}

// promoCodes is the work of marketing: a promotion with codes, a segment, an experiment, and
// a read of its outcome. The name of the promotion is a script.
func (p *person) promoCodes(t *testing.T) {
	promotions := promotion.Promotions{API: p.API, Log: zap.NewNop()}
	name := "Sale " + pianoapi.Attacks()[0]
	var made promotion.Promotion
	p.planned(t, promoAct{
		name: "create", page: "/promo/promotions/new", form: "/promo/promotions/new", action: "promo_create", endpoints: []string{"/publisher/promotion/create"},
		entered: map[string]string{"name": name, "percent": "25", "prefix": "DAY-"},
		effect: func(p *person) error {
			all, err := promotions.List(t.Context(), "all", "")
			i := slices.IndexFunc(all, func(one promotion.Promotion) bool { return one.Name == name })
			if i < 0 || all[i].Percentage.String() != "25" {
				return fmt.Errorf("%+v, %w", all, err)
			}
			made = all[i]
			return nil
		},
	})
	one := "/promo/promotion?id=" + made.ID
	has := func(codes int) func(*person) error {
		return func(*person) error {
			counts, err := promotions.Counts(t.Context(), made.ID)
			if counts[promotion.Active] != codes {
				err = fmt.Errorf("the promotion has the codes %v, %w", counts, err)
			}
			return err
		}
	}
	rows := func(want uint64, query string) func(*person) error {
		return func(p *person) error {
			var got uint64
			p.One(query, &got)
			if got != want {
				return fmt.Errorf("%d rows, want %d: %s", got, want, query)
			}
			return nil
		}
	}
	for _, a := range []promoAct{
		{name: "generate", page: one, form: "/promo/promotion/generate", action: "promo_generate", entered: map[string]string{"amount": "3"}, endpoints: []string{"/publisher/promotion/generate"}, effect: has(3)},
		{name: "add", page: one, form: "/promo/promotion/code", action: "promo_code", entered: map[string]string{"code": "DAY-ONE"}, endpoints: []string{"/publisher/promotion/code/create"}, effect: has(4)},
		{name: "materialise", page: "/promo/segment?name=ended&p_days=3650", form: "/promo/segment/materialise", action: "promo_segment",
			effect: rows(1, "SELECT count() FROM segment_runs FINAL WHERE state = 'complete' AND users > 0")},
		{name: "experiment", page: "/promo/experiments/new", form: "/promo/experiments/new", action: "promo_experiment", entered: map[string]string{
			"id": "spring", "segment": "ended?days=3650", "arm_name_0": "control", "arm_weight_0": "1", "arm_name_1": "sale", "arm_weight_1": "1", "arm_promotion_1": made.ID,
			"baseline": "0.1", "target": "0.9", "conversion_days": "14", "renewal_days": "60", "alpha": "0.05", "power": "0.8",
		}, effect: rows(1, "SELECT count() FROM experiments FINAL WHERE experiment_id = 'spring'")},
		{name: "assign", page: "/promo/experiment?id=spring", form: "/promo/experiment/assign", action: "promo_assign",
			effect: rows(2, "SELECT uniqExact(arm) FROM experiment_assignments FINAL WHERE experiment_id = 'spring'")},
		{name: "read", page: "/promo/conversion", form: "/promo/conversion/read", action: "promo_sync",
			effect: rows(1, "SELECT count() FROM promo_conversions FINAL WHERE conversion_id = ''")},
	} {
		p.planned(t, a)
	}
	t.Run("show", func(t *testing.T) { p.showCodes(t, one) })
	for _, page := range []string{"/promo/promotions", one, "/promo/segments", "/promo/experiments", "/promo/experiment?id=spring", "/promo/conversion", "/promo/checkout?promotion=" + made.ID} {
		p.in(t).to(page)
	}
}

// planned makes a change as act does: two presses, a reload, back and another press change
// once.
func (p *person) planned(t *testing.T, a promoAct) {
	t.Helper()
	t.Run(a.name, func(t *testing.T) {
		p := p.in(t)
		changes := len(p.piano.Changes())
		p.to(a.page)
		if !p.Form(a.form, "") {
			t.Fatalf("no form:\n%s", p.Text())
		}
		for _, name := range slices.Sorted(maps.Keys(a.entered)) {
			p.Clear(name)
			p.Fill(name, a.entered[name])
		}
		p.Press()
		p.check(false)
		plan := browser.Evaluate[string](p.Tab, "location.pathname")
		p.awaitPlan(plan, `form[action="`+plan+`"]`)
		if n := len(p.piano.Changes()) - changes; n != 0 {
			t.Fatalf("the plan made %d changes", n)
		}
		if !p.Form(plan, "") {
			t.Fatalf("the plan cannot be confirmed:\n%s", p.Text())
		}
		reason := "promo " + a.name + " " + pianoapi.Attacks()[0]
		p.Fill("why", reason)
		p.DoublePress()
		p.awaitPlan(plan, ".mark.good")
		p.check(false)
		p.Reload()
		p.Back()
		if p.Form(plan, "") {
			p.Fill("why", "again")
			p.Press()
		}
		p.awaitPlan(plan, ".mark.good")
		p.check(false)
		var endpoints []string
		for _, one := range p.piano.Changes()[changes:] {
			endpoints = append(endpoints, one.Endpoint)
		}
		if !slices.Equal(endpoints, a.endpoints) {
			t.Errorf("Piano has changed by %q, want %q", endpoints, a.endpoints)
		}
		if err := a.effect(p); err != nil {
			t.Error(err)
		}
		var finals uint64
		p.One("SELECT count() FROM actions_log WHERE step = 'final' AND outcome = 'done' AND actor = 'kari' AND action = '"+a.action+"' AND reason = '"+reason+"'", &finals)
		if finals != 1 {
			var logged string
			p.One("SELECT toString(groupArray((step, outcome, actor, action, reason))) FROM actions_log WHERE action LIKE 'promo%'", &logged)
			t.Errorf("actions_log has %d results: %s", finals, logged)
		}
	})
}

// showCodes shows the texts of unused codes, once, and records it.
func (p *person) showCodes(t *testing.T, page string) {
	p = p.in(t)
	p.to(page)
	if text := p.Text(); strings.Contains(text, "DAY-ONE") {
		t.Error("a code that nobody has used is not masked")
	}
	if !p.Form("/promo/promotion/codes", "") {
		t.Fatal("no form")
	}
	p.Fill("why", "promo show")
	p.Press()
	p.check(false)
	if text := p.Text(); !strings.Contains(text, "DAY-ONE") {
		t.Errorf("the code is not shown:\n%s", text)
	}
	p.to(page)
	if text := p.Text(); strings.Contains(text, "DAY-ONE") {
		t.Error("the code is still shown")
	}
	if decoded, err := url.QueryUnescape(strings.Join(p.Requests(), "\n")); err != nil || strings.Contains(decoded, "DAY-ONE") || strings.Contains(p.log.String(), "DAY-ONE") {
		t.Errorf("the code is in an address or in the log, %v", err)
	}
	var shown uint64
	p.One("SELECT count() FROM actions_log WHERE action = 'promo_show_codes' AND actor = 'kari' AND reason = 'promo show'", &shown)
	if shown != 1 {
		t.Errorf("%d rows say who saw the codes", shown)
	}
}
