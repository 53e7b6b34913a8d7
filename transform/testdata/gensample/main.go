// Command gensample writes testdata/sample.ndjson: a thousand invented messages
// as publishers send them, in all the notations that the contract accepts, with
// a few that are filtered or refused. It gives the same bytes each time:
//
//	go run ./transform/testdata/gensample > transform/testdata/sample.ndjson
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	g := generator{rand.New(rand.NewPCG(2026, 3))}
	for n := range 1000 {
		fmt.Fprintf(out, "%s\n", g.message(n))
	}
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type generator struct{ *rand.Rand }

func pick[T any](g generator, of ...T) T { return of[g.IntN(len(of))] }

// object is a JSON object whose members keep their order.
type object []byte

func (o *object) add(name string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	*o = append(*o, ',', '"')
	*o = append(append(*o, name...), '"', ':')
	*o = append(*o, text...)
}

func (g generator) message(n int) []byte {
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(g.Int64N(int64(700 * 24 * time.Hour))))
	var o object
	o.add("subscription_id", fmt.Sprintf("RC%08X", g.Uint32()))
	if g.IntN(20) > 0 {
		o.add("user_id", fmt.Sprintf("PNI%013d", g.Int64N(1e13)))
	}
	o.add("event_timestamp", g.timestamp(at))
	o.add("subscription_action", pick(g, "Created", "subscription_auto_renewed", "Renewed", "Renewed", "CANCELED",
		"subscription_expire", "Payment failed", "renewal_failure", "Auto-renew disabled", "turn_on_auto_renewal",
		"free_trial_started", "Trial ended", "Upgraded", "term_downgrade", "subscription.reactivation", "Gifted"))
	o.add("event_name", pick(g, "subscription_event", "subscription_lifecycle", "term_change"))
	o.add("resource_name", pick(g, "Digital Access", "Avisen + Søndag", "E-paper archive", "All Access (family)",
		"Le Journal – Intégral", "日刊デジタル", "News & \"Puzzles\""))
	if g.IntN(5) > 0 {
		o.add("next_billed_at", g.timestamp(at.AddDate(0, 1, 0)))
	} else {
		o.add("next_billed_at", pick[any](g, nil, 0, "9999-12-31"))
	}
	o.add("billing_period", pick(g, "1 month", "1 month", "3 months", "1 year"))
	o.add("term_type", pick(g, "payment", "payment", "dynamic", "gift", "custom"))
	o.add("term_name", pick(g, "Monthly 99 kr", "Monthly 99 kr, first month 1 kr", "Yearly, two months free",
		"Árselő\u0301fizetés", "Student\u00a0offer"))
	o.add("transaction_value", g.amount())
	if g.IntN(3) == 0 {
		o.add("trial_period_ended_at", g.timestamp(at.AddDate(0, 0, -14)))
		o.add("trial_duration", pick[any](g, "14 days", "1 month", 14))
	} else {
		o.add("trial_period_ended_at", nil)
		o.add("trial_duration", "")
	}
	o.add("billing_country_code", pick(g, "DK", "dk", "se", "DE", "FR", "JP", "GB"))
	o.add("subscription_period_number", pick[any](g, g.IntN(40), fmt.Sprint(g.IntN(40)), json.Number("3.0")))
	o.add("payment_mode", pick(g, "Credit Card", "PayPal", "Apple In-app", "SEPA"))
	if g.IntN(12) == 0 {
		o.add("upgrade_to_subscription_id", fmt.Sprintf("RC%08X", g.Uint32()))
	} else {
		o.add("upgrade_to_subscription_id", nil)
	}
	g.email(&o)
	o.add("is_internal_user", pick[any](g, false, false, false, "no", 0, "F"))
	o.add("experience_name", pick(g, "Paywall A/B", "Meter 3 articles", "Newsletter landing page, autumn", "Checkout v2"))
	if g.IntN(4) == 0 {
		o.add("schema_version", 2)
	}
	if g.IntN(12) == 0 {
		o.add("meta", map[string]any{"attempt": 1, "labels": []string{"web", "eu-north"}, "trace": map[string]any{"id": g.Uint32()}})
	}
	g.oddity(&o, n)
	o[0] = '{'
	return append(o, '}')
}

// timestamp is an instant in one of the accepted notations, with or without
// finer digits.
func (g generator) timestamp(t time.Time) any {
	zone := time.FixedZone("", pick(g, 3600, 7200, -5*3600, 5*3600+1800))
	switch g.IntN(12) {
	case 0:
		return t.Unix()
	case 1:
		return t.UnixMilli()
	case 2:
		return fmt.Sprint(t.UnixMicro())
	case 3:
		return json.Number(fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/1e6))
	case 4:
		return t.In(zone).Format("2006-01-02T15:04:05.000000-07:00")
	case 5:
		return t.In(zone).Format("2006-01-02 15:04:05 -0700")
	case 6:
		return t.Format("2006-01-02 15:04:05 UTC")
	case 7:
		return t.Format("2006-01-02 15:04:05")
	case 8:
		return t.Format("2006-01-02")
	case 9:
		return t.Format("2006-01-02T15:04:05,999999999Z")
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

func (g generator) amount() any {
	cents := g.IntN(30_000)
	text := fmt.Sprintf("%d.%02d", cents/100, cents%100)
	switch g.IntN(4) {
	case 0:
		return text
	case 1:
		return cents / 100
	case 2:
		return json.Number("-" + text)
	}
	return json.Number(text)
}

// email gives a hash, an address, both or neither; every address is invented.
func (g generator) email(o *object) {
	address := fmt.Sprintf("%s.%s%d@%s", pick(g, "Kim", "bo", "Ane", "Søren", "yuki"), pick(g, "larsen", "Holm", "Dupont", "sato"),
		g.IntN(1000), pick(g, "example.com", "example.org", "Example.NET", "mail.example"))
	hash := fmt.Sprintf("%016x%016x%016x%016x", g.Uint64(), g.Uint64(), g.Uint64(), g.Uint64())
	switch g.IntN(10) {
	case 0, 1, 2, 3, 4:
		o.add("user_email", address)
	case 5, 6, 7:
		o.add("user_email_hash_sha256", hash)
	case 8:
		o.add("user_email_hash_sha256", hash)
		o.add("email", address)
	}
}

// oddity makes about one message in twenty one that is refused, filtered or in
// need of the guard.
func (g generator) oddity(o *object, n int) {
	switch n % 100 {
	case 11:
		o.add("user_email", "n/a") // twice, or no address
	case 37:
		o.add("event_name", "again")
	case 59:
		o.add("is_internal_user ", true) // an unknown name: the space counts
	case 73, 74:
		o.add("note", "write to kim@example.com")
	case 89:
		*o = append(*o, `,"x":`...) // no JSON
	}
}
