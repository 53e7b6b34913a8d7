package figures

import (
	"database/sql/driver"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Table is the answer of a query. It is shared between callers, which must not change it.
type Table struct {
	Columns []Column
	Rows    [][]any // one value for each column; nil for NULL
	AsOf    time.Time
	Cut     bool // there were more than MaxRows rows
}

// Column is a column of the answer.
type Column struct {
	Name string
	Type string // of ClickHouse
}

// Number reports whether the column has numbers, which are aligned to the right.
func (c Column) Number() bool {
	t := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(c.Type, "LowCardinality("), "Nullable("), ")")
	return strings.HasPrefix(t, "Int") || strings.HasPrefix(t, "UInt") || strings.HasPrefix(t, "Float") || strings.HasPrefix(t, "Decimal")
}

// Label is the name for people.
func (c Column) Label() string { return strings.ReplaceAll(c.Name, "_", " ") }

// Index is the position of a column; -1 when the answer does not have it.
func (t *Table) Index(name string) int {
	for i, column := range t.Columns {
		if column.Name == name {
			return i
		}
	}
	return -1
}

// Select is the table with these columns only, in this order. Names that it does not have
// are left out.
func (t *Table) Select(names []string) *Table {
	some := &Table{AsOf: t.AsOf, Cut: t.Cut, Rows: make([][]any, len(t.Rows))}
	for _, name := range names {
		i := t.Index(name)
		if i < 0 {
			continue
		}
		some.Columns = append(some.Columns, t.Columns[i])
		for row := range t.Rows {
			some.Rows[row] = append(some.Rows[row], t.Rows[row][i])
		}
	}
	return some
}

// Text is a value as text; empty for NULL. Times are UTC. The text of a time without a
// time of day is a date.
func (t *Table) Text(row, column int) string { return TextOf(t.Rows[row][column]) }

// Number is a value as a number; false for NULL and for what is no number.
func (t *Table) Number(row, column int) (float64, bool) { return NumberOf(t.Rows[row][column]) }

// TextOf is the text of a value of a table.
func TextOf(value any) string {
	switch v := plain(value).(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case time.Time:
		return timeText(v.UTC())
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case float32:
		return strconv.FormatFloat(float64(v), 'f', -1, 32)
	default:
		return fmt.Sprint(v)
	}
}

func timeText(t time.Time) string {
	switch {
	case t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 && t.Nanosecond() == 0:
		return t.Format(time.DateOnly)
	case t.Nanosecond() == 0:
		return t.Format(time.DateTime)
	default:
		return t.Format("2006-01-02 15:04:05.000")
	}
}

// NumberOf is the number of a value of a table.
func NumberOf(value any) (float64, bool) {
	switch v := plain(value).(type) {
	case decimal.Decimal:
		number, _ := v.Float64()
		return number, true
	case time.Time:
		return float64(v.Unix()), true
	case nil, string, bool:
		return 0, false
	case float64:
		return v, true
	default:
		of := reflect.ValueOf(v)
		switch {
		case of.CanInt():
			return float64(of.Int()), true
		case of.CanUint():
			return float64(of.Uint()), true
		case of.CanFloat():
			return of.Float(), true
		}
		return 0, false
	}
}

// plain follows pointers, by which the driver gives nullable values.
func plain(value any) any {
	of := reflect.ValueOf(value)
	for of.IsValid() && of.Kind() == reflect.Pointer {
		if of.IsNil() {
			return nil
		}
		of = of.Elem()
	}
	if !of.IsValid() {
		return nil
	}
	value = of.Interface()
	if valuer, ok := value.(driver.Valuer); ok {
		if _, isDecimal := value.(decimal.Decimal); !isDecimal {
			if v, err := valuer.Value(); err == nil {
				return v
			}
		}
	}
	return value
}
