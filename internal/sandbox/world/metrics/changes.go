package metrics

import (
	"cmp"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// Direction is the direction of a plan change, as its event says.
type Direction string

// The directions of plan changes.
const (
	Upgrade   Direction = "upgrade"
	Downgrade Direction = "downgrade"
)

// The outcomes of plan changes. A void one was replaced, or the subscription ended
// otherwise before it took effect.
const (
	Effective Outcome = "effective"
	Pending   Outcome = "pending"
	Void      Outcome = "void"
)

// Change is one Upgraded or Downgraded of a live subscription.
type Change struct {
	SubscriptionID string
	AnnouncedAt    schemas.Millis
	Direction      Direction
	Target         string // another subscription; empty for a change in place
	Customer       Customer
	Currency       string
	Outcome        Outcome
	// EffectiveAt is the first event of another subscription, or the announcement of a
	// change in place.
	EffectiveAt schemas.NullMillis
	// MRRBefore is the MRR before it takes effect, or at the announcement.
	MRRBefore schemas.Decimal4
	// MRRAfter is the MRR of the other subscription, or after the next Renewed in place.
	MRRAfter      schemas.NullDecimal4
	CurrencyAfter string // of MRRAfter
}

func (b *book) changes() []Change {
	var out []Change
	for _, l := range b.lives {
		for i, s := range l.steps {
			if s.event == nil || s.before.status.closed() || !l.countsAt(s.at) {
				continue
			}
			c := Change{
				SubscriptionID: l.sub.ID, AnnouncedAt: s.at, Customer: l.customer, Currency: l.currency,
				MRRBefore: l.mrrAt(s.at), Direction: Upgrade,
			}
			switch s.event.Action {
			case schemas.Upgraded:
			case schemas.Downgraded:
				c.Direction = Downgrade
			default:
				continue
			}
			if to := s.event.ChangeTo; to != "" && to != l.sub.ID {
				c.Target = to
				b.followChange(&c, l, l.steps[i+1:])
			} else {
				c.inPlace(l, l.steps[i+1:])
			}
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(x, y Change) int {
		return cmp.Or(cmp.Compare(x.SubscriptionID, y.SubscriptionID), cmp.Compare(x.AnnouncedAt, y.AnnouncedAt), cmp.Compare(x.Direction, y.Direction))
	})
	return out
}

// followChange fills in a change to another subscription. later are the steps after its
// announcement.
func (b *book) followChange(c *Change, l *life, later []step) {
	c.Outcome = Pending
	for _, s := range later {
		if s.after.status == upgraded {
			c.MRRBefore = l.mrrAt(s.after.endedAt.Millis)
			break
		}
		if s.after.changeTo != c.Target || s.after.changeSince != c.AnnouncedAt {
			c.Outcome = Void
			return
		}
	}
	first, ok := l.firstEvent(c.Target)
	if !ok || first >= b.asOf {
		return
	}
	c.Outcome = Effective
	c.EffectiveAt = schemas.NullMillis{Millis: max(first, c.AnnouncedAt), Valid: true}
	if next := b.byID[c.Target]; next != nil {
		c.CurrencyAfter = next.currency
		c.MRRAfter = schemas.NullDecimal4{Decimal4: next.mrrAt(c.EffectiveAt.Millis + 1), Valid: true}
	}
}

// inPlace fills in a change in place. MRR changes with the next Renewed.
func (c *Change) inPlace(l *life, later []step) {
	c.Outcome, c.EffectiveAt = Effective, schemas.NullMillis{Millis: c.AnnouncedAt, Valid: true}
	for _, s := range later {
		if s.after.status.closed() {
			return
		}
		if s.event != nil && s.event.Action == schemas.Renewed {
			c.CurrencyAfter = l.currency
			c.MRRAfter = schemas.NullDecimal4{Decimal4: l.mrrAt(s.at + 1), Valid: true}
			return
		}
	}
}
