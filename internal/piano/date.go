package piano

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/transform"
)

// date is a date as the API writes it: seconds since 1970, as a number or as text, or
// ISO 8601. Most objects have numbers, some have text.
type date struct{ raw json.RawMessage }

// UnmarshalJSON keeps the value, so that an error can name the field.
func (d *date) UnmarshalJSON(raw []byte) error {
	d.raw = append(d.raw[:0], raw...)
	return nil
}

var (
	errDate      = errors.New("want seconds since 1970 or an ISO 8601 date")
	errDateRange = errors.New("is before the year 2000")
)

const (
	epoch2000 = 946_684_800 // 2000-01-01T00:00:00Z
	epoch2200 = 7_258_118_400
)

// instant is nil without a date. 0 means no date, and so does a date after the year 2199,
// which Piano uses for a date that never comes. A date before 2000 is an error: a number
// of days or of minutes would look like one.
func (d date) instant() (*time.Time, error) {
	text := strings.TrimSpace(string(d.raw))
	if text == "" || text == "null" {
		return nil, nil
	}
	if text[0] == '"' {
		var unquoted string
		if json.Unmarshal(d.raw, &unquoted) != nil {
			return nil, errDate
		}
		if text = strings.TrimSpace(unquoted); text == "" {
			return nil, nil
		}
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return isoDate(text)
	}
	switch {
	case math.IsNaN(seconds), seconds < 0:
		return nil, errDate
	case seconds == 0, seconds >= epoch2200:
		return nil, nil
	case seconds < epoch2000:
		return nil, errDateRange
	}
	at := time.Unix(int64(seconds), 0).UTC()
	return &at, nil
}

// utc has the notations of the stream's timestamps. A text without an offset is UTC, as
// Piano's numbers are.
var utc = func() *transform.Rules {
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		panic(err) // the defaults are valid
	}
	return rules
}()

func isoDate(text string) (*time.Time, error) {
	at, err := utc.Timestamp(text)
	switch {
	case err != nil:
		return nil, errDate
	case !at.Valid:
		return nil, nil
	case at.Millis < epoch2000*1000:
		return nil, errDateRange
	}
	t := time.UnixMilli(int64(at.Millis)).UTC()
	return &t, nil
}
