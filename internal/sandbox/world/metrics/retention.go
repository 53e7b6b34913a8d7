package metrics

import (
	"slices"

	"github.com/pianola/pianola/schemas"
)

// RetentionCell is a cohort of customers in one month. The cohort is the month in which
// their MRR first rose above zero. A customer has one cohort for all currencies.
type RetentionCell struct {
	Cohort    string
	Month     string
	Age       int // months since the cohort
	Customers int // of the cohort
	Active    int // with MRR at the month end
	Unbroken  int // active at every month end since the cohort
	Immature  bool
}

// retention returns a cell for every cohort and every month from it on, also of cohorts
// without customers.
func (b *book) retention() []RetentionCell {
	var out []RetentionCell
	start := make([]int, len(b.months))
	for cohort := range b.months {
		start[cohort] = len(out)
		for i := cohort; i < len(b.months); i++ {
			m := b.months[i]
			out = append(out, RetentionCell{Cohort: b.months[cohort].label, Month: m.label, Age: i - cohort, Immature: !m.complete})
		}
	}
	for _, owner := range b.owners {
		rise, ok := b.firstRise(owner)
		if !ok {
			continue
		}
		cohort := position(b.months, rise)
		unbroken := true
		for i := cohort; i < len(b.months); i++ {
			now, _ := b.mrrAt(owner, b.months[i].to)
			cell := &out[start[cohort]+i-cohort]
			cell.Customers++
			if len(now) == 0 {
				unbroken = false
				continue
			}
			cell.Active++
			if unbroken {
				cell.Unbroken++
			}
		}
	}
	return out
}

// firstRise returns when a customer's MRR first rose above zero. It is false for one
// without MRR, and for a discovered one, who belongs to no cohort.
func (b *book) firstRise(c Customer) (schemas.Millis, bool) {
	rise := schemas.NullMillis{}
	for _, l := range b.byOwner[c] {
		if i := slices.IndexFunc(l.views, func(v view) bool { return v.mrr > 0 }); i >= 0 {
			if at := l.views[i].from - 1; !rise.Valid || at < rise.Millis {
				rise = schemas.NullMillis{Millis: at, Valid: true}
			}
		}
	}
	if !rise.Valid {
		return 0, false
	}
	// The first month end with MRR decides, as it does for movements. Without one the
	// rise decides.
	_, partial := b.mrrAt(c, rise.Millis+1)
	for _, m := range b.months {
		if now, atEnd := b.mrrAt(c, m.to); len(now) > 0 {
			partial = atEnd
			break
		}
	}
	return rise.Millis, !partial
}
