package piano

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Hooks tell an observer, such as a metrics registry, what happens. Each may be
// nil. They may be called from several goroutines at once and must not block.
type Hooks struct {
	// OnRequest is told of every attempt, those that are repeated included: the
	// path of the API, the status of HTTP (0: no answer), and what became of it.
	OnRequest func(endpoint string, status int, outcome Outcome, took time.Duration)
}

// Client is for one application of Piano's. It is safe for concurrent use; all
// its requests share one rate.
type Client struct {
	cfg    Config
	filter Filter
	log    *zap.Logger
	hooks  Hooks
	http   *http.Client
	rate   *rate.Limiter
}

// New makes a client. It connects to nothing. filter marks internal users'
// subscriptions; nil marks none.
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
			// A redirect would take the token to wherever it points.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		rate: rate.NewLimiter(rate.Limit(cfg.Rate), 1),
	}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }
