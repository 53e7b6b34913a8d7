package main

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// answer runs a query and prints its result as an aligned table.
func answer(ctx context.Context, conn driver.Conn, out io.Writer, sql string) error {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("query ClickHouse: %w", err)
	}
	defer rows.Close()
	var t grid
	values := make([]any, len(rows.Columns()))
	for i, column := range rows.ColumnTypes() {
		values[i] = reflect.New(column.ScanType()).Interface()
		t.columns = append(t.columns, gridColumn{name: column.Name(), right: isNumber(column.ScanType())})
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return fmt.Errorf("read the result: %w", err)
		}
		cells := make([]string, len(values))
		for i, value := range values {
			cells[i] = cell(reflect.ValueOf(value).Elem())
		}
		t.rows = append(t.rows, cells)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the result: %w", err)
	}
	_, err = io.WriteString(out, t.String())
	return err
}

// grid is a text table in which each column has its own alignment. text/tabwriter
// has one alignment for all columns.
type grid struct {
	columns []gridColumn
	rows    [][]string
}

type gridColumn struct {
	name  string
	right bool
}

// String returns the header and the rows, indented.
func (g grid) String() string {
	header := make([]string, len(g.columns))
	widths := make([]int, len(g.columns))
	for i, c := range g.columns {
		header[i] = c.name
	}
	all := append([][]string{header}, g.rows...)
	for _, row := range all {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for _, row := range all {
		var line strings.Builder
		for i, text := range row {
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if g.columns[i].right {
				text = gap + text
			} else {
				text += gap
			}
			line.WriteString("  " + text)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

func isNumber(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64
}

func cell(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "–"
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Float64 {
		return strconv.FormatFloat(v.Float(), 'f', -1, 64) // no exponent: these are amounts
	}
	return fmt.Sprint(v.Interface())
}
