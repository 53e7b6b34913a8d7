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
	rate   *rate.Limiter

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
	return &Client{
		cfg: cfg, filter: filter, log: log.Named("piano"), hooks: hooks,
		http: &http.Client{
			Timeout:   cfg.Timeout,
			Transport: http.DefaultTransport.(*http.Transport).Clone(), // proxies of the environment, HTTP/2
			// A redirect would send the token to another server.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		rate:      rate.NewLimiter(rate.Limit(cfg.Rate), 1),
		maxExport: maxExport,
	}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }
