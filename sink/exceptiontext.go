package sink

import (
	"regexp"
	"strconv"
	"strings"
)

// The text of an exception can hold column values, so only names and numbers are
// taken out of it.

// violatedRow is the text of VIOLATED_CONSTRAINT for a constraint of the events
// table itself. A shard of a cluster has another name for its table and counts
// other rows, and its text comes after the name of the shard: it does not match.
var violatedRow = regexp.MustCompile("^(?:Code: 469\\. )?(?:DB::Exception: )*Constraint `.*?` for table (?:[^. ]+\\.)?`?" +
	EventsTable + "`?(?: \\([0-9a-f-]+\\))? is violated at row (\\d+)\\.")

// pushedView is what ClickHouse adds to an exception of a materialized view.
var pushedView = regexp.MustCompile("while pushing to view ([\\w.`-]+)")

// rowOf returns the row of an INSERT that violates a constraint of the events
// table, counted from 1, and 0 where the text names none.
func rowOf(text string) int {
	if m := violatedRow.FindStringSubmatch(text); m != nil && !pushedView.MatchString(text) {
		row, _ := strconv.Atoi(m[1]) // 0 when it is out of range
		return row
	}
	return 0
}

// viewOf returns the materialized view that failed, or "".
func viewOf(text string) string {
	if m := pushedView.FindStringSubmatch(text); m != nil {
		return strings.TrimRight(m[1], ".") // the end of the sentence
	}
	return ""
}

// failedView returns the materialized view whose failure an error is.
func failedView(err error) (code int32, view string, failed bool) {
	code, text, _ := exception(err)
	view = viewOf(text)
	return code, view, view != ""
}
