package pianoapi

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
)

// WriteCSV writes the subscription log in the columns and forms of Piano's export:
// one row for each subscription that started in [from, to). Like Piano's, it
// contains personal data.
func WriteCSV(w io.Writer, store Store, from, to time.Time) error {
	out := csv.NewWriter(w)
	header := make([]string, len(logColumns))
	for i, c := range logColumns {
		header[i] = c.name
	}
	if err := out.Write(header); err != nil {
		return err
	}
	row := make([]string, len(logColumns))
	for s := range store.All() {
		if s.StartDate < from.Unix() || s.StartDate >= to.Unix() {
			continue
		}
		for i, c := range logColumns {
			row[i] = c.text(s)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// logColumn is one column of the log.
type logColumn struct {
	name string
	text func(*Subscription) string
}

// logColumns are the known headers. Their order varies between real exports.
var logColumns = []logColumn{
	{"Subscription ID", func(s *Subscription) string { return s.ID }},
	{"Create date", func(s *Subscription) string { return logDate(s.StartDate) }},
	{"Start date", func(s *Subscription) string { return logDate(s.StartDate) }},
	{"End date", func(s *Subscription) string { return maybeDate(s.EndDate) }},
	{"Days subscribed", func(s *Subscription) string { return strconv.Itoa(daysSubscribed(s)) }},
	{"Subscription status", func(s *Subscription) string { return s.StatusName }},
	{"Upgrade status", func(s *Subscription) string { return choose(s.Status == "upgraded", "Upgraded", "No upgrade") }},
	{"Trial status", func(s *Subscription) string {
		switch {
		case s.TrialEndDate == nil:
			return "No trial"
		case s.InTrial:
			return "In trial"
		default:
			return "Trial ended"
		}
	}},
	{"Trial period end date", func(s *Subscription) string { return maybeDate(s.TrialEndDate) }},
	{"Auto-renew", func(s *Subscription) string { return logFlag(s.AutoRenew) }},
	{"Auto-renew disablement date", func(*Subscription) string { return "" }},
	{"Billing period", func(s *Subscription) string { return s.periodText }},
	{"Total charged", func(s *Subscription) string { return s.priceText }},
	{"Next billing date", func(s *Subscription) string { return maybeDate(s.NextBillDate) }},
	{"Renewed", func(s *Subscription) string { return logFlag(s.ChargeCount > 1) }},
	{"Currently in grace period", func(s *Subscription) string { return logFlag(s.Status == "fail_and_retry") }},
	{"Grace period start date", func(*Subscription) string { return "" }},
	{"Grace period extended to", func(*Subscription) string { return "" }},
	{"User email", func(s *Subscription) string { return s.User.Email }},
	{"First name", func(s *Subscription) string { return s.User.FirstName }},
	{"Last name", func(s *Subscription) string { return s.User.LastName }},
	{"User ID (UID)", func(s *Subscription) string { return s.User.UID }},
	{"Access expiration date", func(s *Subscription) string { return maybeDate(s.EndDate) }},
	{"Resource ID (RID)", func(s *Subscription) string { return s.Resource.ID }},
	{"Resource name", func(s *Subscription) string { return s.Resource.Name }},
	{"Term ID", func(s *Subscription) string { return s.Term.ID }},
	{"Term name", func(s *Subscription) string { return s.Term.Name }},
	{"Term type", func(s *Subscription) string { return statusName(s.Term.Type) }},
	{"Template ID", func(*Subscription) string { return "OT1" }},
	{"Template name", func(*Subscription) string { return `Checkout, "summer"` }},
	{"Offer ID", func(*Subscription) string { return "OF1" }},
	{"Offer name", func(*Subscription) string { return "Offer\nin two lines" }},
	{"Promo code", func(*Subscription) string { return "" }},
	{"Trial price", func(*Subscription) string { return "" }},
	{"Regular price", func(s *Subscription) string { return s.priceText }},
	{"Charge count", func(s *Subscription) string { return strconv.Itoa(s.ChargeCount) }},
	{"Payment source", func(s *Subscription) string { return s.PaymentMethod }},
	{"Shared subscriptions", func(*Subscription) string { return "" }},
	{"Experience name", func(*Subscription) string { return "Paywall A/B" }},
}

// logZone is the zone of the times in the known sample, UTC+2.
var logZone = time.FixedZone("", 2*60*60)

func logDate(at int64) string {
	return time.Unix(at, 0).In(logZone).Format("2006-01-02 15:04:05 -0700")
}

func maybeDate(at *int64) string {
	if at == nil {
		return ""
	}
	return logDate(*at)
}

func logFlag(on bool) string { return strings.ToUpper(strconv.FormatBool(on)) }

func choose(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

func daysSubscribed(s *Subscription) int {
	if s.EndDate == nil || *s.EndDate < s.StartDate {
		return 0
	}
	return int((*s.EndDate - s.StartDate) / 86_400)
}
