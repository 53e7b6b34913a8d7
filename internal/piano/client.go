package piano

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Hooks inform an observer, such as a metrics registry. Each may be nil. They may be called
// concurrently and must not block.
type Hooks struct {
	// OnRequest is called after every attempt, with the path of the API, the HTTP status
	// (0: no answer) and the outcome.
	OnRequest func(endpoint string, status int, outcome Outcome, took time.Duration)
}

// Client sends requests for one Piano application. It is safe for concurrent use; all its
// requests share one rate limit.
type Client struct {
	cfg    Config
	filter Filter
	log    *zap.Logger
	hooks  Hooks
	http   *http.Client
	single *http.Client // for requests that change something
	rate   *rate.Limiter
	tokens tokens

	maxExport int64 // bytes of the file of an export
}

// New creates a client. It does no I/O. filter marks subscriptions of internal users; nil
// marks none.
func New(cfg Config, filter Filter, log *zap.Logger, hooks Hooks) (*Client, error) {
	err := cfg.Validate()
	if cfg.AID == "" {
		err = errors.Join(err, errors.New("piano.aid: is empty"))
	}
	if cfg.Token == "" {
		err = errors.Join(err, errors.New("piano.api_token: is empty; set it, or piano.api_token_file"))
	}
	if err != nil {
		return nil, fmt.Errorf("piano: %w", err)
	}
	// Proxies of the environment, HTTP/2.
	reading, changing := http.DefaultTransport.(*http.Transport).Clone(), http.DefaultTransport.(*http.Transport).Clone()
	withoutRepetition(changing)
	// A redirect would send the token to another server.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		cfg: cfg, filter: filter, log: log.Named("piano"), hooks: hooks,
		http:      &http.Client{Timeout: cfg.Timeout, Transport: reading, CheckRedirect: stay},
		single:    &http.Client{Timeout: cfg.Timeout, Transport: changing, CheckRedirect: stay},
		rate:      rate.NewLimiter(rate.Limit(cfg.Rate), 1),
		tokens:    tokens{current: cfg.Token, read: cfg.ReadToken},
		maxExport: maxExport,
	}, nil
}

// withoutRepetition makes a transport send each request once. net/http repeats a GET
// when a connection that it used before breaks, and Piano refunds and grants by GET. A
// connection of its own for each request is never one that was used before. HTTP/2 is off,
// since its client repeats requests by other rules.
func withoutRepetition(t *http.Transport) {
	t.DisableKeepAlives = true
	t.ForceAttemptHTTP2 = false
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
}

// Close closes idle connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.single.CloseIdleConnections()
}
