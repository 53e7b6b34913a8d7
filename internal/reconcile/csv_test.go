package reconcile

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/piano/subscriptionlog"
	"github.com/pianola/pianola/schemas"
)

func TestFromCSV(t *testing.T) {
	at, off := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), false
	amount := decimal.RequireFromString("119.99")
	l := subscriptionlog.Row{
		Traits: Traits{SubscriptionID: "S1", UserID: "u1", StartedAt: &at, EndedAt: &at, NextBilledAt: &at, BillingPeriod: "12 months",
			AutoRenew: &off, AutoRenewDisabledAt: &at, SubscriptionStatus: "Expired", TermType: "Dynamic"},
		Status: "expired", TermType: "dynamic", RegularPrice: &amount,
	}
	row, traits := FromCSV(l)
	want := Row{SubscriptionID: "S1", UserID: "u1", StartedAt: &at, EndedAt: &at, NextBillAt: &at, BillingPeriod: "1 year", Status: "expired",
		TermType: "dynamic", RegularPrice: &amount, AutoRenew: &off, AutoRenewDisabledAt: &at, ExpiryReason: "auto_renew_off"}
	if !reflect.DeepEqual(row, want) {
		t.Errorf("got %+v, want %+v", row, want)
	}
	if traits != l.Traits || traits.BillingPeriod != "12 months" {
		t.Errorf("traits: %+v", traits)
	}
	for text, unread := range map[string]bool{"": false, "Every so often": true} {
		l.BillingPeriod = text
		if row, _ := FromCSV(l); row.UnreadPlan != unread || row.BillingPeriod != "" {
			t.Errorf("%q: %+v", text, row)
		}
	}
}

func TestFromCSV_ExpiryReason(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	none, one := int32(0), int32(1)
	nothing, something := decimal.Zero, decimal.New(1, 0)
	for name, c := range map[string]struct {
		status string
		traits Traits
		count  *int32
		want   string
	}{
		"alive":                  {status: "active", traits: Traits{TrialPeriodEndedAt: &at, AutoRenewDisabledAt: &at}},
		"failing":                {status: "fail_and_retry"},
		"payment":                {status: "expired_with_error", want: "payment_failed"},
		"upgraded":               {status: "upgraded", want: "plan_change"},
		"completed":              {status: "completed", want: "fixed_term_completed"},
		"deleted":                {status: "deleted", want: "deleted"},
		"cancelled":              {status: "cancelled", traits: Traits{TrialPeriodEndedAt: &at}, count: &none, want: "canceled"},
		"trial":                  {status: "expired", traits: Traits{TrialPeriodEndedAt: &at, AutoRenewDisabledAt: &at}, count: &none, want: "trial_not_converted"},
		"trial_in_words":         {status: "expired", traits: Traits{TrialStatus: "Trial ended", TotalCharged: &nothing}, want: "trial_not_converted"},
		"no_trial_in_words":      {status: "expired", traits: Traits{TrialStatus: "No trial", TotalCharged: &nothing}, want: "unknown"},
		"trial_and_charged":      {status: "expired", traits: Traits{TrialPeriodEndedAt: &at, TotalCharged: &nothing}, count: &one, want: "unknown"},
		"trial_and_amount":       {status: "expired", traits: Traits{TrialPeriodEndedAt: &at, TotalCharged: &something}, want: "unknown"},
		"trial_charge_not_known": {status: "expired", traits: Traits{TrialPeriodEndedAt: &at}, want: "unknown"},
		"auto_renew_off":         {status: "expired", traits: Traits{AutoRenewDisabledAt: &at}, count: &one, want: "auto_renew_off"},
		"other":                  {status: "expired", want: "unknown"},
	} {
		row, _ := FromCSV(subscriptionlog.Row{Status: c.status, Traits: c.traits, ChargeCount: c.count})
		if row.ExpiryReason != c.want {
			t.Errorf("%s: got %q, want %q", name, row.ExpiryReason, c.want)
		}
	}
}

// TestTraits_AreTheTablesColumns holds the list to the migration, and each value to
// the kind of its column.
func TestTraits_AreTheTablesColumns(t *testing.T) {
	migrations, err := schemas.Migrations(schemas.Options{Database: "piano"})
	if err != nil {
		t.Fatal(err)
	}
	var names, types []string
	for _, m := range migrations {
		for _, s := range m.Statements {
			if !strings.Contains(s, "CREATE TABLE IF NOT EXISTS `piano`.`subscription_snapshot_traits`") {
				continue
			}
			for line := range strings.Lines(s) {
				if line = strings.TrimSpace(line); strings.HasPrefix(line, "`") {
					parts := strings.SplitN(line, "`", 3)
					kind, _, _ := strings.Cut(strings.TrimSpace(parts[2]), " COMMENT")
					names, types = append(names, parts[1]), append(types, kind)
				}
			}
		}
	}
	if len(names) != 32 || names[0] != "snapshot_id" || names[31] != "synced_at" {
		t.Fatalf("the table has %v", names)
	}
	names, types = names[1:31], types[1:31]
	if !slices.Equal(names, traitColumns) {
		t.Errorf("got %v, the table has %v", traitColumns, names)
	}
	values := traitValues(&Traits{})
	if len(values) != len(traitColumns) || reflect.TypeFor[Traits]().NumField() != len(traitColumns) {
		t.Fatalf("%d values, %d traits", len(values), reflect.TypeFor[Traits]().NumField())
	}
	for i, v := range values {
		got := reflect.TypeOf(v)
		want := map[string]reflect.Type{
			"String": reflect.TypeFor[string](), "LowCardinality(Nullable(String))": reflect.TypeFor[*string](),
			"Nullable(DateTime64(3, 'UTC'))": reflect.TypeFor[*time.Time](), "Nullable(Int32)": reflect.TypeFor[*int32](),
			"Nullable(Bool)": reflect.TypeFor[*bool](), "Nullable(Decimal(18, 4))": reflect.TypeFor[*decimal.Decimal](),
		}[types[i]]
		if got != want {
			t.Errorf("%s is %s: %v", names[i], types[i], got)
		}
	}
	// Each field is where its column is: the order of the struct is the table's.
	full := Traits{}
	v := reflect.ValueOf(&full).Elem()
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.String {
			v.Field(i).SetString(names[i])
		} else {
			v.Field(i).Set(reflect.New(v.Field(i).Type().Elem()))
		}
	}
	for i, value := range traitValues(&full) {
		switch value := value.(type) {
		case string:
			if value != names[i] {
				t.Errorf("%s holds %s", names[i], value)
			}
		case *string:
			if *value != names[i] {
				t.Errorf("%s holds %s", names[i], *value)
			}
		default:
			if reflect.ValueOf(value).Pointer() != v.Field(i).Pointer() {
				t.Errorf("%s holds another field", names[i])
			}
		}
	}
}
