package main

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// answer runs a query and prints its result as an aligned table.
func answer(ctx context.Context, conn driver.Conn, out io.Writer, sql string) error {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("ask ClickHouse: %w", err)
	}
	defer rows.Close()
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  "+strings.Join(rows.Columns(), "\t"))
	values := make([]any, len(rows.Columns()))
	for i, column := range rows.ColumnTypes() {
		values[i] = reflect.New(column.ScanType()).Interface()
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		cells := make([]string, len(values))
		for i, value := range values {
			cells[i] = cell(reflect.ValueOf(value).Elem())
		}
		fmt.Fprintln(table, "  "+strings.Join(cells, "\t"))
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return table.Flush()
}

func cell(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "–"
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Float64 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v.Float()), ".0")
	}
	return fmt.Sprint(v.Interface())
}
