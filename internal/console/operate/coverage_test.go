package operate_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/operate"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// flush is one row of a ledger.
type flush struct {
	start, next int64
	token       string
	before      bool // written before the time of the page
}

// disturb changes a whole chain of ranges in one of the ways in which ledgers are not whole.
var disturb = map[string]func([]flush) []flush{
	"whole":   func(all []flush) []flush { return all },
	"gap":     func(all []flush) []flush { return slices.Delete(all, 5, 6) },
	"twice":   func(all []flush) []flush { return append(all, all[5]) },
	"overlap": func(all []flush) []flush { all[5].start -= 3; return all },
	"read again": func(all []flush) []flush {
		again := all[4]
		again.token = "another"
		return append(all, again)
	},
	"a gap and an overlap of the same length": func(all []flush) []flush { all[5].start -= 4; all[7].start += 4; return all },
	"two that overlap and leave a gap":        func(all []flush) []flush { all[5].start -= 4; all[5].next -= 4; return all },
	"before it: whole":                        func(all []flush) []flush { all[0].before, all[1].before = true, true; return all },
	"before it: a gap": func(all []flush) []flush {
		all[0].before, all[1].before = true, true
		return slices.Delete(all, 2, 3)
	},
	"before it: further": func(all []flush) []flush { all[0].before, all[3].before = true, true; return all },
	"empty":              func(all []flush) []flush { all[5].start = all[5].next; all[6].start = all[4].next; return all },
}

// TestCoverage_WholePartitionsAreKnown: the page reads the ranges of doubtful partitions one
// by one. Its figures are the same as if all were doubtful, and those that are whole are not.
func TestCoverage_WholePartitionsAreKnown(t *testing.T) {
	tier.Full(t, "needs Kafka and ClickHouse")
	s := newSite(t)
	random := rand.New(rand.NewPCG(1, 2))
	from := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	var rows []string
	names := map[string]string{}
	for i, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range disturb {
			if !yield(name) {
				return
			}
		}
	}) {
		names[fmt.Sprint(i)] = name
		var all []flush
		for offset := int64(random.IntN(1000)); len(all) < 12; {
			next := offset + 10 + int64(random.IntN(90))
			all = append(all, flush{start: offset, next: next, token: fmt.Sprint(i, "-", len(all))})
			offset = next
		}
		for n, one := range disturb[name](all) {
			at := from.Add(time.Duration(n) * time.Minute)
			if one.before {
				at = at.AddDate(0, 0, -1)
			}
			rows = append(rows, fmt.Sprintf("('kafka', 'random', %d, 'flush', %d, %d, %d, 1, '%s', '%s')", i, one.start, one.next, n+1, one.token, at.Format(time.DateTime)))
		}
	}
	s.Exec("INSERT INTO ingest_ledger (source, source_name, source_partition, kind, start_offset, next_offset, messages, stored, insert_token, written_at) VALUES " + strings.Join(rows, ", "))

	params := map[string]string{"topic": "random", "from": from.Format(time.DateTime), "to": from.AddDate(0, 0, 1).Format(time.DateTime)}
	read := func(sql, doubtful string) string {
		params["doubtful"] = doubtful
		table, err := s.figures.Table(t.Context(), figures.Query{SQL: sql}.With(params))
		s.Must(err)
		lines := make([]string, len(table.Rows))
		for row := range table.Rows {
			lines[row] = fmt.Sprint(table.Rows[row]...)
		}
		return strings.Join(lines, "\n")
	}
	doubtful := strings.Trim(read(operate.DoubtfulSQL, ""), "[]")
	everything := make([]string, 0, len(names))
	for partition, name := range names {
		everything = append(everything, "(0,"+partition+")")
		whole := name == "whole" || name == "before it: whole" || name == "empty"
		if found := strings.Contains(doubtful, "(0,"+partition+")"); found == whole {
			t.Errorf("%s is doubtful: %v", name, found)
		}
	}
	for name, sql := range operate.CoverageSQL {
		got, want := read(sql, "["+doubtful+"]"), read(sql, "["+strings.Join(everything, ",")+"]")
		if got != want || want == "" {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}
