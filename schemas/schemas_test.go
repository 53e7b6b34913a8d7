package schemas

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// documentedOrder is the order of contract §3, written out once more so that a
// change of ContractColumns has to be made on purpose, in two places.
const documentedOrder = `subscription_id, user_id, event_timestamp, subscription_action, event_name,
resource_name, next_billed_at, billing_period, term_type, term_name, transaction_value,
trial_period_ended_at, trial_duration, billing_country_code, subscription_period_number, payment_mode,
upgrade_to_subscription_id, user_email_hash_sha256, is_internal_user, experience_name`

func TestContractColumns_AreInTheDocumentedOrder(t *testing.T) {
	want := strings.FieldsFunc(documentedOrder, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	if got := names(ContractColumns()); !slices.Equal(got, want) {
		t.Fatalf("columns\n got %v\nwant %v", got, want)
	}
}

func TestEvent_HasOneFieldForEachColumnOfItsOwn(t *testing.T) {
	// The columns after subscription_action_raw come from the coordinates and
	// the flush, not from the event.
	columns := EventColumns()
	cut := slices.IndexFunc(columns, func(c Column) bool { return c.Name == "version" })
	columns = columns[:cut]

	event := reflect.TypeFor[Event]()
	if event.NumField() != len(columns) {
		t.Fatalf("Event has %d fields, its columns are %d", event.NumField(), len(columns))
	}
	for i, column := range columns {
		field := event.Field(i)
		if got := columnName(field.Name); got != column.Name {
			t.Errorf("field %d is %s (column %s), want column %s", i, field.Name, got, column.Name)
		}
		if !holds(field.Type, column.Type) {
			t.Errorf("%s: a %v does not go into %s", column.Name, field.Type, column.Type)
		}
	}
}

// columnName is the column of a field of Event.
func columnName(field string) string {
	if field == "ID" {
		return "event_id"
	}
	words := regexp.MustCompile(`SHA256|ID|[A-Z][a-z]+`).FindAllString(field, -1)
	return strings.ToLower(strings.Join(words, "_"))
}

// holds says whether a column of that type can take every value of the Go type,
// absence included.
func holds(goType reflect.Type, columnType string) bool {
	takes := map[reflect.Type][]string{
		reflect.TypeFor[EventID]():      {"UUID"},
		reflect.TypeFor[[]byte]():       {"String", "Nullable(String)", "LowCardinality(String)", "LowCardinality(Nullable(String))"},
		reflect.TypeFor[Millis]():       {"DateTime64(3, 'UTC')"},
		reflect.TypeFor[NullMillis]():   {"Nullable(DateTime64(3, 'UTC'))"},
		reflect.TypeFor[NullDecimal4](): {"Nullable(Decimal(18, 4))"},
		reflect.TypeFor[NullInt32]():    {"Nullable(Int32)"},
		reflect.TypeFor[bool]():         {"Bool"},
	}
	return slices.Contains(takes[goType], columnType)
}

func TestAbsence_IsNullEverywhereButInTheKeyAndUserID(t *testing.T) {
	always := []string{"subscription_id", "user_id", "event_timestamp", "subscription_action", "is_internal_user"}
	for _, c := range ContractColumns() {
		if got, want := strings.Contains(c.Type, "Nullable"), !slices.Contains(always, c.Name); got != want {
			t.Errorf("%s is %s: nullable is %v, want %v (contract §3)", c.Name, c.Type, got, want)
		}
	}
}

func names(columns []Column) []string {
	var all []string
	for _, c := range columns {
		all = append(all, c.Name)
	}
	return all
}
