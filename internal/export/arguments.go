package export

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/bucket"
)

// Arguments are the words of a command or of a schedule.
type Arguments struct {
	View        string
	To          string
	Format      string
	Since       string
	Month       string
	PartitionBy string
}

// Request is what one export does.
type Request struct {
	View    View
	Format  Format
	Since   Since
	Month   Month // zero: all
	ByMonth bool  // one file a month

	to target
}

// Since is where an incremental export begins. The zero value is a full export.
type Since struct {
	Last bool
	Time time.Time
}

// partial reports whether the export leaves out what has not changed.
func (s Since) partial() bool { return s.Last || !s.Time.IsZero() }

// Month is a month of event_timestamp: year times 100 plus month, as toYYYYMM gives it.
type Month uint32

// String is the form 2026-10.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m/100, m%100) }

// target is where the files go: a directory, a bucket, or standard output.
type target struct {
	directory string
	bucket    bucket.Location
	stream    bool
}

// streamName is the target standard output.
const streamName = "-"

// name is the target without parameters, for texts, logs and metrics.
func (t target) name() string {
	switch {
	case t.stream:
		return streamName
	case t.directory != "":
		return t.directory
	default:
		return t.bucket.Name()
	}
}

// DestinationName is a destination as texts show it, or an error without its text: a URL may
// have a secret. to is as in Arguments.
func DestinationName(to string) (string, error) {
	t, err := parseTarget(to)
	return t.name(), err
}

// To is the destination, as texts and metrics show it.
func (r Request) To() string { return r.to.name() }

// Parse reads all words, and reports every mistake with the name of its argument.
func (a Arguments) Parse(now time.Time) (Request, error) {
	var r Request
	var mistakes []error
	check := func(err error) {
		if err != nil {
			mistakes = append(mistakes, err)
		}
	}
	var err error
	r.View, err = ParseView(a.View)
	check(err)
	r.Format, err = ParseFormat(a.Format)
	check(err)
	r.to, err = parseTarget(a.To)
	check(err)
	r.Since, err = parseSince(a.Since, now)
	check(err)
	r.Month, err = parseMonth(a.Month)
	check(err)
	switch a.PartitionBy {
	case "":
	case "month":
		r.ByMonth = true
	default:
		check(errors.New("partition-by: is not month"))
	}
	if len(mistakes) == 0 {
		check(r.fits())
	}
	return r, errors.Join(mistakes...)
}

// fits reports arguments that do not fit together.
func (r Request) fits() error {
	var mistakes []error
	if r.Since.partial() && !r.View.incremental() {
		mistakes = append(mistakes, errors.New("since: needs the stream; a row that leaves another view leaves no mark, so export that view whole"))
	}
	if r.Month != 0 && !r.View.monthly() {
		mistakes = append(mistakes, errors.New("month: needs a view with the column "+partitionColumn+": stream or analytics_events"))
	}
	if r.ByMonth && !r.View.monthly() {
		mistakes = append(mistakes, errors.New("partition-by: needs a view with the column "+partitionColumn+": stream or analytics_events"))
	}
	if r.to.stream && r.ByMonth {
		mistakes = append(mistakes, errors.New("partition-by: standard output is one file; use a directory or a bucket"))
	}
	if r.to.stream && r.Since.Last {
		mistakes = append(mistakes, errors.New("since: standard output has no earlier manifest; use a time, or a directory or a bucket"))
	}
	return errors.Join(mistakes...)
}

func parseTarget(text string) (target, error) {
	switch {
	case text == "":
		return target{}, errors.New("to: is missing; give a directory, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, or - for standard output")
	case text == streamName:
		return target{stream: true}, nil
	case bucket.IsURL(text):
		location, err := bucket.Parse(text)
		if err == nil && location.HasPattern() {
			err = errors.New("the key is a pattern; give the prefix of the objects")
		}
		if err != nil {
			return target{}, fmt.Errorf("to: %w", err)
		}
		if location.Key != "" {
			location.Key = strings.TrimSuffix(location.Key, "/") + "/"
		}
		return target{bucket: location}, nil
	case strings.HasPrefix(text, bucket.S3+":"), strings.HasPrefix(text, bucket.GCS+":"):
		return target{}, errors.New("to: is not the URL of a bucket; write s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")
	default:
		return target{directory: text}, nil
	}
}

// firstYear is the first one of an event's time.
const firstYear = 2000

func parseSince(text string, now time.Time) (Since, error) {
	switch text {
	case "":
		return Since{}, nil
	case "last":
		return Since{Last: true}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return Since{}, errors.New("since: is neither last nor a time with an offset, such as 2026-01-31T12:00:00Z")
	case at.After(now):
		return Since{}, errors.New("since: is in the future")
	case at.Year() < firstYear:
		return Since{}, fmt.Errorf("since: is before the year %d", firstYear)
	}
	return Since{Time: at.UTC()}, nil
}

func parseMonth(text string) (Month, error) {
	if text == "" {
		return 0, nil
	}
	at, err := time.Parse("2006-01", text)
	if err != nil || at.Year() < firstYear {
		return 0, errors.New("month: is not a month such as 2026-10")
	}
	return Month(at.Year()*100 + int(at.Month())), nil
}
