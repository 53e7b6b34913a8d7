package world

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Compare holds the tables and views of the connection's database against the
// truth and reports every difference. It streams both sides in the same order,
// so that memory does not grow with the world. It reads only. An error means
// that the comparison could not be made, not that something differs.
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

// reader takes rows of String columns one by one and stays at the last. Every
// query ends in text, so that the comparison depends on what the server prints
// and not on how a client decodes it.
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

// close ends the query and returns what went wrong on the way.
func (r *rowReader) close() error {
	if err := r.rows.Close(); r.err == nil {
		r.err = err
	}
	return r.err
}
