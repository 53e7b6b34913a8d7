package world

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

// eventQuery is a query of the events that returns subscription, key and line, with
// functions that give the key and the line of an expected row.
type eventQuery struct {
	name    string
	columns []string
	sql     string
	key     func(*Row) string
	line    func(*Row) string
	// inherited gives the further forms that a row may have; nil without any.
	inherited func(*Row) []Row
}

// printExpr returns the SQL that prints a column as the truth's lines do: instants as
// epoch milliseconds, all others as TabSeparated does.
func printExpr(c schemas.Column) string {
	if strings.Contains(c.Type, "DateTime64") {
		return "toUnixTimestamp64Milli(" + c.Name + ")"
	}
	return c.Name
}

// lineExpr returns the SQL that prints columns as one TabSeparated line.
func lineExpr(columns []schemas.Column) (sql string, names []string) {
	var printedColumns []string
	for _, c := range columns {
		printedColumns = append(printedColumns, printExpr(c))
		names = append(names, c.Name)
	}
	return "formatRowNoNewline('TSV', " + strings.Join(printedColumns, ", ") + ")", names
}

// compareView compares the view that consumers read.
func (tr *Truth) compareView(ctx context.Context, conn driver.Conn, _ *Report) (Check, error) {
	line, names := lineExpr(schemas.ContractColumns())
	// Subscription, instant and action identify an event.
	key := func(at int64, action []byte) string { return strconv.FormatInt(at, 10) + " " + string(action) }
	return tr.compareRows(ctx, conn, eventQuery{
		name: "view piano_subscriber_event_stream", columns: names,
		sql: "SELECT subscription_id, concat(toString(toUnixTimestamp64Milli(event_timestamp)), ' ', subscription_action), " + line +
			" FROM piano_subscriber_event_stream ORDER BY subscription_id",
		key:  func(r *Row) string { return key(int64(r.EventTimestamp), r.SubscriptionAction) },
		line: func(r *Row) string { return string(r.AppendContract(nil)) },
	})
}

// compareEvents compares the table, with the source position of each row.
func (tr *Truth) compareEvents(ctx context.Context, conn driver.Conn, _ *Report) (Check, error) {
	columns := schemas.EventColumns()
	kept := columns[:0]
	for _, c := range columns {
		// The truth does not know the time of writing, and FINAL shows no marker.
		if c.Name != "synced_at" && c.Name != "is_deleted" {
			kept = append(kept, c)
		}
	}
	line, names := lineExpr(kept)
	enc := tr.newEncoder()
	source := "\t" + string(schemas.SourceKafka) + "\t" + string(appendTSV(nil, []byte(tr.w.cfg.Topic)))
	return tr.compareRows(ctx, conn, eventQuery{
		name: "table subscription_events", columns: names,
		sql: "SELECT subscription_id, toString(event_id), " + line + " FROM subscription_events FINAL ORDER BY subscription_id",
		key: func(r *Row) string { return uuid.UUID(r.ID).String() },
		line: func(r *Row) string {
			b := append(r.appendDecided(nil), source...)
			for _, n := range []int64{int64(r.Epoch), int64(r.Partition), r.Offset} {
				b = strconv.AppendInt(append(b, '\t'), n, 10)
			}
			return string(b)
		},
		inherited: func(r *Row) []Row { return tr.inherited(enc, r) },
	})
}

// rowLine is a row of the database that has no counterpart yet.
type rowLine struct{ key, line string }

func (tr *Truth) compareRows(ctx context.Context, conn driver.Conn, v eventQuery) (Check, error) {
	check := Check{Name: v.name, Expected: tr.Counts.Rows}
	db, err := read(ctx, conn, 3, v.sql)
	if err != nil {
		return check, err
	}
	var have []rowLine
	for id, rows := range tr.subscriptions() {
		for ; db.more && db.text[0] < id; db.next() {
			check.unexpected(db.text[2])
		}
		have = have[:0]
		for ; db.more && db.text[0] == id; db.next() {
			have = append(have, rowLine{db.text[1], db.text[2]})
		}
		for i := range rows {
			have = v.match(&check, &rows[i], have)
		}
		for _, left := range have {
			check.unexpected(left.line)
		}
	}
	for ; db.more; db.next() {
		check.unexpected(db.text[2])
	}
	return check, db.close()
}

// match finds an expected row among those of its subscription and removes it.
func (v *eventQuery) match(check *Check, row *Row, have []rowLine) []rowLine {
	key, want := v.key(row), v.line(row)
	for i, h := range have {
		if h.key != key {
			continue
		}
		if h.line != want && !v.isInherited(row, h.line) {
			if how := v.difference(want, h.line); how != "" {
				check.different(fmt.Sprintf("%s %s", row.SubscriptionID, key), how)
			}
		}
		have[i] = have[len(have)-1]
		return have[:len(have)-1]
	}
	check.missing(want)
	return have
}

// isInherited reports whether a line is another form that the row may have.
func (v *eventQuery) isInherited(row *Row, line string) bool {
	return v.inherited != nil && slices.ContainsFunc(v.inherited(row), func(form Row) bool { return v.line(&form) == line })
}

// difference names the columns that differ. It ignores the last digit of a Float64,
// which the contract leaves open.
func (v *eventQuery) difference(want, have string) string {
	wants, haves := strings.Split(want, "\t"), strings.Split(have, "\t")
	if len(wants) != len(haves) {
		return fmt.Sprintf("%d columns, want %d", len(haves), len(wants))
	}
	var out []string
	for i, name := range v.columns {
		if wants[i] == haves[i] || name == "transaction_value" && nearly(wants[i], haves[i]) {
			continue
		}
		out = append(out, fmt.Sprintf("%s is %s, want %s", name, haves[i], wants[i]))
	}
	return strings.Join(out, "; ")
}

// nearly reports whether two amounts with different texts are equal within the
// precision of Float64, about 16 digits.
func nearly(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= math.Abs(x)*0x1p-52
}
