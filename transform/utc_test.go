package transform

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// notations write an instant in every way the contract accepts, each to its own
// precision. Those without an offset are in the zone that t is in.
var notations = map[string]struct {
	unit  time.Duration // what is finer is lost in writing
	write func(t time.Time) string
	local bool
}{
	"RFC 3339":             {1, func(t time.Time) string { return quote(t, "2006-01-02T15:04:05.999999999Z07:00") }, false},
	"nine digits":          {1, func(t time.Time) string { return quote(t, "2006-01-02T15:04:05.000000000-07:00") }, false},
	"a comma":              {1, func(t time.Time) string { return quote(t, "2006-01-02T15:04:05,000000-07:00") }, false},
	"a space":              {time.Millisecond, func(t time.Time) string { return quote(t, "2006-01-02 15:04:05.000-0700") }, false},
	"a space before Z":     {time.Millisecond, func(t time.Time) string { return quote(t.UTC(), "2006-01-02t15:04:05.000 Z") }, false},
	"a small z":            {time.Second, func(t time.Time) string { return quote(t.UTC(), "2006-01-02 15:04:05z") }, false},
	"UTC":                  {time.Second, func(t time.Time) string { return quote(t.UTC(), "2006-01-02 15:04:05UTC") }, false},
	"GMT":                  {time.Minute, func(t time.Time) string { return quote(t.UTC(), "2006-01-02 15:04 GMT") }, false},
	"hours":                {time.Second, func(t time.Time) string { return quote(wholeHours(t), "2006-01-02T15:04:05 -07") }, false},
	"no seconds":           {time.Minute, func(t time.Time) string { return quote(t, "2006-01-02T15:04 -07:00") }, false},
	"local":                {time.Microsecond, func(t time.Time) string { return quote(t, "2006-01-02 15:04:05.000000") }, true},
	"local, no seconds":    {time.Minute, func(t time.Time) string { return quote(t, "2006-01-02T15:04") }, true},
	"white space around":   {time.Second, func(t time.Time) string { return `"\u3000` + t.UTC().Format("2006-01-02T15:04:05Z") + ` \n"` }, false},
	"epoch seconds":        {time.Second, func(t time.Time) string { return fmt.Sprint(t.Unix()) }, false},
	"epoch with fraction":  {time.Microsecond, func(t time.Time) string { return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1e3) }, false},
	"epoch text, fraction": {1, func(t time.Time) string { return fmt.Sprintf(`"%d.%09d"`, t.Unix(), t.Nanosecond()) }, false},
	"epoch, exponent":      {time.Second, func(t time.Time) string { return fmt.Sprintf("%de-3", t.Unix()*1000) }, false},
	"epoch milliseconds":   {time.Millisecond, func(t time.Time) string { return fmt.Sprint(t.UnixMilli()) }, false},
	"epoch microseconds":   {time.Microsecond, func(t time.Time) string { return fmt.Sprintf(`"%d"`, t.UnixMicro()) }, false},
	"epoch nanoseconds":    {1, func(t time.Time) string { return fmt.Sprint(t.UnixNano()) }, false},
}

func quote(t time.Time, layout string) string { return `"` + t.Format(layout) + `"` }

func wholeHours(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.In(time.FixedZone("", offset/3600*3600))
}

// TestNormalise_AnyInstantAnyZoneAnyNotation writes an instant and reads it back
// through all stages: it is the same, cut to its notation and to milliseconds.
func TestNormalise_AnyInstantAnyZoneAnyNotation(t *testing.T) {
	workers := map[string]*Worker{}
	for _, name := range someZones {
		config := Defaults()
		config.SourceTimezone = name
		workers[name] = newWorker(t, config)
	}
	for name, notation := range notations {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				zone := rapid.SampledFrom(someZones).Draw(t, "zone")
				location, err := LoadZone(zone)
				if err != nil {
					t.Fatal(err)
				}
				seconds := rapid.Int64Range(year2000/1000, year2200/1000-1).Draw(t, "seconds")
				nanos := rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")
				at := time.Unix(seconds, nanos).In(location)
				if _, offset := at.Zone(); notation.local && fold0(location, seconds+int64(offset)) != int64(offset) {
					return // the second pass of an overlap cannot be written
				}
				want := at.Truncate(notation.unit).UnixMilli()
				text := notation.write(at)
				message := fmt.Sprintf(`{"subscription_id":"RC1","event_timestamp":"2024-01-05","subscription_action":"Renewed","next_billed_at":%s}`, text)
				r := workers[zone].Apply([]byte(message), sampleNow)
				if r.Outcome != Stored {
					t.Fatalf("%s: %s %s", text, r.Reason, r.Field)
				}
				if got := r.Event.NextBilledAt; !got.Valid || int64(got.Millis) != want {
					t.Fatalf("%s: %v, want %d", text, got, want)
				}
			})
		})
	}
}

