package metrics_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world/metrics"
	"github.com/pianola/pianola/schemas"
)

// actionNames are the short names of actions in the lives of tests.
var actionNames = map[string]string{"auto-off": schemas.AutoRenewDisabled, "auto-on": schemas.AutoRenewEnabled}

// parse reads lives of a test, one event or snapshot a line:
//
//	A u1 01-10 Created value=12 period=1_month next=02-10
//	snapshot A price=12 currency=EUR
//
// Dates are of 2026 and in UTC, and a hyphen is an absent user. A term of payment and a
// period of one month are the default, and a hyphen is absent.
func parse(t testing.TB, text, asOf string) metrics.Input {
	t.Helper()
	in := metrics.Input{AsOf: instant(t, asOf)}
	index := map[string]int{}
	sub := func(id string) *metrics.Subscription {
		i, ok := index[id]
		if !ok {
			i = len(in.Subscriptions)
			index[id] = i
			in.Subscriptions = append(in.Subscriptions, metrics.Subscription{ID: id})
		}
		return &in.Subscriptions[i]
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if words[0] == "snapshot" {
			s := sub(words[1])
			for _, w := range words[2:] {
				setSnapshot(t, s, w)
			}
			continue
		}
		if len(words) < 4 {
			t.Fatalf("%q has no action", line)
		}
		e := metrics.Event{
			At: instant(t, words[2]), Action: cmp.Or(actionNames[words[3]], words[3]), UserID: strings.TrimPrefix(words[1], "-"),
			TermType: "payment", Period: "1 month",
		}
		for _, w := range words[4:] {
			setField(t, &e, w)
		}
		s := sub(words[0])
		s.Events = append(s.Events, e)
	}
	return in
}

func setField(t testing.TB, e *metrics.Event, word string) {
	t.Helper()
	key, value, _ := strings.Cut(word, "=")
	value = strings.ReplaceAll(value, "_", " ")
	if value == "-" {
		value = ""
	}
	switch key {
	case "value":
		e.Value = schemas.NullDecimal4{Decimal4: amount(t, value), Valid: true}
	case "period":
		e.Period = value
	case "term":
		e.TermType = value
	case "next":
		e.NextBilledAt = schemas.NullMillis{Millis: instant(t, value), Valid: true}
	case "trial":
		e.TrialEndsAt = schemas.NullMillis{Millis: instant(t, value), Valid: true}
	case "to":
		e.ChangeTo = value
	case "name":
		e.TermName = value
	case "resource":
		e.Resource = value
	case "country":
		e.Country = value
	case "experience":
		e.Experience = value
	default:
		t.Fatalf("unknown field %q", word)
	}
}

func setSnapshot(t testing.TB, s *metrics.Subscription, word string) {
	t.Helper()
	key, value, _ := strings.Cut(word, "=")
	value = strings.ReplaceAll(value, "_", " ")
	switch key {
	case "price":
		s.Snapshot.Price = schemas.NullDecimal4{Decimal4: amount(t, value), Valid: true}
	case "currency":
		s.Snapshot.Currency = value
	case "period":
		s.Snapshot.Period = value
	case "plan":
		s.Snapshot.Plan = value
	case "promo":
		s.Snapshot.PromoCode = value
	case "internal":
		s.Internal = true
	default:
		t.Fatalf("unknown field %q", word)
	}
}

func instant(t testing.TB, text string) schemas.Millis {
	t.Helper()
	if text[2] == '-' {
		text = "2026-" + text
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04:05.000"} {
		if at, err := time.Parse(layout, text); err == nil {
			return schemas.Millis(at.UnixMilli())
		}
	}
	t.Fatalf("%q is no instant", text)
	return 0
}

func amount(t testing.TB, text string) schemas.Decimal4 {
	t.Helper()
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	if f < 0 {
		return -schemas.Decimal4(-f*10_000 + 0.5)
	}
	return schemas.Decimal4(f*10_000 + 0.5)
}

// money writes an amount without needless zeros.
func money(d schemas.Decimal4) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	text := fmt.Sprintf("%s%d.%04d", sign, d/10_000, d%10_000)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func maybe(d schemas.NullDecimal4) string {
	if !d.Valid {
		return "NULL"
	}
	return money(d.Decimal4)
}

