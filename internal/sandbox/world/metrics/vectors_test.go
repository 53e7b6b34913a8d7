package metrics_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world/metrics"
	"github.com/pianola/pianola/schemas"
)

// vectors are small lives with figures that were checked by hand.
type vectors struct {
	Lives []struct {
		ID       string `json:"id"`
		Messages []struct {
			ID       string     `json:"subscription_id"`
			User     string     `json:"user_id"`
			At       time.Time  `json:"event_timestamp"`
			Action   string     `json:"subscription_action"`
			Term     string     `json:"term_type"`
			Period   string     `json:"billing_period"`
			Next     *time.Time `json:"next_billed_at"`
			TrialEnd *time.Time `json:"trial_period_ended_at"`
			Value    *float64   `json:"transaction_value"`
			To       string     `json:"upgrade_to_subscription_id"`
		} `json:"messages"`
		MonthEnds map[string]string `json:"mrr_month_ends"`
		Movements []struct {
			Month, Movement, Amount string
		} `json:"mrr_movements"`
	} `json:"lives"`
	Closing map[string]string `json:"closing_mrr_of_all"`
}

func readVectors(t *testing.T) (v vectors, lives [][]metrics.Subscription) {
	t.Helper()
	text, err := os.ReadFile("../testdata/lives.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	optional := func(at *time.Time) schemas.NullMillis {
		if at == nil {
			return schemas.NullMillis{}
		}
		return schemas.NullMillis{Millis: schemas.Millis(at.UnixMilli()), Valid: true}
	}
	for _, l := range v.Lives {
		var subs []metrics.Subscription
		for _, m := range l.Messages {
			i := slices.IndexFunc(subs, func(s metrics.Subscription) bool { return s.ID == m.ID })
			if i < 0 {
				i = len(subs)
				subs = append(subs, metrics.Subscription{ID: m.ID})
			}
			e := metrics.Event{
				At: schemas.Millis(m.At.UnixMilli()), UserID: m.User, Action: m.Action, NextBilledAt: optional(m.Next), TrialEndsAt: optional(m.TrialEnd),
				TermType: m.Term, Period: m.Period, ChangeTo: m.To,
			}
			if m.Value != nil {
				e.Value = schemas.NullDecimal4{Decimal4: schemas.Decimal4(*m.Value * 10_000), Valid: true}
			}
			subs[i].Events = append(subs[i].Events, e)
		}
		lives = append(lives, subs)
	}
	return v, lives
}

func TestVectors_month_ends_and_movements(t *testing.T) {
	v, lives := readVectors(t)
	asOf, checked := instant(t, "07-01"), 0
	for i, l := range v.Lives {
		t.Run(l.ID, func(t *testing.T) {
			tables := compute(t, metrics.Input{Subscriptions: lives[i], AsOf: asOf})
			have := map[string]string{}
			for _, r := range tables.MRR {
				have[r.Month] = money(r.Closing)
			}
			for month, want := range l.MonthEnds {
				checked++
				if got, ok := have[month]; got != want && (ok || want != "0") { // none before the first event
					t.Errorf("%s closes with %s, not %s", month, got, want)
				}
			}
			var got, want []string
			for _, m := range tables.Movements {
				got = append(got, fmt.Sprintf("%s %s %s", m.Month, m.Kind, money(m.Amount)))
			}
			for _, m := range l.Movements {
				want = append(want, fmt.Sprintf("%s %s %s", m.Month, m.Movement, m.Amount))
			}
			if !slices.Equal(got, want) {
				t.Errorf("movements are %q, not %q", got, want)
			}
		})
	}
	if checked != 12*6 {
		t.Errorf("%d month ends checked, the vectors have 72", checked)
	}
}

func TestVectors_closing_of_all(t *testing.T) {
	_, lives := readVectors(t)
	tables := compute(t, metrics.Input{Subscriptions: slices.Concat(lives...), AsOf: instant(t, "07-01")})
	if got, want := closings(tables), "94 109 97 85 75 75"; got != want {
		t.Errorf("the closings are %s, not %s", got, want)
	}
	var months []string
	for _, r := range tables.MRR {
		months = append(months, r.Month)
		if !r.Complete {
			t.Errorf("%s is not complete", r.Month)
		}
	}
	if got, want := strings.Join(months, " "), "2026-01 2026-02 2026-03 2026-04 2026-05 2026-06"; got != want {
		t.Errorf("the months are %s, not %s", got, want)
	}
}