func TestNormalise_Edges(t *testing.T) {
	const stored = ""
	cases := []struct {
		note, field, input string
		want               string // a reason, or stored
		millis             int64  // -1 for none
	}{
		{"below 1e11 is seconds", "next_billed_at", "99999999999", stored, -1},
		{"just below 1e11 with a fraction", "next_billed_at", "7258118399.9999", stored, 7258118399999},
		{"below 1e14 is milliseconds", "next_billed_at", "7258118399999", stored, 7258118399999},
		{"1e14 is microseconds", "next_billed_at", "100000000000000", "timestamp_out_of_range", 0},
		{"just below 1e17 is microseconds", "next_billed_at", "99999999999999999", stored, -1},
		{"1e17 is nanoseconds", "next_billed_at", "100000000000000000", "timestamp_out_of_range", 0},
		{"1e15 microseconds are in 2001", "next_billed_at", "1000000000000000", stored, 1000000000000},
		{"1e18 nanoseconds are in 2001", "next_billed_at", "1000000000000000000", stored, 1000000000000},
		{"an immense epoch is never", "next_billed_at", "1e999999999", stored, -1},
		{"an immense epoch is no event", "event_timestamp", "1e999999999", "timestamp_out_of_range", 0},
		{"a tiny epoch is not 0", "next_billed_at", "1e-999999999", "timestamp_out_of_range", 0},
		{"0 with an immense exponent is 0", "next_billed_at", "0e999999999", stored, -1},
		{"a tiny negative epoch is negative", "next_billed_at", "-1e-9", "timestamp_out_of_range", 0},
		{"-0 in text is epoch 0", "next_billed_at", `"-0"`, stored, -1},
		{"a negative fraction in text", "next_billed_at", `"-1.5"`, "timestamp_out_of_range", 0},
		{"14 zeros", "next_billed_at", `"00000000000000"`, "invalid_timestamp", 0},
		{"14 digits as a number are milliseconds of 2611", "next_billed_at", "20240105100000", stored, -1},
		{"a plus in text", "next_billed_at", `"+1704448800"`, "invalid_timestamp", 0},
		{"a point without digits before it", "next_billed_at", `".5"`, "invalid_timestamp", 0},
		{"a point without digits after it", "next_billed_at", `"5."`, "invalid_timestamp", 0},
		{"two points", "next_billed_at", `"1.2.3"`, "invalid_timestamp", 0},
		{"a minus alone", "next_billed_at", `"-"`, "invalid_timestamp", 0},
		{"digits beyond ASCII", "next_billed_at", `"١٧٠٤٤٤٨٨٠٠"`, "invalid_timestamp", 0},
		{"small utc", "next_billed_at", `"2024-01-05 10:00:00 utc"`, "invalid_timestamp", 0},
		{"a space alone before the end of a time", "next_billed_at", `"2024-01-05 10:00:00 \u00a0"`, stored, 1704448800000},
		{"an offset of minutes beyond 59", "next_billed_at", `"2024-01-05T10:00:00+01:60"`, "invalid_timestamp", 0},
		{"an offset with a colon alone", "next_billed_at", `"2024-01-05T10:00:00+01:"`, "invalid_timestamp", 0},
		{"+23:59", "next_billed_at", `"2024-01-05T10:00:00+23:59"`, stored, 1704448800000 - 86340000},
		{"-00:00", "next_billed_at", `"2024-01-05T10:00:00-00:00"`, stored, 1704448800000},
		{"a fraction alone", "next_billed_at", `"2024-01-05T10:00:00."`, "invalid_timestamp", 0},
		{"minute 60", "next_billed_at", `"2024-01-05T10:60:00"`, "invalid_timestamp", 0},
		{"a letter for a digit", "next_billed_at", `"2024-0l-05"`, "invalid_timestamp", 0},
		{"a sign for a digit", "next_billed_at", `"2024-01-05T10:00:-5Z"`, "invalid_timestamp", 0},
		{"month 13", "next_billed_at", `"2024-13-05"`, "invalid_timestamp", 0},
		{"month 0", "next_billed_at", `"2024-00-05"`, "invalid_timestamp", 0},
		{"day 0", "next_billed_at", `"2024-01-00"`, "invalid_timestamp", 0},
		{"a T at the end", "next_billed_at", `"2024-01-05T"`, "invalid_timestamp", 0},
		{"a NUL inside", "next_billed_at", `"2024-01-05\u000010:00:00"`, "invalid_timestamp", 0},
		{"a day after 1970, exactly", "next_billed_at", `"1970-01-02T00:00:00Z"`, stored, -1},
		{"a day and a microsecond after 1970, cut", "next_billed_at", `"1970-01-02T00:00:00.000999Z"`, stored, -1},
		{"a day and a millisecond after 1970", "next_billed_at", `"1970-01-02T00:00:00.001Z"`, "timestamp_out_of_range", 0},
		{"a day and a microsecond before 1970, cut", "next_billed_at", `"1969-12-30T23:59:59.999999Z"`, "timestamp_out_of_range", 0},
		{"1970 in the farthest zone", "next_billed_at", `"1970-01-01T00:00:00+23:59"`, stored, -1},
		{"an epoch of a day is no date", "next_billed_at", "86400", "timestamp_out_of_range", 0},
		{"an event of 1970", "event_timestamp", `"1970-01-01"`, "timestamp_out_of_range", 0},
		{"the first other instant", "trial_period_ended_at", "946684800", stored, 0},
		{"one millisecond earlier", "trial_period_ended_at", "946684799.999", "timestamp_out_of_range", 0},
		{"year 0", "next_billed_at", `"0000-01-01"`, "timestamp_out_of_range", 0},
		{"the last instant", "next_billed_at", `"2199-12-31T23:59:59.999999999Z"`, stored, 7258118399999},
		{"never begins", "next_billed_at", `"2200-01-01T00:00:00Z"`, stored, -1},
		{"an event never", "event_timestamp", `"9999-12-31"`, "timestamp_out_of_range", 0},
		{"the first event", "event_timestamp", `"2000-01-01"`, stored, 0},
		{"an event at epoch 0", "event_timestamp", `"0.0"`, "timestamp_out_of_range", 0},
		{"a boolean", "event_timestamp", "true", "invalid_type", 0},
		{"an array", "trial_period_ended_at", "[]", "invalid_type", 0},
		{"blank", "event_timestamp", `" "`, "missing_field", 0},
	}
	w := newWorker(t, Defaults())
	for _, c := range cases {
		t.Run(c.note, func(t *testing.T) {
			fields := map[string]json.RawMessage{c.field: json.RawMessage(c.input)}
			_, reason, field, _ := printed(t, w, sampleNow, fields)
			if reason != c.want || reason != "" && field != c.field {
				t.Fatalf("got %q of %q, want %q", reason, field, c.want)
			}
			if c.want != stored || c.field != "next_billed_at" {
				return
			}
			got := w.event.NextBilledAt
			if got.Valid != (c.millis >= 0) || got.Valid && int64(got.Millis) != c.millis {
				t.Errorf("got %v, want %d", got, c.millis)
			}
		})
	}
}

