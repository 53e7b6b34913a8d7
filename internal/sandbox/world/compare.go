package world

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Compare compares the tables and views of the connection's database with the truth
// and reports every difference. It only reads. It streams both sides in the same
// order, so that memory use is constant. An error means that the comparison failed,
// not that there are differences.
func (tr *Truth) Compare(ctx context.Context, conn driver.Conn) (Report, error) {
	var report Report
	for _, compare := range []func(context.Context, driver.Conn, *Report) (Check, error){
		tr.compareView, tr.compareEvents, tr.compareDeadLetters, tr.comparePrivacy, tr.compareFiltered, tr.compareLedger,
	} {
		check, err := compare(ctx, conn, &report)
		if err != nil {
			return Report{}, fmt.Errorf("compare %s with the truth: %w", check.Name, err)
		}
		report.Checks = append(report.Checks, check)
	}
	return report, nil
}

// rowReader reads rows of String columns and keeps the current row. Every query
// returns text, so that the comparison does not depend on how a client decodes
// types.
type rowReader struct {
	rows driver.Rows
	text []string
	dest []any
	more bool
	err  error
}

func read(ctx context.Context, conn driver.Conn, columns int, sql string, args ...any) (*rowReader, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	r := &rowReader{rows: rows, text: make([]string, columns), dest: make([]any, columns)}
	for i := range r.text {
		r.dest[i] = &r.text[i]
	}
	r.next()
	return r, nil
}

func (r *rowReader) next() {
	if r.more = r.rows.Next(); !r.more {
		r.err = r.rows.Err()
		return
	}
	if err := r.rows.Scan(r.dest...); err != nil {
		r.more, r.err = false, err
	}
}

// close ends the query and returns its first error.
func (r *rowReader) close() error {
	if err := r.rows.Close(); r.err == nil {
		r.err = err
	}
	return r.err
}
