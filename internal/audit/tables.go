package audit

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/statement"
)

// tables reads ClickHouse row by row, so that memory does not grow with the tables.
type tables struct {
	conn     driver.Conn
	database string
}

func (t *tables) name(table string) string { return "`" + t.database + "`." + table }

// maxQueryBytes allows for one batch of the deep audit, whose ids are in the statement:
// the server's default of 256 KiB would refuse a single long id.
const maxQueryBytes = 16 << 20

// rows runs a query and passes its rows to each. Errors begin with op.
func (t *tables) rows(ctx context.Context, op, query string, parameters clickhouse.Parameters, each func(driver.Rows) error) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(parameters),
		clickhouse.WithSettings(clickhouse.Settings{"max_query_size": maxQueryBytes}))
	if err := statement.Each(ctx, t.conn, query, each); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// ofPartition is the condition of one partition, with its parameters.
const ofPartition = ` WHERE source = {source:String} AND source_name = {name:String}
	AND source_epoch = {epoch:UInt32} AND source_partition = {partition:Int32}`

func (k Key) parameters(more clickhouse.Parameters) clickhouse.Parameters {
	all := clickhouse.Parameters{
		"source": string(k.Source), "name": statement.Text(k.Topic),
		"epoch": strconv.FormatUint(uint64(k.Epoch), 10), "partition": strconv.FormatInt(int64(k.Partition), 10),
	}
	maps.Copy(all, more)
	return all
}

func (s span) parameters() clickhouse.Parameters {
	return clickhouse.Parameters{"start": strconv.FormatInt(s.start, 10), "next": strconv.FormatInt(s.next, 10)}
}

// quoted is a list of string literals. The driver's placeholders cannot be used: it would
// replace them inside the ids too.
func quoted(texts []string) string {
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var b strings.Builder
	for i, text := range texts {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\'')
		_, _ = escape.WriteString(&b, text) // into memory
		b.WriteByte('\'')
	}
	return b.String()
}

func numbers(list []int64) string {
	var b []byte
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(b)
}