func TestNormalise_MidnightInAGap(t *testing.T) {
	config := Defaults()
	config.SourceTimezone = "America/Sao_Paulo" // on 2018-11-04 midnight did not exist
	w := newWorker(t, config)
	_, reason, _, event := printed(t, w, sampleNow, map[string]json.RawMessage{"event_timestamp": json.RawMessage(`"2018-11-04"`)})
	if got := event["event_timestamp"]; got != "2018-11-04T03:00:00.000Z" {
		t.Errorf("got %v %s", got, reason)
	}
}

func TestNormalise_MaxFuture(t *testing.T) {
	config := Defaults()
	config.MaxFuture = 90 * time.Minute
	w := newWorker(t, config)
	for offset, want := range map[time.Duration]string{90 * time.Minute: "", 90*time.Minute + time.Millisecond: "timestamp_out_of_range"} {
		at := sampleNow.Add(offset).Format(time.RFC3339Nano)
		_, reason, _, _ := printed(t, w, sampleNow, map[string]json.RawMessage{"event_timestamp": json.RawMessage(`"` + at + `"`)})
		if reason != want {
			t.Errorf("%s: %q, want %q", offset, reason, want)
		}
	}
	if strings.Contains(eventRangeDetail, "24") {
		t.Error("the detail names a limit that is configurable")
	}
}
