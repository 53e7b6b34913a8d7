package audit

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
)

// rangesPerQuery is how many ranges one query counts.
const rangesPerQuery = 500

// deadLetterCheck compares the ledger's counts of dead letters with the table: a range
// has at least that many coordinates in dead_letters. More is correct too: a message that
// failed before a crash and passed afterwards keeps its resolved dead letter. Only the
// deep audit can name the missing one.
type deadLetterCheck struct {
	tables   *tables
	findings *findings

	of     Key
	ranges []span
	counts []uint64
}

// add takes the ledger rows in the ledger's order.
func (c *deadLetterCheck) add(ctx context.Context, r *schemas.LedgerRow) error {
	if r.DeadLettered == 0 || r.NextOffset <= r.StartOffset {
		return nil
	}
	if k := keyOf(r); k != c.of || len(c.ranges) == rangesPerQuery {
		if err := c.flush(ctx); err != nil {
			return err
		}
		c.of = k
	}
	c.ranges = append(c.ranges, span{r.StartOffset, r.NextOffset})
	c.counts = append(c.counts, r.DeadLettered)
	return nil
}

// flush checks the collected ranges. Their rows are in the ledger, so their dead letters
// are in the table.
func (c *deadLetterCheck) flush(ctx context.Context) error {
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
			var counted []uint64 // empty without any dead letter
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
