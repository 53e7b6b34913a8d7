package piano

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/wait"
)

// request is one request to the API.
type request struct {
	endpoint Endpoint
	params   url.Values
}

// maxAnswer limits an answer in memory: a page of 10,000 subscriptions is a third of it.
const maxAnswer = 128 << 20

// once sends the request once. wait is the API's Retry-After, 0 without one.
func (c *Client) once(ctx context.Context, r request) (opened *envelope, wait time.Duration, err error) {
	fail := func(status int, cause error, hint string) error {
		return &Error{Endpoint: r.endpoint.path, Status: status, cause: cause, Hint: hint}
	}
	if err := c.turn(ctx, r); err != nil {
		hint := ""
		if errors.Is(err, ErrBusy) {
			hint = "raise piano.rate where this happens often"
		}
		return nil, 0, fail(0, err, hint)
	}
	ask, err := c.prepare(ctx, r)
	if err != nil {
		return nil, 0, fail(0, err, "")
	}
	begun := time.Now()
	status := 0
	defer func() {
		if c.hooks.OnRequest != nil {
			c.hooks.OnRequest(r.endpoint.path, status, outcomeOf(err), time.Since(begun))
		}
	}()
	client := c.http
	if r.endpoint.Changes() {
		client = c.single
	}
	answer, err := client.Do(ask)
	if err != nil {
		return nil, 0, fail(0, r.unanswered(err), "")
	}
	defer answer.Body.Close()
	status = answer.StatusCode
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	body = c.tokens.without(body)
	switch {
	case err != nil:
		return nil, 0, fail(status, r.unknown(fmt.Errorf("%w: %w", errCut, broken(err))), "")
	case len(body) > maxAnswer:
		return nil, 0, fail(status, r.unknown(fmt.Errorf("%w: more than %d MiB", ErrShape, maxAnswer>>20)), "lower piano.page_size")
	case status == http.StatusOK:
		opened, err := r.open(body)
		return opened, 0, err
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, 0, fail(status, ErrAccess, codes[codeAccess].hint)
	case status == http.StatusTooManyRequests:
		return nil, retryAfter(answer.Header, time.Now()), fail(status, ErrBusy, "lower piano.rate")
	case status >= 500, status == http.StatusRequestTimeout:
		return nil, retryAfter(answer.Header, time.Now()), fail(status, r.unknown(ErrBusy), "")
	case status >= 300 && status < 400:
		return nil, 0, fail(status, r.unknown(fmt.Errorf("%w: redirects are not followed", ErrShape)), "check "+r.endpoint.setting())
	default:
		// An answer in the form of the API is more precise than its status.
		if refused := r.refusal(status, body); refused != nil {
			return nil, 0, refused
		}
		cause := fmt.Errorf("%w: %s", ErrShape, http.StatusText(status))
		if !neverDone(status) {
			cause = r.unknown(cause)
		}
		return nil, 0, fail(status, cause, "check "+r.endpoint.setting())
	}
}

// startBy is the key of StartBy in a context.
type startBy struct{}

// StartBy limits when a request that changes something may start: the read that it relies
// on gets old while the request waits for its turn (piano.rate). After that it is not sent,
// and the error wraps ErrBusy.
func StartBy(ctx context.Context, at time.Time) context.Context {
	return context.WithValue(ctx, startBy{}, at)
}

// turn waits for the rate limit.
func (c *Client) turn(ctx context.Context, r request) error {
	limit, limited := ctx.Value(startBy{}).(time.Time)
	if !r.endpoint.Changes() || !limited {
		if err := c.rate.Wait(ctx); err != nil {
			<-ctx.Done() // also where it would end before our turn
			return noTime{ctx.Err()}
		}
		return nil
	}
	mine := c.rate.Reserve()
	if time.Now().Add(mine.Delay()).After(limit) {
		mine.Cancel()
		return fmt.Errorf("%w: too many requests of this process wait for their turn, and nothing was sent", ErrBusy)
	}
	if err := wait.For(ctx, mine.Delay()); err != nil {
		mine.Cancel()
		return noTime{ctx.Err()}
	}
	return nil
}

// neverDone reports whether a status means that the server did not start the request.
func neverDone(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge,
		http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	default:
		return false
	}
}

// prepare creates the HTTP request. The token goes into a header, since a query is
// written to logs.
func (c *Client) prepare(ctx context.Context, r request) (*http.Request, error) {
	params := url.Values{"aid": {c.cfg.AID}}
	for name, values := range r.params {
		params[name] = values
	}
	base := c.cfg.BaseURL
	if r.endpoint.reports {
		base = c.cfg.ReportsURL
	}
	address := strings.TrimSuffix(base, "/") + r.endpoint.path
	var form io.Reader
	if r.endpoint.method == http.MethodPost {
		form = strings.NewReader(params.Encode())
	} else {
		address += "?" + params.Encode()
	}
	ask, err := http.NewRequestWithContext(ctx, r.endpoint.method, address, form)
	if err != nil {
		return nil, errors.New("the address of the API is invalid: check piano.base_url and piano.reports_url")
	}
	if form != nil {
		ask.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	ask.Header.Set("Accept", "application/json")
	ask.Header.Set("api_token", c.tokens.get())
	return ask, nil
}

// errCut: the answer is incomplete.
var errCut = errors.New("the answer was truncated")

// errUnsent: the request did not reach the API.
var errUnsent = errors.New("not connected")

// unanswered explains a network failure before the answer.
func (r request) unanswered(err error) error {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return fmt.Errorf("%w: %w", errUnsent, broken(err))
	}
	return r.unknown(broken(err))
}

// unknown marks an error after which the outcome of a change is unknown.
func (r request) unknown(err error) error {
	if r.endpoint.Changes() {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return err
}

// repeatable reports whether a retry may help and does no harm.
func repeatable(r request, err error) bool {
	if r.endpoint.effect == changesOnce {
		return false
	}
	if errors.Is(err, errUnsent) {
		return true
	}
	var answered *Error
	if errors.As(err, &answered) && answered.Status == http.StatusTooManyRequests {
		return true // refused before anything was done
	}
	if r.endpoint.effect != reads {
		return false
	}
	var network net.Error
	return errors.Is(err, ErrBusy) || errors.Is(err, errCut) || errors.Is(err, errNoJSON) || errors.Is(err, errNoHTTP) ||
		errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// retryAfter parses the header as seconds or a date; 0 without one. It is at most ten
// minutes: an error of the API must not stop a run for days.
func retryAfter(h http.Header, now time.Time) time.Duration {
	const maxWait = 10 * time.Minute
	text := strings.TrimSpace(h.Get("Retry-After"))
	// The number may have any length: only its size compared with the limit counts.
	seconds, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err == nil && seconds >= 0, errors.Is(err, strconv.ErrRange) && seconds > 0:
		return time.Duration(min(seconds, int64(maxWait/time.Second))) * time.Second
	case err == nil:
		return 0
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxWait)
	}
	return 0
}
