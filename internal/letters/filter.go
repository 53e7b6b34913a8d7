package letters

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// State is whether a dead letter is closed, and how.
type State string

// The states. Any is only for filters.
const (
	Open      State = "open"
	Resolved  State = "resolved"  // a later read of its message passed
	Dismissed State = "dismissed" // its message is gone
	Any       State = "any"
)

// States lists what a filter may have, the usual one first.
func States() []State { return []State{Open, Resolved, Dismissed, Any} }

// Filter selects dead letters; the zero value selects all open ones.
type Filter struct {
	Reason, Field, Topic string
	State                State // empty: Open
	Since                time.Time
	After                Cursor // only those that come after it in the list
}

// Errors of Filter.Check.
var (
	ErrReason = errors.New("unknown reason; use one of " + strings.Join(Reasons(), ", "))
	ErrField  = errors.New("unknown field; use one of " + strings.Join(Fields(), ", "))
	ErrState  = errors.New("unknown state; use open, resolved, dismissed or any")
)

// Check rejects unknown reasons, fields and states: with a typing error the queue would
// look empty.
func (f *Filter) Check() error {
	var errs []error
	if f.Reason != "" && !slices.Contains(Reasons(), f.Reason) {
		errs = append(errs, ErrReason)
	}
	if f.Field != "" && !slices.Contains(Fields(), f.Field) {
		errs = append(errs, ErrField)
	}
	if f.State != "" && !slices.Contains(States(), f.State) {
		errs = append(errs, ErrState)
	}
	return errors.Join(errs...)
}

// Reasons are the names of all reasons.
func Reasons() []string {
	var names []string
	for _, r := range schemas.Reasons() {
		names = append(names, string(r))
	}
	return names
}

// Fields are the fields that a dead letter can have (contract §1).
func Fields() []string {
	var names []string
	for _, c := range schemas.ContractColumns() {
		names = append(names, c.Name)
	}
	return append(names, "user_email", "email")
}

// where is the condition and its query parameters.
func (f *Filter) where() (string, clickhouse.Parameters) {
	conditions, parameters := []string{"1"}, clickhouse.Parameters{}
	for _, c := range []struct{ column, value string }{{"reason", f.Reason}, {"field", f.Field}, {"source_name", f.Topic}} {
		if c.value != "" {
			conditions = append(conditions, fmt.Sprintf("%[1]s = {%[1]s:String}", c.column))
			parameters[c.column] = statement.Text(c.value)
		}
	}
	if !f.Since.IsZero() {
		conditions = append(conditions, "decided_at >= fromUnixTimestamp64Milli({since:Int64})")
		parameters["since"] = strconv.FormatInt(f.Since.UnixMilli(), 10)
	}
	switch f.State {
	case Open, "":
		conditions = append(conditions, "resolved_at IS NULL")
	case Resolved:
		conditions = append(conditions, "resolved_at IS NOT NULL AND dismissed_by IS NULL")
	case Dismissed:
		conditions = append(conditions, "resolved_at IS NOT NULL AND dismissed_by IS NOT NULL")
	case Any:
	}
	if !f.After.IsZero() {
		conditions = append(conditions, `(decided_at, source_name, source_epoch, source_partition, source_offset)
			< (fromUnixTimestamp64Milli({after:Int64}), {after_name:String}, {after_epoch:UInt32}, {after_partition:Int32}, {after_offset:Int64})`)
		parameters["after"] = strconv.FormatInt(f.After.decidedAt.UnixMilli(), 10)
		parameters["after_name"] = statement.Text(f.After.at.Name)
		parameters["after_epoch"] = strconv.FormatUint(uint64(f.After.at.Epoch), 10)
		parameters["after_partition"] = strconv.FormatInt(int64(f.After.at.Partition), 10)
		parameters["after_offset"] = strconv.FormatInt(f.After.at.Offset, 10)
	}
	return " WHERE " + strings.Join(conditions, " AND "), parameters
}
