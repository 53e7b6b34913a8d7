package trial

import (
	"context"
	"strings"
	"sync"

	clickhouse "github.com/pianola/pianola/internal/sandbox/front"
)

// statement is one kind of statement that a process sends.
type statement struct {
	name string
	is   func(clickhouse.Statement) bool
}

// The statements of a flush, in its order.
var (
	eventsInsert   = insertInto("subscription_events")
	filteredInsert = insertInto("filtered_subscriptions")
	// recheck looks for the dead letters of a range that may have been read before.
	recheck = statement{"the re-check", func(s clickhouse.Statement) bool {
		return s.Verb == "SELECT" && s.Table == "dead_letters" && strings.Contains(s.Text, "attempts")
	}}
	lettersInsert = insertInto("dead_letters")
	ledgerInsert  = insertInto("ingest_ledger")
)

func insertInto(table string) statement {
	return statement{table, func(s clickhouse.Statement) bool {
		return s.Verb == "INSERT" && s.Table == table && !strings.Contains(s.Text, " SELECT ")
	}}
}

// mischief puts faults into statements of one database, as it is told.
type mischief struct {
	database string

	mu     sync.Mutex
	of     statement
	fault  clickhouse.Fault
	left   int // how often it still strikes
	struck int // how often it has, since it was told to
}

// mischief begins to listen to the round's statements. The caller calls stop.
func (r *round) mischief() (m *mischief, stop func()) {
	m = &mischief{database: r.cfg.ClickHouse.Database}
	return m, r.stage.clickhouse.Control(m.control)
}

func (m *mischief) control(s clickhouse.Statement) (clickhouse.Fault, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 || s.Database != m.database || !m.of.is(s) {
		return clickhouse.Fault{}, false
	}
	m.left--
	m.struck++
	return m.fault, true
}

// strike tells it to put a fault into the next so many statements of a kind.
func (m *mischief) strike(of statement, fault clickhouse.Fault, times int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of, m.fault, m.left, m.struck = of, fault, times, 0
}

// over says that it has struck as often as it was told to.
func (m *mischief) over(context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left == 0, nil
}

// end tells it to strike no more, and how often it has.
func (m *mischief) end() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = 0
	return m.struck
}
