package export

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Scheduled is an export that is repeated.
type Scheduled struct {
	Request
	Every time.Duration
}

// minEvery is the shortest interval of a schedule. Each run asks for the columns, the
// ledger and the newest manifest.
const minEvery = time.Minute

// ParseScheduled reads one item of a schedule: the arguments of pianola export as on the
// command line, and --every with the interval, such as
//
//	stream --to s3://lake/piano --format parquet --since last --every 15m
//
// A list of such items also fits into an environment variable. There is no quoting, so a
// path has no spaces. Errors do not repeat the text.
func ParseScheduled(text string, now time.Time) (Scheduled, error) {
	words := strings.Fields(text)
	if len(words) == 0 || strings.HasPrefix(words[0], "-") {
		return Scheduled{}, errors.New("does not begin with a view; write stream --to DIR --format parquet --every 1h")
	}
	a := Arguments{View: words[0]}
	var every string
	into := map[string]*string{
		"--to": &a.To, "--format": &a.Format, "--since": &a.Since, "--month": &a.Month, "--partition-by": &a.PartitionBy, "--every": &every,
	}
	for rest := words[1:]; len(rest) > 0; {
		name, value, joined := strings.Cut(rest[0], "=")
		rest = rest[1:]
		field, known := into[name]
		switch {
		case !known:
			return Scheduled{}, errors.New("has an argument that is unknown or not at its place; --to, --format, --since, --month, --partition-by and --every follow the view (a path cannot have spaces)")
		case *field != "":
			return Scheduled{}, fmt.Errorf("has %s twice", name)
		case !joined && len(rest) == 0, joined && value == "":
			return Scheduled{}, fmt.Errorf("has %s without a value", name)
		case !joined:
			value, rest = rest[0], rest[1:]
		}
		*field = value
	}
	r, err := a.Parse(now)
	if err != nil {
		return Scheduled{}, err
	}
	if r.to.stream {
		return Scheduled{}, errors.New("to: a schedule cannot write to standard output")
	}
	interval, err := time.ParseDuration(every)
	if err != nil || interval < minEvery {
		return Scheduled{}, fmt.Errorf("every: is not a duration of at least %v, such as 15m or 24h", minEvery)
	}
	return Scheduled{Request: r, Every: interval}, nil
}
