package clickhouseerrors

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/pianola/pianola/internal/sandbox/faultproxy"
	"github.com/pianola/pianola/internal/trial/harness"
)

// statement is one kind of statement that a process sends.
type statement struct {
	name string
	is   func(faultproxy.Statement) bool
}

// The statements of a flush, in its order.
var (
	eventsInsert   = insertInto("subscription_events")
	filteredInsert = insertInto("filtered_subscriptions")
	// lettersQuery looks for dead letters of a range that may have been read before.
	lettersQuery = statement{"the query for earlier dead letters", func(s faultproxy.Statement) bool {
		return s.Verb == "SELECT" && s.Table == "dead_letters" && strings.Contains(s.Text, "attempts")
	}}
	lettersInsert = insertInto("dead_letters")
	ledgerInsert  = insertInto("ingest_ledger")
)

func insertInto(table string) statement {
	return statement{table, func(s faultproxy.Statement) bool {
		return s.Verb == "INSERT" && s.Table == table && !strings.Contains(s.Text, " SELECT ")
	}}
}

// inject puts a fault into the round's next statements of a kind, so many times. stop ends
// that, and returns how often it has struck.
func inject(r *harness.Round, of statement, fault faultproxy.Fault, times int64) (left *atomic.Int64, stop func() int64) {
	left = &atomic.Int64{}
	left.Store(times)
	end := r.Statements.Control(func(s faultproxy.Statement) (faultproxy.Fault, bool) {
		return fault, s.Database == r.Config.ClickHouse.Database && of.is(s) && left.Add(-1) >= 0
	})
	return left, func() int64 {
		end()
		return times - max(0, left.Swap(0)) // a statement may still be decided
	}
}

// meet injects a fault and waits until it has struck as often as it has to, or the world is
// over. met says whether it has struck at all.
func meet(ctx context.Context, r *harness.Round, of statement, fault faultproxy.Fault, times int64) (met bool, err error) {
	left, stop := inject(r, of, fault, times)
	err = r.Until(ctx, "a fault in "+of.name, []*harness.Process{r.Consumer}, func(ctx context.Context) (bool, error) {
		if left.Load() <= 0 {
			return true, nil
		}
		return r.AllCovered(ctx)
	})
	return stop() > 0, err
}