func owner(c metrics.Customer) string { return cmp.Or(c.User, "("+c.Subscription+")") }

func date(m schemas.Millis) string {
	at := time.UnixMilli(int64(m)).UTC()
	if at.Truncate(24 * time.Hour).Equal(at) {
		return at.Format("01-02")
	}
	return at.Format("01-02T15:04:05")
}

func maybeDate(m schemas.NullMillis) string {
	if !m.Valid {
		return "NULL"
	}
	return date(m.Millis)
}

// closings writes the closing MRR of every month, by currency if there are several.
func closings(tables *metrics.Tables) string {
	var out []string
	for i := 0; i < len(tables.MRR); {
		month, of := tables.MRR[i].Month, []string{}
		for ; i < len(tables.MRR) && tables.MRR[i].Month == month; i++ {
			of = append(of, money(tables.MRR[i].Closing))
		}
		out = append(out, strings.Join(of, "+"))
	}
	return strings.Join(out, " ")
}

// moves writes all movements, such as "01 u1 new 12", with the currency unless unknown.
func moves(tables *metrics.Tables) string {
	var out []string
	for _, m := range tables.Movements {
		text := fmt.Sprintf("%s %s %s", m.Month[5:], owner(m.Customer), m.Kind)
		if m.Churn != "" {
			text += "/" + string(m.Churn)
		}
		text += " " + money(m.Amount)
		if m.Currency != metrics.UnknownCurrency {
			text += " " + m.Currency
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// compute computes the tables twice, the second time with everything in another order.
// Both must be equal.
func compute(t testing.TB, in metrics.Input) *metrics.Tables {
	t.Helper()
	want := fmt.Sprintf("%+v", *metrics.Compute(in))
	dice := rand.New(rand.NewPCG(1, 2))
	dice.Shuffle(len(in.Subscriptions), func(i, j int) {
		in.Subscriptions[i], in.Subscriptions[j] = in.Subscriptions[j], in.Subscriptions[i]
	})
	for _, s := range in.Subscriptions {
		dice.Shuffle(len(s.Events), func(i, j int) { s.Events[i], s.Events[j] = s.Events[j], s.Events[i] })
	}
	tables := metrics.Compute(in)
	if got := fmt.Sprintf("%+v", *tables); got != want {
		t.Errorf("in another order of arrival:\n%s\nnot\n%s", got, want)
	}
	checkIdentities(t, tables)
	return tables
}

// checkIdentities verifies that the movements of every month lead from its opening to its
// closing, which is the opening of the next.
func checkIdentities(t testing.TB, tables *metrics.Tables) {
	t.Helper()
	last, n := map[string]metrics.MRR{}, 0
	for _, r := range tables.MRR {
		n++
		if got := r.Opening + r.New + r.Discovered + r.Reactivation + r.Expansion - r.Contraction - r.Churn; got != r.Closing {
			t.Errorf("%s %s: the movements lead to %s, the closing is %s", r.Month, r.Currency, money(got), money(r.Closing))
		}
		if got := r.ChurnVoluntary + r.ChurnInvoluntary + r.ChurnUnknown; got != r.Churn {
			t.Errorf("%s %s: churn of all kinds is %s, not %s", r.Month, r.Currency, money(got), money(r.Churn))
		}
		if before := last[r.Currency]; before.Closing != r.Opening || before.ClosingCustomers != r.OpeningCustomers {
			t.Errorf("%s %s: opens with %s, the month before closes with %s", r.Month, r.Currency, money(r.Opening), money(before.Closing))
		}
		last[r.Currency] = r
	}
	if n == 0 {
		t.Error("no month was checked")
	}
	before := 0
	for _, c := range tables.Customers {
		if c.Opening != before || c.Opening+c.New+c.Discovered+c.Reactivated-c.Churned != c.Closing ||
			c.ChurnedVoluntary+c.ChurnedInvoluntary+c.ChurnedUnknown != c.Churned {
			t.Errorf("customers do not add up: %+v", c)
		}
		before = c.Closing
	}
}
