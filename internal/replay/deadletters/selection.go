package deadletters

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// Selection selects open dead letters. Every field that is not zero narrows it.
type Selection struct {
	Reason string
	Field  string
	Topic  string
	Since  time.Time // the latest version is not older
	Until  time.Time // the latest version is not newer
	// At selects the dead letters at exactly these coordinates. Their Source is ignored:
	// operators name a message without it.
	At []schemas.Coordinates
}

// partition is one partition of one epoch of a topic, or a file.
type partition struct {
	source schemas.Source
	name   string
	epoch  uint32
	index  int32
}

// condition is a WHERE clause. Its values are query parameters, since a topic's name is
// free text.
type condition struct {
	terms      []string
	parameters clickhouse.Parameters
}

func (c *condition) text(column, value string) string {
	name := "p" + strconv.Itoa(len(c.parameters))
	c.parameters[name] = statement.Text(value)
	return column + " = {" + name + ":String}"
}

func (c *condition) add(term string) { c.terms = append(c.terms, term) }

func (c *condition) where() string { return " WHERE " + strings.Join(c.terms, " AND ") }

// condition is the selection as SQL, for open and resolved dead letters.
func (s Selection) condition() *condition {
	c := &condition{terms: []string{"1"}, parameters: clickhouse.Parameters{}}
	for _, one := range []struct{ column, value string }{{"reason", s.Reason}, {"field", s.Field}, {"source_name", s.Topic}} {
		if one.value != "" {
			c.add(c.text(one.column, one.value))
		}
	}
	if !s.Since.IsZero() {
		c.add("decided_at >= fromUnixTimestamp64Milli(toInt64(" + strconv.FormatInt(s.Since.UnixMilli(), 10) + "))")
	}
	if !s.Until.IsZero() {
		c.add("decided_at <= fromUnixTimestamp64Milli(toInt64(" + strconv.FormatInt(s.Until.UnixMilli(), 10) + "))")
	}
	if len(s.At) > 0 {
		c.add(c.at(s.At))
	}
	return c
}

// at is a term for coordinates, grouped by partition to use the table's key.
func (c *condition) at(all []schemas.Coordinates) string {
	offsets := map[partition][]string{}
	for _, at := range all {
		p := partition{name: at.Name, epoch: at.Epoch, index: at.Partition}
		offsets[p] = append(offsets[p], strconv.FormatInt(at.Offset, 10))
	}
	var terms []string
	for _, p := range slices.SortedFunc(maps.Keys(offsets), partition.compare) {
		terms = append(terms, "("+c.partition(p)+" AND source_offset IN ("+strings.Join(offsets[p], ", ")+"))")
	}
	return "(" + strings.Join(terms, " OR ") + ")"
}

func (c *condition) partition(p partition) string {
	return fmt.Sprintf("%s AND source_epoch = %d AND source_partition = %d", c.text("source_name", p.name), p.epoch, p.index)
}

func (p partition) compare(q partition) int {
	if byName := strings.Compare(p.name, q.name); byName != 0 {
		return byName
	}
	if p.epoch != q.epoch {
		return int(int64(p.epoch) - int64(q.epoch))
	}
	return int(p.index) - int(q.index)
}
