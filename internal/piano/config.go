package piano

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Config says where the API is and how it may be used. Key paths in the comments
// are those of the configuration file.
type Config struct {
	BaseURL    string // piano.base_url: of the Publisher API, with its version, such as https://api.piano.io/api/v3
	ReportsURL string // piano.reports_url: of the exports
	AID        string // piano.aid: the application
	Token      string // piano.api_token: sent in a header alone

	// PageSize (piano.page_size) is how many subscriptions are asked for at a
	// time; the API may give fewer.
	PageSize int
	// Rate (piano.rate) is how many requests a second are sent at most, all
	// together. Piano publishes no limit.
	Rate float64
	// Timeout (piano.timeout) bounds one request, its answer included.
	Timeout time.Duration
	Retry   Retry
}

// Retry is how a request that may be repeated is: on 429, on 5xx, on answers that
// were cut and on failures of the network. A Retry-After of the API's goes first.
type Retry struct {
	Initial  time.Duration // piano.retry.initial: pause before the second attempt
	Max      time.Duration // piano.retry.max: the pauses grow up to this
	Attempts int           // piano.retry.attempts: then the last error counts
}

// Defaults are careful: nothing is known of what Piano allows.
func Defaults() Config {
	return Config{
		BaseURL: "https://api.piano.io/api/v3", ReportsURL: "https://reports-api.piano.io/rest",
		PageSize: 100, Rate: 5, Timeout: 30 * time.Second,
		Retry: Retry{Initial: time.Second, Max: time.Minute, Attempts: 8},
	}
}

// Validate reports every mistake at once, each with its key path. It does not
// need AID and token: reconciling is off without them.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for key, text := range map[string]string{"piano.base_url": c.BaseURL, "piano.reports_url": c.ReportsURL} {
		u, err := url.Parse(text)
		check(err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.RawQuery == "" && u.User == nil,
			"%s: want http(s)://host/path without query and login", key)
	}
	check(c.PageSize >= 2 && c.PageSize <= 10_000, "piano.page_size: %d is not between 2 and 10000", c.PageSize)
	check(c.Rate > 0 && c.Rate <= 10_000, "piano.rate: %v is not above 0 and at most 10000", c.Rate)
	check(c.Timeout > 0, "piano.timeout: %v is not above 0", c.Timeout)
	check(c.Retry.Initial > 0 && c.Retry.Initial <= c.Retry.Max, "piano.retry.initial: %v is not above 0 and at most piano.retry.max", c.Retry.Initial)
	check(c.Retry.Attempts >= 1, "piano.retry.attempts: %d is below 1", c.Retry.Attempts)
	return errors.Join(errs...)
}
