package piano

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Config configures a Client. The comments name the keys of the configuration file.
type Config struct {
	BaseURL    string // piano.base_url: of the Publisher API, with its version, such as https://api.piano.io/api/v3
	ReportsURL string // piano.reports_url: of the exports
	AID        string // piano.aid: the application
	Token      string // piano.api_token: sent only in a header
	// ReadToken reads the token again after Piano has rejected it, since tokens are rotated;
	// nil where it never changes.
	ReadToken func() (string, error)

	// PageSize (piano.page_size) is how many subscriptions a list request asks for; the
	// API may return fewer.
	PageSize int
	// Rate (piano.rate) is the maximum number of requests per second of the client. Piano
	// publishes no limit.
	Rate float64
	// Timeout (piano.timeout) limits one request including its answer.
	Timeout time.Duration
	Retry   Retry
}

// Retry configures how a request is retried: after 429, 5xx, truncated answers and network
// failures. A Retry-After of the API has priority.
type Retry struct {
	Initial  time.Duration // piano.retry.initial: pause before the second attempt
	Max      time.Duration // piano.retry.max: longest pause
	Attempts int           // piano.retry.attempts: after these the last error is returned
}

// Defaults are conservative, since Piano publishes no limits.
func Defaults() Config {
	return Config{
		BaseURL: "https://api.piano.io/api/v3", ReportsURL: "https://reports-api.piano.io/rest",
		PageSize: 100, Rate: 5, Timeout: 30 * time.Second,
		Retry: Retry{Initial: time.Second, Max: time.Minute, Attempts: 8},
	}
}

// Validate reports every mistake at once, each with its key path. It does not check AID
// and token: without them reconciliation is disabled.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for key, text := range map[string]string{"piano.base_url": c.BaseURL, "piano.reports_url": c.ReportsURL} {
		u, err := url.Parse(text)
		check(err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil,
			"%s: want http(s)://host/path without query, fragment and login", key)
	}
	check(c.PageSize >= 2 && c.PageSize <= 10_000, "piano.page_size: %d is not between 2 and 10000", c.PageSize)
	check(c.Rate > 0 && c.Rate <= 10_000, "piano.rate: %v is not above 0 and at most 10000", c.Rate)
	check(c.Timeout > 0, "piano.timeout: %v is not above 0", c.Timeout)
	check(c.Retry.Initial > 0 && c.Retry.Initial <= c.Retry.Max, "piano.retry.initial: %v is not above 0 and at most piano.retry.max", c.Retry.Initial)
	check(c.Retry.Attempts >= 1, "piano.retry.attempts: %d is below 1", c.Retry.Attempts)
	return errors.Join(errs...)
}
