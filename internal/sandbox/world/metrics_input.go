package world

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world/metrics"
	"github.com/pianola/pianola/schemas"
)

// MetricsInput returns the input of the metrics at a moment: the events that a correct
// pipeline stores. snapshot returns what the snapshot of the API knows about a
// subscription, by the id as the tables hold it.
func (tr *Truth) MetricsInput(asOf schemas.Millis, zone *time.Location, snapshot func(id string) metrics.Snapshot) metrics.Input {
	in := metrics.Input{AsOf: asOf, Zone: zone}
	for id, rows := range tr.subscriptions() {
		if len(rows) == 0 {
			continue
		}
		s := metrics.Subscription{ID: id, Snapshot: snapshot(id), Events: make([]metrics.Event, 0, len(rows))}
		newest := uint64(0)
		for i := range rows {
			s.Events = append(s.Events, metricsEvent(&rows[i]))
			newest = max(newest, rows[i].Version)
		}
		s.Internal = newest < tr.FilteredVersions[id]
		in.Subscriptions = append(in.Subscriptions, s)
	}
	return in
}

// promoCodes are the codes of the traits, as a file may write them. An empty one is no
// code.
var promoCodes = []string{"", "", "", "SPRING20", "Spring20 ", "WELCOME10", "ÅRSTILBUD"}

// Snapshot returns what a snapshot of the API knows about a subscription, by the id as
// the tables hold it: its current product. Of some it lacks the price, the currency, or
// everything. The id decides, so that the answer is always the same.
func (tr *Truth) Snapshot(id string) metrics.Snapshot {
	sub, ok := tr.byID[id]
	if !ok {
		return metrics.Snapshot{}
	}
	i := tr.w.productNow(&tr.w.subs[sub])
	p := tr.w.productAt(i)
	out := metrics.Snapshot{
		Price:    schemas.NullDecimal4{Decimal4: p.Price, Valid: true},
		Currency: p.Currency, Period: tr.w.products[i].period,
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(id)) // never an error
	draw := hash.Sum64()
	out.PromoCode = promoCodes[draw>>32%uint64(len(promoCodes))]
	switch draw % 32 {
	case 0:
		return metrics.Snapshot{}
	case 1, 2:
		out.Price = schemas.NullDecimal4{}
	case 3:
		out.Currency = ""
	case 4:
		out.Plan, out.Currency = fmt.Sprintf("[%d %s|%s|*]", p.Price/10_000, p.Currency, out.Period), ""
	}
	return out
}

func metricsEvent(r *Row) metrics.Event {
	f := factOf(r)
	return metrics.Event{
		At: f.At, Action: f.Action, UserID: string(r.UserID), NextBilledAt: f.NextBilledAt, TrialEndsAt: f.TrialEndsAt,
		Value: f.Value, TermType: f.TermType, Period: f.Period, ChangeTo: f.ChangeTo,
		TermName: string(r.TermName), Resource: string(r.ResourceName), Country: string(r.BillingCountryCode),
		Experience: string(r.ExperienceName),
	}
}
