package reconcile

import (
	"strings"
	"testing"
)

func TestParsePlan(t *testing.T) {
	for _, c := range []struct {
		text string
		want Plan
		says string // the period as the snapshot has it
	}{
		{"[19.99 USD|1 month|*]", Plan{Period{1, 0}, "19.99", "USD", 1}, "1 month"},
		{"[1 USD|1 month|1][119.99 USD|12 months|*]", Plan{Period{12, 0}, "119.99", "USD", 2}, "1 year"},
		{"[119.99 USD|12 months|1]", Plan{Period{12, 0}, "119.99", "USD", 1}, "1 year"},
		{"[0 DKK|14 days|1] [99 DKK|month|*]", Plan{Period{1, 0}, "99", "DKK", 2}, "1 month"},
		{"[5 EUR|week|*][9 EUR|month|1]", Plan{Period{0, 7}, "5", "EUR", 2}, "1 week"},
		{"[5 EUR|2 weeks|3][7 EUR|2 weeks|1]", Plan{Period{0, 14}, "7", "EUR", 2}, "2 weeks"},
		{"[5 EUR|10 days|*]", Plan{Period{0, 10}, "5", "EUR", 1}, "10 days"},
		{"$119.99 per year", Plan{Period{12, 0}, "119.99", "", 0}, "1 year"},
		{"$9 per 3 months", Plan{Period{3, 0}, "9", "", 0}, "3 months"},
		{"one payment of $99.99", Plan{Price: "99.99"}, ""},
		{"every 3 months", Plan{Period: Period{3, 0}}, "3 months"},
		{"every month", Plan{Period: Period{1, 0}}, "1 month"},
		{"1 month", Plan{Period: Period{1, 0}}, "1 month"},
		{"2 years", Plan{Period: Period{24, 0}}, "2 years"},
		{" ", Plan{}, ""},
	} {
		got, ok := ParsePlan(c.text)
		if !ok || got != c.want || got.Period.String() != c.says {
			t.Errorf("%q: got %+v (%s), %v; want %+v (%s)", c.text, got, got.Period, ok, c.want, c.says)
		}
	}
	for _, text := range []string{
		"free", "[19.99 usd|1 month|*]", "[19.99 USD|1 moon|*]", "[USD|1 month|*]", "[-1 USD|1 month|*]", "[19.99 USD|1 month]",
		"[19.99 USD|1 month|*] and more", "[1.5.2 USD|1 month|*]", "$9 a month", "[]", "[19.99 USD|99999 months|*]", strings.Repeat("[", 9999),
	} {
		if got, ok := ParsePlan(text); ok {
			t.Errorf("%.40q: got %+v, want unknown", text, got)
		}
	}
}

func FuzzParsePlan(f *testing.F) {
	f.Add("[1 USD|1 month|1][119.99 USD|12 months|*]")
	f.Add("$9 per 3 months")
	f.Fuzz(func(t *testing.T, text string) {
		plan, ok := ParsePlan(text)
		if !ok && plan != (Plan{}) {
			t.Errorf("%q is unknown and says %+v", text, plan)
		}
		if again, ok := ParsePlan(plan.Period.String()); !ok || again.Period != plan.Period {
			t.Errorf("%q: the period %q is read as %+v", text, plan.Period, again.Period)
		}
	})
}
