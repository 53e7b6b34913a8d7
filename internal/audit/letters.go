package audit

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
)

// lettersAtOnce is how many ranges are counted by one query.
const lettersAtOnce = 500

// letterCheck holds the ledger's counts of dead letters against the table: every
// range has at least as many coordinates in dead_letters as its row counts. More is
// no contradiction: a message that failed before a crash and passed afterwards
// keeps its, resolved, dead letter. Which one is missing only the deep audit can
// tell.
type letterCheck struct {
	tables   *tables
	findings *findings

	of     Key
	ranges []span
	counts []uint64
}

// add takes a row of the ledger, in the ledger's order.
func (c *letterCheck) add(ctx context.Context, r *schemas.LedgerRow) error {
	if r.DeadLettered == 0 || r.NextOffset <= r.StartOffset {
		return nil
	}
	if k := keyOf(r); k != c.of || len(c.ranges) == lettersAtOnce {
		if err := c.flush(ctx); err != nil {
			return err
		}
		c.of = k
	}
	c.ranges = append(c.ranges, span{r.StartOffset, r.NextOffset})
	c.counts = append(c.counts, r.DeadLettered)
	return nil
}

// flush asks about the ranges gathered. The rows were in the ledger before, so
// their dead letters are in the table by now.
func (c *letterCheck) flush(ctx context.Context) error {
	if len(c.ranges) == 0 {
		return nil
	}
	starts, nexts := make([]int64, len(c.ranges)), make([]int64, len(c.ranges))
	whole := c.ranges[0]
	for i, r := range c.ranges {
		starts[i], nexts[i] = r.start, r.next
		whole = span{min(whole.start, r.start), max(whole.next, r.next)}
	}
	have := make([]uint64, len(c.ranges))
	err := c.tables.rows(ctx, "count dead letters", `SELECT sumForEach(arrayMap((s, n) -> toUInt64(source_offset >= s AND source_offset < n),
			[`+numbers(starts)+`], [`+numbers(nexts)+`]))
		FROM `+c.tables.name("dead_letters")+` FINAL`+ofPartition+`
		AND source_offset >= {start:Int64} AND source_offset < {next:Int64}`,
		c.of.parameters(whole.parameters()), func(rows driver.Rows) error {
			var counted []uint64 // empty where there is no dead letter at all
			if err := rows.Scan(&counted); err != nil {
				return err
			}
			copy(have, counted)
			return nil
		})
	if err != nil {
		return err
	}
	for i, r := range c.ranges {
		if have[i] < c.counts[i] {
			c.findings.add(Finding{Kind: DeadLettersMissing, Key: c.of, Start: r.start, Next: r.next, Messages: c.counts[i] - have[i],
				Text: fmt.Sprintf("%s: the ledger counts %d dead letters, the table has %d; pianola audit --deep names them", c.of.at(r), c.counts[i], have[i])})
		}
	}
	c.ranges, c.counts = c.ranges[:0], c.counts[:0]
	return nil
}
