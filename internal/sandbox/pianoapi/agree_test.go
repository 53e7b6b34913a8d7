package pianoapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// acceptable are the API's values that agree with a derived status. Values that depend
// on more than the status are not included.
var acceptable = map[world.Status][]string{
	world.StatusActive:           {"active", "wait_confirmed", "pending", "not_started"},
	world.StatusFailAndRetry:     {"fail_and_retry"},
	world.StatusExpired:          {"expired", "completed", "deleted"},
	world.StatusExpiredWithError: {"expired_with_error", "expired"},
	world.StatusCancelled:        {"cancelled", "deleted"},
	world.StatusUpgraded:         {"upgraded", "deleted"},
}

// disagreements returns the kinds of drift between a state and the API, by the rules of
// reconciliation, without SQL. retrying reports a failed payment in the last 30 days.
func disagreements(st world.State, user string, retrying bool, s piano.Subscription) []string {
	var kinds []string
	row := reconcile.FromAPI(s)
	differ := func(kind string, yes bool) {
		if yes {
			kinds = append(kinds, kind)
		}
	}
	closed := !slices.Contains([]string{"active", "wait_confirmed", "pending", "not_started", "fail_and_retry"}, row.Status)
	agrees := slices.Contains(acceptable[st.Status], row.Status) || st.ChangePending && row.Status == "upgraded" ||
		st.Status == world.StatusFailAndRetry && retrying && row.Status == "active" ||
		st.Status == world.StatusExpired && st.FailedPayments > 0 && row.Status == "expired_with_error"
	differ(pianoapi.Status, !agrees)
	differ(pianoapi.AutoRenew, !closed && !st.Status.Closed() && st.AutoRenew != world.AutoRenewUnknown && (st.AutoRenew == world.AutoRenewOn) != *row.AutoRenew)
	differ(pianoapi.TermType, st.TermType != "" && st.TermType != row.TermType)
	plan, _ := reconcile.ParsePlan(st.BillingPeriod)
	differ(pianoapi.BillingPeriod, st.BillingPeriod != "" && row.BillingPeriod != "" && plan.Period.String() != row.BillingPeriod)
	differ(pianoapi.StartedAt, st.StartedAt.Valid && apart(st.StartedAt, row.StartedAt))
	differ(pianoapi.UserID, user != "" && row.UserID != "" && user != row.UserID)
	differ(pianoapi.NextBill, !closed && !st.Status.Closed() && st.CurrentPeriodEndsAt.Valid && row.NextBillAt != nil && apart(st.CurrentPeriodEndsAt, row.NextBillAt))
	if st.Price.Valid && row.RegularPrice != nil {
		differ(pianoapi.Price, row.RegularPrice.Shift(4).IntPart() != int64(st.Price.Decimal4))
	}
	return kinds
}

// apart reports whether two instants differ by more than the precision of the API.
func apart(a schemas.NullMillis, b *time.Time) bool {
	d := int64(a.Millis) - b.UnixMilli()
	return d > 1000 || d < -1000
}

// found compares the API with the states, and returns the differences as "kind
// subscription".
func (s *env) found() []string {
	s.Helper()
	users := map[string]string{}
	skipped := map[string]bool{}
	for k := range s.truth.Known() {
		users[k.Stored] = k.RowUser
		skipped[k.Stored] = k.Filtered || k.Internal || k.Refused || len(k.Facts) == 0
	}
	all := s.sweep()
	var found []string
	now := schemas.Millis(time.Now().UnixMilli())
	for st := range s.truth.States(now) {
		one, there := all[st.SubscriptionID]
		delete(all, st.SubscriptionID)
		if skipped[st.SubscriptionID] {
			continue
		}
		if !there {
			found = append(found, pianoapi.MissingInAPI+" "+st.SubscriptionID)
			continue
		}
		for _, kind := range disagreements(st, users[st.SubscriptionID], false, one) {
			found = append(found, kind+" "+st.SubscriptionID)
		}
	}
	begun := s.world.Config().Start
	for id, one := range all {
		if !skipped[id] && (one.Term.Type == "payment" || one.Term.Type == "dynamic") && one.StartedAt.After(begun) {
			found = append(found, pianoapi.MissingInStream+" "+id)
		}
	}
	slices.Sort(found)
	return found
}

func TestPublisher_AgreesWithTheStream(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := setUp(t, seed, pianoapi.Config{})
			if found := s.found(); len(found) > 0 {
				t.Errorf("nothing was planted, and %d differ:\n%s", len(found), strings.Join(found[:min(20, len(found))], "\n"))
			}
			words, terms, unread := map[string]int{}, map[string]int{}, 0
			for _, one := range s.sweep() {
				words[one.Status]++
				terms[one.Term.Type]++
				if reconcile.FromAPI(one).UnreadPlan {
					unread++
				}
			}
			if len(words) < 10 || len(terms) < 11 || unread == 0 {
				t.Errorf("statuses %v, terms %v, %d plans that cannot be read: want more of each", words, terms, unread)
			}
		})
	}
}

func TestPublisher_OnlyPlantedDriftDiffers(t *testing.T) {
	for seed := range uint64(5) {
		s := setUp(t, seed, pianoapi.Config{})
		const each = 6
		s.must(s.publisher.Plant(seed, each))
		var want []string
		kinds := map[string]int{}
		for _, p := range s.publisher.Planted() {
			want = append(want, p.Kind+" "+p.SubscriptionID)
			kinds[p.Kind]++
			if p.Stream == p.API {
				t.Errorf("seed %d: %+v is no disagreement", seed, p)
			}
		}
		for _, kind := range pianoapi.Kinds() {
			if kinds[kind] != each {
				t.Errorf("seed %d: %d of %s are planted, want %d", seed, kinds[kind], kind, each)
			}
		}
		slices.Sort(want)
		if found := s.found(); !slices.Equal(found, want) {
			t.Errorf("seed %d: found\n%s\nwant\n%s", seed, strings.Join(found, "\n"), strings.Join(want, "\n"))
		}
	}
}
