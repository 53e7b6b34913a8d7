package metrics

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/pianola/pianola/schemas"
)

// Tables are all metrics. Rows are sorted by their first fields.
type Tables struct {
	Days      []Day
	MRR       []MRR
	Customers []Customers
	Movements []Movement

	Ends         []End
	Trials       []TrialLife
	TrialCohorts []TrialCohort
	Episodes     []Episode
	Dunning      []DunningMonth
	Retention    []RetentionCell
	Revenue      []Revenue
	Sales        []Sales
	Changes      []Change
	AtRisk       []AtRisk
	PromoCodes   []PromoCode
}

// book holds the lives that the tables are computed from.
type book struct {
	asOf       schemas.Millis
	zone       *time.Location
	first      schemas.Millis // event of all
	lives      []*life        // by subscription
	byID       map[string]*life
	byOwner    map[Customer][]*life
	owners     []Customer
	currencies []string
	months     []interval
	days       []interval
}

// Compute computes all tables.
func Compute(in Input) *Tables {
	b := newBook(in)
	if len(b.lives) == 0 {
		return &Tables{}
	}
	t := &Tables{
		Days: b.subscriptionDays(), Ends: b.ends(), Trials: b.trials(), Episodes: b.episodes(),
		Retention: b.retention(), Changes: b.changes(), AtRisk: b.atRisk(), PromoCodes: b.promoCodes(),
	}
	b.mrrMonths(t)
	t.TrialCohorts = b.trialCohorts(t.Trials)
	t.Dunning = b.dunning(t.Episodes)
	t.Sales, t.Revenue = b.revenue()
	return t
}

func newBook(in Input) *book {
	b := &book{asOf: in.AsOf, zone: in.Zone, byID: map[string]*life{}, byOwner: map[Customer][]*life{}}
	if b.zone == nil {
		b.zone = time.UTC
	}
	firsts := map[string]schemas.Millis{}
	for _, s := range in.Subscriptions {
		for _, e := range s.Events {
			if at, ok := firsts[s.ID]; !ok || e.At < at {
				firsts[s.ID] = e.At
			}
		}
	}
	firstEvent := func(id string) (schemas.Millis, bool) {
		at, ok := firsts[id]
		return at, ok
	}
	currencies := map[string]bool{}
	for i := range in.Subscriptions {
		s := &in.Subscriptions[i]
		if s.Internal {
			continue
		}
		l := newLife(s, b.asOf, firstEvent)
		if l == nil {
			continue
		}
		if len(b.lives) == 0 || l.events[0].At < b.first {
			b.first = l.events[0].At
		}
		b.lives = append(b.lives, l)
		b.byID[s.ID] = l
		b.byOwner[l.customer] = append(b.byOwner[l.customer], l)
		currencies[l.currency] = true
	}
	byID := func(x, y *life) int { return cmp.Compare(x.sub.ID, y.sub.ID) }
	slices.SortFunc(b.lives, byID)
	for _, owned := range b.byOwner {
		slices.SortFunc(owned, byID)
	}
	b.owners = slices.SortedFunc(maps.Keys(b.byOwner), compareCustomers)
	b.currencies = slices.Sorted(maps.Keys(currencies))
	if len(b.lives) > 0 {
		b.months, b.days = months(b.first, b.asOf, b.zone), days(b.first, b.asOf, b.zone)
	}
	return b
}

// perMonth returns a row for every month and currency, and a function that finds one.
func perMonth[T any](b *book, row func(m interval, currency string) T) (rows []T, find func(month int, currency string) *T) {
	for _, m := range b.months {
		for _, c := range b.currencies {
			rows = append(rows, row(m, c))
		}
	}
	return rows, func(month int, currency string) *T {
		c, _ := slices.BinarySearch(b.currencies, currency)
		return &rows[month*len(b.currencies)+c]
	}
}

func compareCustomers(a, b Customer) int {
	return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Subscription, b.Subscription))
}
