package piano

import (
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/transform"
)

// Date is a date as the API writes it: seconds since 1970, as a number or as text, or
// ISO 8601. Most objects have numbers, some have text.
type Date struct{ raw json.RawMessage }

// UnmarshalJSON keeps the value, so that an error can name the field.
func (d *Date) UnmarshalJSON(raw []byte) error {
	d.raw = append(d.raw[:0], raw...)
	return nil
}

var (
	errDate      = errors.New("want seconds since 1970 or an ISO 8601 date")
	errDateRange = errors.New("is before the year 2000")
	errMillis    = errors.New("want seconds since 1970, not milliseconds")
)

const (
	epoch2000 = 946_684_800 // 2000-01-01T00:00:00Z
	epoch2200 = 7_258_118_400

	// As milliseconds, a number between these is a date of 2000 to 2199. As seconds it is
	// beyond the year 31000, which no "never" uses.
	millis2000, millis2200 = epoch2000 * 1000, epoch2200 * 1000
)

// plainNumber is a JSON number, without the forms that only strconv knows (0x1p4, Infinity).
var plainNumber = regexp.MustCompile(`^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$`)

// Instant is nil without a date. 0 means no date, and so does a date after the year 2199,
// which Piano uses for a date that never comes. A date before 2000 is an error: a number
// of days or of minutes would look like one. So is a number of milliseconds: it would count
// as a date that never comes.
func (d Date) Instant() (*time.Time, error) {
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
	if !plainNumber.MatchString(text) {
		return isoDate(text)
	}
	seconds, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil, seconds < 0:
		return nil, errDate
	case seconds >= millis2000 && seconds < millis2200:
		return nil, errMillis
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
	case errors.Is(err, transform.ErrTimestampRange):
		return nil, errDateRange
	case err != nil:
		return nil, errDate
	case !at.Valid:
		return nil, nil
	}
	t := time.UnixMilli(int64(at.Millis)).UTC()
	return &t, nil
}
