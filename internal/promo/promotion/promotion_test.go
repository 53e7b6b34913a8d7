package promotion_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/promo/promotion"
)

func half() *promotion.New {
	percent, periods := decimal.New(50, 0), uint32(3)
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	return &promotion.New{Promotion: promotion.Promotion{Name: "Spring", Prefix: "SPRING-", Discount: promotion.Percentage, Percentage: &percent, Periods: &periods,
		Scope: "all", NeverZero: true, OnRenewal: true, StartsAt: &at}}
}

func fixed() *promotion.New {
	uses := uint64(500)
	return &promotion.New{
		Promotion: promotion.Promotion{Name: "Krone", FixedCode: "KRONE-SECRET", Discount: promotion.Fixed, UsesAllowed: &uses, Scope: "include",
			Amounts: []promotion.Amount{{Currency: "NOK", Amount: decimal.New(50, 0)}, {Currency: "DKK", Amount: decimal.New(355, -1)}}},
		Terms: []string{"TM1", "TM2"},
	}
}

func TestCreate(t *testing.T) {
	for name, c := range map[string]struct {
		new         func() *promotion.New
		bend        func(*env)
		outcome     promotion.Outcome
		why         string
		differences string
		steps       string
		created     int
	}{
		"percentage":    {new: half, outcome: promotion.Done, why: "read back", steps: "asked, answered done, final done", created: 1},
		"fixed amounts": {new: fixed, outcome: promotion.Done, steps: "asked, answered done, asked, answered done, asked, answered done, asked, answered done, asked, answered done, final done", created: 1},
		// A public client once sent one flag in place of another. Piano says done.
		"a dropped parameter": {new: half, bend: func(e *env) { e.drop["billing_period_limit"] = true }, outcome: promotion.Differs, differences: "discounted_periods 3 1",
			why: "otherwise than asked for", steps: "asked, answered done, final differs", created: 1},
		"two dropped parameters": {new: half, bend: func(e *env) { e.drop["never_allow_zero"], e.drop["start_date"] = true, true }, outcome: promotion.Differs,
			differences: "never_zero true false, starts_at 2026-06-01T00:00:00Z none", steps: "asked, answered done, final differs", created: 1},
		"refused": {new: half, bend: func(e *env) { e.refuse["create"] = 3004 }, outcome: promotion.Refused, why: "code 3004", steps: "asked, answered refused, final refused"},
		"the answer is lost": {new: half, bend: func(e *env) { e.lose["create"] = true }, outcome: promotion.Unknown, why: "promotion PR1 has this name now",
			steps: "asked, unknown unknown, final unknown", created: 1},
		"the request is lost": {new: half, bend: func(e *env) { e.broken["create"] = true }, outcome: promotion.Unknown, why: "has no such promotion now",
			steps: "asked, unknown unknown, final unknown"},
		"an amount is refused": {new: fixed, bend: func(e *env) { e.refuse["fixedDiscount/add"] = 3013 }, outcome: promotion.Failed, why: "complete it in Piano",
			differences: "fixed_discounts 35.5 DKK, 50 NOK , terms TM1 not listed, terms TM2 not listed", steps: "asked, answered done, asked, answered refused, final failed", created: 1},
		"no log":       {new: half, bend: func(e *env) { e.deaf = "asked" }, outcome: promotion.Failed, why: "nothing was created", steps: "final failed"},
		"no later log": {new: half, bend: func(e *env) { e.deaf = "answered" }, outcome: promotion.Done, steps: "asked, final done", created: 1},
	} {
		t.Run(name, func(t *testing.T) {
			e, n := setUp(t), c.new()
			if err := n.Validate(); err != nil {
				t.Fatal(err)
			}
			if c.bend != nil {
				c.bend(e)
			}
			plan, err := e.promotions.Create(t.Context(), n, nil)
			if err != nil || plan.Outcome != promotion.Planned || e.times("create") != 0 {
				t.Fatalf("plan %+v, %v", plan, err)
			}
			r, err := e.promotions.Create(t.Context(), n, e.record)
			if r == nil {
				t.Fatal(err)
			}
			var differences []string
			for _, d := range r.Differences {
				differences = append(differences, d.Field+" "+d.Want+" "+d.Got)
			}
			failed := c.outcome == promotion.Failed || c.outcome == promotion.Unknown || c.steps == "asked, final done"
			if r.Outcome != c.outcome || !strings.Contains(r.Why, c.why) || e.stepWords() != c.steps || len(e.fake.promotions) != c.created || (err != nil) != failed {
				t.Errorf("%s (%s), %v\nsteps %s\n%d created", r.Outcome, r.Why, err, e.stepWords(), len(e.fake.promotions))
			}
			if got := strings.Join(differences, ", "); c.outcome != promotion.Unknown && got != c.differences {
				t.Errorf("differences %q, want %q", got, c.differences)
			}
			if e.times("create") > 1 {
				t.Error("created twice")
			}
			e.leaks(r, err)
			// A repetition finds what is there, and creates no second one.
			e.lose, e.refuse, e.broken, e.deaf = map[string]bool{}, map[string]int{}, map[string]bool{}, ""
			again, err := e.promotions.Create(t.Context(), n, e.record)
			if c.created > 0 && (err != nil || again.Outcome != promotion.Refused || len(e.fake.promotions) != 1) {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}

func TestNew_Validate(t *testing.T) {
	for want, change := range map[string]func(*promotion.New){
		"name: want 1 to 200":                     func(n *promotion.New) { n.Name = " " },
		"name: contains an e-mail address":        func(n *promotion.New) { n.Name = "for kari@example.com" },
		"give either a fixed code or a prefix":    func(n *promotion.New) { n.FixedCode = "X" },
		"prefix: want 1 to 100":                   func(n *promotion.New) { n.Prefix = "a b" },
		"percentage: want a number above 0":       func(n *promotion.New) { d := decimal.New(1001, -1); n.Percentage = &d },
		"amounts: only a fixed discount":          func(n *promotion.New) { n.Amounts = fixed().Amounts },
		"discount: want percentage or fixed":      func(n *promotion.New) { n.Discount = "" },
		"terms: want terms with the scopes":       func(n *promotion.New) { n.Scope = "include" },
		"scope: want one of all":                  func(n *promotion.New) { n.Scope = "none" },
		"end: is not after the start":             func(n *promotion.New) { n.EndsAt = n.StartsAt },
		"periods: want 1 to 1200 billing periods": func(n *promotion.New) { zero := uint32(0); n.Periods = &zero },
	} {
		n := half()
		change(n)
		if err := n.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "kari") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestGenerate(t *testing.T) {
	for name, c := range map[string]struct {
		bend    func(*env)
		outcome promotion.Outcome
		why     string
		codes   int
	}{
		"all":                {outcome: promotion.Done, why: "7 codes were generated", codes: 9},
		"too few":            {bend: func(e *env) { e.drop["amount"] = true }, outcome: promotion.Differs, codes: 3},
		"the answer is lost": {bend: func(e *env) { e.lose["generate"] = true }, outcome: promotion.Unknown, why: "there are 7 new codes now", codes: 9},
		"refused":            {bend: func(e *env) { e.refuse["generate"] = 3005 }, outcome: promotion.Refused, why: "code 3005", codes: 2},
		"a fixed code":       {bend: func(e *env) { e.fake.promotions[0]["fixed_promotion_code"] = "X" }, outcome: promotion.Refused, why: "one fixed code for all", codes: 2},
	} {
		t.Run(name, func(t *testing.T) {
			e := setUp(t)
			e.fake.promotions = []object{{"promotion_id": "PR1", "name": "Spring", "discount_type": "percentage"}}
			e.addCode("PR1", "SPRING-old1")
			e.addCode("PR1", "SPRING-old2")
			if c.bend != nil {
				c.bend(e)
			}
			if plan, err := e.promotions.Generate(t.Context(), promotion.Batch{PromotionID: "PR1", Prefix: "SPRING-", Amount: 7}, nil); err != nil || plan.Outcome != promotion.Planned && plan.Outcome != promotion.Refused || len(e.codes["PR1"]) != 2 {
				t.Fatalf("plan %+v, %v", plan, err)
			}
			r, err := e.promotions.Generate(t.Context(), promotion.Batch{PromotionID: "PR1", Prefix: "SPRING-", Amount: 7}, e.record)
			if r == nil {
				t.Fatal(err)
			}
			if r.Outcome != c.outcome || !strings.Contains(r.Why, c.why) || len(e.codes["PR1"]) != c.codes || e.times("generate") > 1 {
				t.Errorf("%+v, %v; %d codes", r, err, len(e.codes["PR1"]))
			}
			e.leaks(r, err, "SPRING-0", "SPRING-old")
			if name == "all" && (e.steps[0].Object != "promotion:PR1" || !strings.Contains(e.steps[0].Answer, `"amount":"7"`)) {
				t.Errorf("the log does not say what was asked for: %+v", e.steps[0])
			}
		})
	}
	e := setUp(t)
	// Somebody else has generated codes since the plan.
	e.fake.promotions = []object{{"promotion_id": "PR1", "name": "Spring", "discount_type": "percentage"}}
	e.addCode("PR1", "SPRING-old1")
	seen, sent := promotion.Count(nil), e.times("generate")
	if r, err := e.promotions.Generate(t.Context(), promotion.Batch{PromotionID: "PR1", Amount: 7, Seen: seen}, e.record); err != nil || r.Outcome != promotion.Refused || e.times("generate") != sent {
		t.Errorf("other codes than planned: %+v, %v", r, err)
	}
	if _, err := e.promotions.Generate(t.Context(), promotion.Batch{PromotionID: "nothing", Prefix: "", Amount: 1}, nil); !errors.Is(err, piano.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestAddCode(t *testing.T) {
	for name, c := range map[string]struct {
		code    string
		bend    func(*env)
		outcome promotion.Outcome
		why     string
	}{
		"new":                {code: "ONCE-SECRET", outcome: promotion.Done},
		"there":              {code: "taken-secret", outcome: promotion.Refused, why: "as PC1"},
		"not made":           {code: "ONCE-SECRET", bend: func(e *env) { e.drop["code"] = true }, outcome: promotion.Differs},
		"the answer is lost": {code: "ONCE-SECRET", bend: func(e *env) { e.lose["code/create"] = true }, outcome: promotion.Done},
		"refused":            {code: "ONCE-SECRET", bend: func(e *env) { e.refuse["code/create"] = 3005 }, outcome: promotion.Refused, why: "no uses left"},
	} {
		t.Run(name, func(t *testing.T) {
			e := setUp(t)
			e.fake.promotions = []object{{"promotion_id": "PR1", "name": "Spring", "discount_type": "percentage"}}
			e.addCode("PR1", "taken-secret")
			if c.bend != nil {
				c.bend(e)
			}
			r, err := e.promotions.AddCode(t.Context(), "PR1", c.code, e.record)
			if r == nil {
				t.Fatal(err)
			}
			if r.Outcome != c.outcome || !strings.Contains(r.Why, c.why) || e.times("code/create") > 1 {
				t.Errorf("%+v, %v", r, err)
			}
			e.leaks(r, err, "SECRET", "secret")
		})
	}
}

func TestCodes(t *testing.T) {
	e := setUp(t)
	states := []string{"active", "used", "reserved_for_free_trial", "reserved_for_delayed_payment", "used", "active", "active"}
	for i, state := range states {
		e.addCode("PR1", "CODE-0000"+string(rune('A'+i)))
		c := e.codes["PR1"][i]
		c["state_value"], c["state"] = state, "Another label"
		if state == "used" {
			c["claimed_user"], c["claimed_date"] = object{"uid": "u1", "email": "canary@example.com", "first_name": "canary"}, "2026-05-01T00:00:00Z"
		}
	}
	all, err := e.promotions.Codes(t.Context(), "PR1", nil, "")
	if err != nil || len(all) != len(states) {
		t.Fatalf("%d codes, %v", len(all), err)
	}
	// Reserved is not redeemed.
	if counts := promotion.Count(all); counts[promotion.Used] != 2 || counts[promotion.Active] != 3 || counts[promotion.ReservedTrial] != 1 || counts[promotion.ReservedPayment] != 1 {
		t.Errorf("%v", counts)
	}
	if used := all[1]; used.UserID != "u1" || used.ClaimedAt == nil || !used.ForOne {
		t.Errorf("%+v", used)
	}
	for _, c := range all {
		if shown := c.Masked().Text; (shown == c.Text) != (c.State == promotion.Used) {
			t.Errorf("%s is shown as %s", c.State, shown)
		}
	}
	text, _ := json.Marshal(all)
	if strings.Contains(string(text), "canary") {
		t.Errorf("something personal is kept: %s", text)
	}
	if some, err := e.promotions.Codes(t.Context(), "PR1", []promotion.State{promotion.Used}, ""); err != nil || len(some) != 2 {
		t.Errorf("%d used, %v", len(some), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.promotions.Codes(ctx, "PR1", nil, ""); err == nil {
		t.Error("a cancelled read has an answer")
	}
}
