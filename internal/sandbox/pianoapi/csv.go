package pianoapi

import (
	"encoding/csv"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/promo"
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
	{"Auto-renew disablement date", func(s *Subscription) string { return maybeDate(s.autoRenewDisabled) }},
	{"Billing period", func(s *Subscription) string { return s.periodText }},
	{"Total charged", func(s *Subscription) string { return s.priceText }},
	{"Next billing date", func(s *Subscription) string { return maybeDate(s.NextBillDate) }},
	{"Renewed", func(s *Subscription) string { return logFlag(s.ChargeCount > 1) }},
	{"Currently in grace period", func(s *Subscription) string { return logFlag(s.Status == "fail_and_retry") }},
	{"Grace period start date", func(s *Subscription) string { return maybeDate(s.graceFrom) }},
	{"Grace period extended to", func(s *Subscription) string { return maybeDate(s.graceTo()) }},
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
	{"Template ID", func(s *Subscription) string { return fmt.Sprintf("OT%d", pick(s, "template", len(templates))+1) }},
	{"Template name", func(s *Subscription) string { return templates[pick(s, "template", len(templates))] }},
	{"Offer ID", func(s *Subscription) string { return fmt.Sprintf("OF%d", pick(s, "offer", len(offers))+1) }},
	{"Offer name", func(s *Subscription) string { return offers[pick(s, "offer", len(offers))] }},
	{"Promo code", promoCode},
	{"Trial price", func(s *Subscription) string {
		if s.TrialAmount == nil {
			return ""
		}
		return strconv.FormatFloat(*s.TrialAmount, 'f', 2, 64)
	}},
	{"Regular price", func(s *Subscription) string { return s.priceText }},
	{"Charge count", func(s *Subscription) string { return strconv.Itoa(s.ChargeCount) }},
	{"Payment source", func(s *Subscription) string { return s.PaymentMethod }},
	{"Shared subscriptions", func(s *Subscription) string { return strconv.Itoa(max(0, pick(s, "shared", 10)-7)) }},
	{"Experience name", func(s *Subscription) string { return experiences[pick(s, "experience", len(experiences))] }},
}

// What the API does not return. Some texts have commas, quotes and line ends, as real
// exports do.
var (
	templates   = []string{`Checkout, "summer"`, "Checkout", "Newsletter checkout"}
	offers      = []string{"Offer\nin two lines", "Digital", "Weekend"}
	experiences = []string{"Paywall A/B", "Front page", "Archive"}
)

// pick chooses one of n by the subscription's id, so that each export has the same value.
func pick(s *Subscription, what string, n int) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(what + "/" + s.ID)) // never an error
	return int(hash.Sum32() % uint32(n))
}

// promoCode returns the code with which a subscription began. A code that was only reserved
// is not in the log.
func promoCode(s *Subscription) string {
	if _, code := promo.OfSubscription(s.ID); hasEvents(s.Term.Type) && s.ChargeCount > 0 {
		return code
	}
	return ""
}

// graceTo returns the end of the grace period, which the term sets in days.
func (s *Subscription) graceTo() *int64 {
	if s.graceFrom == nil {
		return nil
	}
	end := *s.graceFrom + int64(s.Term.GracePeriod)*86_400
	return &end
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

// OfferName returns the name of an offer of the subscription log by its place.
func OfferName(n int) string { return offers[n] }
