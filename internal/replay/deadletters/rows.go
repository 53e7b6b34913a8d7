package deadletters

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// deadLetters reads the latest version of each row of dead_letters.
type deadLetters struct {
	conn     driver.Conn
	database string
}

// deadLetter is what is needed to read the message of an open dead letter again and to
// recognize it.
type deadLetter struct {
	offset      int64
	reason      schemas.Reason
	sha256      []byte // nil where the raw message was not available
	messageTime schemas.Millis
}

// holding is how many open dead letters of one reason a partition has.
type holding struct {
	partition
	reason schemas.Reason
	count  uint64
	first  int64 // offset
	last   int64
}

// holdings counts the open dead letters of the selection.
func (l *deadLetters) holdings(ctx context.Context, s Selection) ([]holding, error) {
	c := s.condition()
	c.add("resolved_at IS NULL")
	var all []holding
	err := l.rows(ctx, c, `SELECT source, source_name, source_epoch, source_partition, reason, count(), min(source_offset), max(source_offset)
		FROM `+l.table()+c.where()+`
		GROUP BY source, source_name, source_epoch, source_partition, reason
		ORDER BY source, source_name, source_epoch, source_partition, reason`, func(row driver.Rows) error {
		var h holding
		var source, reason string
		if err := row.Scan(&source, &h.name, &h.epoch, &h.index, &reason, &h.count, &h.first, &h.last); err != nil {
			return err
		}
		h.source, h.reason = schemas.Source(source), schemas.Reason(reason)
		all = append(all, h)
		return nil
	})
	return all, wrap("count dead letters", err)
}

// outside counts by reason the open dead letters of a partition before start, and those
// at end or beyond it.
func (l *deadLetters) outside(ctx context.Context, s Selection, p partition, start, end int64) (before, beyond map[schemas.Reason]uint64, err error) {
	c := s.of(p)
	before, beyond = map[schemas.Reason]uint64{}, map[schemas.Reason]uint64{}
	from, to := strconv.FormatInt(start, 10), strconv.FormatInt(end, 10)
	err = l.rows(ctx, c, `SELECT reason, countIf(source_offset < `+from+`), countIf(source_offset >= `+to+`)
		FROM `+l.table()+c.where()+` AND (source_offset < `+from+` OR source_offset >= `+to+`) GROUP BY reason`, func(row driver.Rows) error {
		var reason string
		var low, high uint64
		if err := row.Scan(&reason, &low, &high); err != nil {
			return err
		}
		before[schemas.Reason(reason)], beyond[schemas.Reason(reason)] = low, high
		return nil
	})
	return before, beyond, wrap("count dead letters", err)
}

// page returns the open dead letters of a partition at offsets from first to last, in
// order, at most limit of them.
func (l *deadLetters) page(ctx context.Context, s Selection, p partition, first, last int64, limit int) ([]deadLetter, error) {
	c := s.of(p)
	c.add("source_offset >= " + strconv.FormatInt(first, 10))
	c.add("source_offset <= " + strconv.FormatInt(last, 10))
	var all []deadLetter
	err := l.rows(ctx, c, `SELECT source_offset, reason, payload_sha256, toUnixTimestamp64Milli(message_time)
		FROM `+l.table()+c.where()+` ORDER BY source_offset LIMIT `+strconv.Itoa(limit), func(row driver.Rows) error {
		var one deadLetter
		var reason string
		var hash *string
		var at int64
		if err := row.Scan(&one.offset, &reason, &hash, &at); err != nil {
			return err
		}
		one.reason, one.messageTime = schemas.Reason(reason), schemas.Millis(at)
		if hash != nil {
			// An invalid hash matches no message, which keeps the dead letter open.
			if one.sha256, _ = hex.DecodeString(*hash); one.sha256 == nil {
				one.sha256 = []byte{}
			}
		}
		all = append(all, one)
		return nil
	})
	return all, wrap("read dead letters", err)
}

// known returns which of the coordinates have a dead letter, open or not, without
// sources.
func (l *deadLetters) known(ctx context.Context, all []schemas.Coordinates) (map[schemas.Coordinates]bool, error) {
	c := Selection{At: all}.condition()
	found := map[schemas.Coordinates]bool{}
	err := l.rows(ctx, c, `SELECT source_name, source_epoch, source_partition, source_offset FROM `+l.table()+c.where(), func(row driver.Rows) error {
		var at schemas.Coordinates
		if err := row.Scan(&at.Name, &at.Epoch, &at.Partition, &at.Offset); err != nil {
			return err
		}
		found[at] = true
		return nil
	})
	return found, wrap("look up dead letters", err)
}

// of narrows the selection to the open dead letters of one partition.
func (s Selection) of(p partition) *condition {
	c := s.condition()
	c.add(c.text("source", string(p.source)))
	c.add(c.partition(p))
	c.add("resolved_at IS NULL")
	return c
}

func (l *deadLetters) table() string { return "`" + l.database + "`.dead_letters FINAL" }

// rows runs a query of the condition and passes its rows to each.
func (l *deadLetters) rows(ctx context.Context, c *condition, query string, each func(driver.Rows) error) error {
	return statement.Each(clickhouse.Context(ctx, clickhouse.WithParameters(c.parameters)), l.conn, query, each)
}

func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}
