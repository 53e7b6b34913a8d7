package conversion_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/promo/conversion"
	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

func TestReport(t *testing.T) {
	tier.Full(t, "fills a database")
	w := newWorld(t)
	if _, err := w.reader.Report(t.Context()); !errors.Is(err, segment.ErrNoState) {
		t.Errorf("without a state: %v", err)
	}
	w.computed("2026-06-01 00:00:00")
	// PR1 discounts one period; it was two until March. PR2 has generated codes for three
	// periods, PR3 for all.
	w.rule("PR1", "SPRING", "", "2", "2026-01-01")
	w.rule("PR1", "SPRING", "", "1", "2026-03-01")
	w.rule("PR2", "", "WIN-", "3", "2026-01-01")
	w.rule("PR3", "ALWAYS", "", "NULL", "2026-01-01")

	// PR1: renewed at the full price; ended at the step-up; cancelled in the first period; not
	// due yet; of the older version, so due after two periods.
	w.subscription("A1", "2026-03-05=50 2026-04-05=100 2026-05-05=100")
	w.converted("A1", "PR1", "SPRING", "used", "2026-03-05", "100", "50")
	w.synced()
	w.subscription("A2", "2026-03-05=50", ended("2026-04-05", "auto_renew_off")...)
	w.converted("A2", "PR1", "SPRING", "used", "2026-03-05", "100", "50")
	w.subscription("A3", "2026-03-05=50 2026-03-08=-50", ended("2026-03-08", "cancelled")...)
	w.converted("A3", "PR1", "SPRING", "used", "2026-03-05")
	w.subscription("A4", "2026-05-20=50")
	w.converted("A4", "PR1", "SPRING", "used", "2026-05-20", "100", "50")
	w.subscription("A5", "2026-02-01=50 2026-03-01=50 2026-04-01=100")
	w.converted("A5", "PR1", "SPRING", "used", "2026-02-01", "100", "50")
	// Only the file has the code; a trial is reserved, or released; one changed its plan in the
	// discounted period, and pays the full price of the other plan.
	w.subscription("A6", "2026-04-01=50 2026-05-01=100")
	w.subscription("A7", "", "had_trial = true", "trial_open = true")
	w.converted("A7", "PR1", "", "reserved_for_free_trial", "2026-05-25")
	w.subscription("A8", "", append(ended("2026-05-01", "trial_not_converted"), "had_trial = true")...)
	w.subscription("A9", "2026-03-10=50", append(ended("2026-04-10", "plan_change"), "change_to_subscription_id = 'A10'")...)
	w.converted("A9", "PR1", "SPRING", "used", "2026-03-10", "100", "50")
	w.subscription("A10", "2026-04-10=200 2026-05-10=200", "regular_price = 200")
	w.traits("A6", " spring", "A8", "Spring", "B2", "win-xyz", "D1", "UNKNOWN", "E1", "")
	// Other currency, other promotions.
	w.subscription("A11", "2026-03-05=5 2026-04-05=10", "currency = 'EUR'", "regular_price = 10")
	w.converted("A11", "PR1", "SPRING", "used", "2026-03-05", "10", "5")
	w.subscription("B1", "2026-01-05=50 2026-02-05=50 2026-03-05=50 2026-04-05=100")
	w.converted("B1", "PR2", "WIN-1", "used", "2026-01-05")
	w.subscription("B2", "2026-01-05=50 2026-02-05=50", ended("2026-03-05", "auto_renew_off")...)
	w.subscription("C1", "2026-01-05=50 2026-02-05=50")
	w.converted("C1", "PR3", "ALWAYS", "used", "2026-01-05")
	w.subscription("D1", "2026-04-01=60 2026-05-01=60")
	// A payment that has not come.
	w.subscription("B3", "")
	w.converted("B3", "PR2", "", "reserved_for_delayed_payment", "2026-05-25")
	// Full price: one stays, one leaves; one that began below the list price does not count.
	w.subscription("E1", "2026-01-01=100 2026-02-01=100")
	w.subscription("E2", "2026-01-01=100", ended("2026-03-15", "cancelled")...)
	w.subscription("E3", "2026-01-01=10")

	r, err := w.reader.Report(t.Context())
	w.must(err)
	got := map[string]conversion.Promotion{}
	for _, p := range r.Promotions {
		key := p.ID + p.Code + p.Prefix + " " + p.Currency
		if _, twice := got[key]; twice {
			t.Errorf("%s is there twice", key)
		}
		got[key] = p
	}
	// lives = with a code of Piano + of the file; redeemed/reserved/released; due/not yet/never;
	// first discounts by Piano, their sum; refunds, lives with one
	for key, want := range map[string]string{
		// A1 to A6 and A9 redeemed; A7 reserved; A8 released. Due: A1 A2 A3 A5 A6 A9. Full
		// price: A1 A5 A6 A9. A3 did not reach the step-up, and A2 was lost there.
		"PR1SPRING NOK": "lives 9=7+2 redeemed 7/1/1 due 6/1/0 full 4 of 5 lost 1 first 5,350 refunds 50,1",
		"PR1SPRING EUR": "lives 1=1+0 redeemed 1/0/0 due 1/0/0 full 1 of 1 lost 0 first 1,5 refunds 0,0",
		"PR2WIN- NOK":   "lives 3=2+1 redeemed 2/1/0 due 2/0/0 full 1 of 1 lost 0 first 0,100 refunds 0,0",
		"PR3ALWAYS NOK": "lives 1=1+0 redeemed 1/0/0 due 0/0/1 full 0 of 0 lost 0 first 0,50 refunds 0,0",
		"UNKNOWN NOK":   "lives 1=0+1 redeemed 1/0/0 due 1/0/0 full 0 of 1 lost 1 first 0,40 refunds 0,0",
	} {
		p := got[key]
		said := fmt.Sprintf("lives %d=%d+%d redeemed %d/%d/%d due %d/%d/%d full %d of %d lost %d first %d,%g refunds %g,%d",
			p.Lives, p.InPiano, p.InTraits, p.Redeemed, p.Reserved, p.Released, p.Due, p.NotYetDue, p.WithoutStepUp, p.FullPrice, p.Reached, p.Lost, p.DiscountKnown, p.FirstDiscount, p.Refunded, p.WithRefund)
		if said != want {
			t.Errorf("%s\n got %s\nwant %s", key, said, want)
		}
		delete(got, key)
	}
	if len(got) > 0 {
		t.Errorf("more rows: %v", got)
	}
	spring := r.Promotions[0]
	// A discount of 50 seven times, and a second one of A5. After a month A2 and A3 are gone,
	// and A4 is too young; A9 is followed to its other plan. Only A5 is three months old.
	if spring.Discount != 400 || *spring.Rate != 4./6 || *spring.StepUpLoss != 1./5 || spring.RuleKnown != true {
		t.Errorf("%+v", spring)
	}
	if m := spring.Retention; m[0].Due != 6 || m[0].Alive != 4 || m[1].Due != 1 || m[1].Alive != 1 || m[2].Rate != nil {
		t.Errorf("%+v", m)
	}
	if r.CodesRead == nil || r.TraitsAsOf == nil || len(r.FullPrice) != 1 || r.FullPrice[0].Lives != 2 {
		t.Fatalf("%+v", r)
	}
	if m := r.FullPrice[0].Retention; m[0].Due != 2 || m[0].Alive != 2 || m[1].Due != 2 || m[1].Alive != 1 || m[2].Due != 0 {
		t.Errorf("%+v", m)
	}

	// The queries of pages have the same figures, and a time.
	ctx := func(from string) context.Context {
		return clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{"from": from + " 00:00:00", "to": "2026-06-01 00:00:00", "months": "[1,3]"}))
	}
	const shown = "SELECT concat(promotion_id, ' ', currency, ' ', toString(redeemed), ' ', toString(full_price), '/', toString(due), ' ', ifNull(toString(conversion_percent), '-'), ' ', toString(discount_given)) FROM ("
	if got, want := w.rowsOf(ctx("2026-01-01"), shown+w.reader.Queries().Promotions+") WHERE promotion_id = 'PR1' ORDER BY currency"), []string{"PR1 EUR 1 1/1 100 5", "PR1 NOK 7 4/6 66.7 400"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := w.rowsOf(ctx("2026-04-15"), shown+w.reader.Queries().Promotions+")"), []string{"PR1 NOK 1 0/0 - 50", "PR2 NOK 0 0/0 - 0"}; !slices.Equal(got, want) {
		t.Errorf("since 15 April got %q, want %q", got, want)
	}
	// By month: with a code all promotions together, beside the full price.
	if got, want := w.rowsOf(ctx("2026-01-01"), "SELECT concat(currency, ' ', toString(month), ' ', toString(alive_with_code), '/', toString(due_with_code), ' ', toString(alive_full_price), '/', toString(due_full_price)) FROM ("+w.reader.Queries().Retention+") WHERE currency = 'NOK'"),
		[]string{"NOK 1 8/10 2/2", "NOK 3 3/4 1/2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
