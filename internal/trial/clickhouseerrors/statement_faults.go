package clickhouseerrors

import (
	"context"
	"strings"
	"sync"

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
	// recheck looks for dead letters of a range that may have been read before.
	recheck = statement{"the re-check", func(s faultproxy.Statement) bool {
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

// statementFaults puts faults into statements of one database.
type statementFaults struct {
	database string

	mu     sync.Mutex
	of     statement
	fault  faultproxy.Fault
	left   int // how often it still strikes
	struck int // since the last call of strike
}

// newStatementFaults begins to watch the round's statements. The caller calls stop.
func newStatementFaults(r *harness.Round) (f *statementFaults, stop func()) {
	f = &statementFaults{database: r.Config.ClickHouse.Database}
	return f, r.Statements.Control(f.control)
}

func (f *statementFaults) control(s faultproxy.Statement) (faultproxy.Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 || s.Database != f.database || !f.of.is(s) {
		return faultproxy.Fault{}, false
	}
	f.left--
	f.struck++
	return f.fault, true
}

// meet puts a fault into the next statements of a kind, and waits until it has struck so
// many times, or the world is over. met says whether it has struck at all.
func (f *statementFaults) meet(ctx context.Context, r *harness.Round, of statement, fault faultproxy.Fault, times int) (met bool, err error) {
	f.strike(of, fault, times)
	err = r.Until(ctx, "a fault in "+of.name, []*harness.Process{r.Consumer}, func(ctx context.Context) (bool, error) {
		f.mu.Lock()
		left := f.left
		f.mu.Unlock()
		if left == 0 {
			return true, nil
		}
		return r.AllCovered(ctx)
	})
	return f.end() > 0, err
}

// strike puts a fault into the next so many statements of a kind.
func (f *statementFaults) strike(of statement, fault faultproxy.Fault, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.of, f.fault, f.left, f.struck = of, fault, times, 0
}

// end stops the fault, and returns how often it has struck.
func (f *statementFaults) end() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = 0
	return f.struck
}
