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
)

// request is one call of the API.
type request struct {
	method   string
	base     string // piano.base_url or piano.reports_url
	endpoint string
	params   url.Values
	// changes says that it may change something: it is sent once, and no answer
	// that tells is ErrOutcomeUnknown.
	changes bool
	// maxAge is how long after the first attempt another one may start: the read that it
	// relies on gets old. 0 is no limit.
	maxAge time.Duration
	// bare says that an answer may come without the envelope.
	bare bool
}

// maxAnswer bounds an answer in memory: a page of 10,000 subscriptions is a third
// of it.
const maxAnswer = 128 << 20

// once sends it once. wait is how long the API wants to be left alone, 0 where it
// did not say.
func (c *Client) once(ctx context.Context, r request) (opened *envelope, wait time.Duration, err error) {
	fail := func(status int, cause error, hint string) error {
		return &Error{Endpoint: r.endpoint, Status: status, cause: cause, Hint: hint}
	}
	if err := c.rate.Wait(ctx); err != nil {
		<-ctx.Done() // also where it will have ended before it is our turn
		return nil, 0, fail(0, noTime{ctx.Err()}, "")
	}
	ask, err := c.prepare(ctx, r)
	if err != nil {
		return nil, 0, fail(0, err, "")
	}
	begun := time.Now()
	status := 0
	defer func() {
		if c.hooks.OnRequest != nil {
			c.hooks.OnRequest(r.endpoint, status, outcomeOf(err), time.Since(begun))
		}
	}()
	answer, err := c.http.Do(ask)
	if err != nil {
		return nil, 0, fail(0, r.unanswered(err), "")
	}
	defer answer.Body.Close()
	status = answer.StatusCode
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	body = c.withoutToken(body)
	switch {
	case err != nil:
		return nil, 0, fail(status, r.untold(fmt.Errorf("%w: %w", errCut, broken(err))), "")
	case len(body) > maxAnswer:
		return nil, 0, fail(status, r.untold(fmt.Errorf("%w: more than %d MiB", ErrShape, maxAnswer>>20)), "lower piano.page_size")
	case status == http.StatusOK:
		opened, err := r.open(body)
		return opened, 0, err
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		hint, _ := byCode(2)
		return nil, 0, fail(status, ErrAccess, hint)
	case status == http.StatusTooManyRequests:
		return nil, retryAfter(answer.Header, time.Now()), fail(status, ErrBusy, "lower piano.rate")
	case status >= 500:
		return nil, retryAfter(answer.Header, time.Now()), fail(status, r.untold(ErrBusy), "")
	case status >= 300 && status < 400:
		return nil, 0, fail(status, r.untold(fmt.Errorf("%w: a redirect, which is not followed", ErrShape)), "check "+r.setting())
	default:
		// An answer in the API's own form says more than its status.
		if refused := r.refusal(status, body); refused != nil {
			return nil, 0, refused
		}
		cause := fmt.Errorf("%w: %s", ErrShape, http.StatusText(status))
		if !neverDone(status) {
			cause = r.untold(cause)
		}
		return nil, 0, fail(status, cause, "check "+r.setting())
	}
}

// setting is where the address of the API comes from.
func (r request) setting() string {
	if strings.HasPrefix(r.endpoint, "/export/") {
		return "piano.reports_url"
	}
	return "piano.base_url"
}

// neverDone are statuses by which a server says that it has not begun.
func neverDone(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	default:
		return false
	}
}

// prepare makes the HTTP request. The token goes into a header, and nothing else
// does: a query ends up in logs.
func (c *Client) prepare(ctx context.Context, r request) (*http.Request, error) {
	params := url.Values{"aid": {c.cfg.AID}}
	for name, values := range r.params {
		params[name] = values
	}
	address := strings.TrimSuffix(r.base, "/") + r.endpoint
	var form io.Reader
	if r.method == http.MethodPost {
		form = strings.NewReader(params.Encode())
	} else {
		address += "?" + params.Encode()
	}
	ask, err := http.NewRequestWithContext(ctx, r.method, address, form)
	if err != nil {
		return nil, errors.New("the address of the API cannot be used: check piano.base_url and piano.reports_url")
	}
	if form != nil {
		ask.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	ask.Header.Set("Accept", "application/json")
	ask.Header.Set("api_token", c.cfg.Token)
	return ask, nil
}

// errCut says that an answer ended before its end.
var errCut = errors.New("the answer was cut")

// errUnsent says that a request has not reached the API.
var errUnsent = errors.New("not connected")

// unanswered explains a failure of the network before there was an answer.
func (r request) unanswered(err error) error {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return fmt.Errorf("%w: %w", errUnsent, broken(err))
	}
	return r.untold(broken(err))
}

// untold marks an answer that does not tell what became of a request.
func (r request) untold(err error) error {
	if r.changes {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return err
}

// repeatable says whether sending it again may help and cannot harm.
func repeatable(r request, err error) bool {
	if errors.Is(err, errUnsent) {
		return true
	}
	var answered *Error
	if errors.As(err, &answered) && answered.Status == http.StatusTooManyRequests {
		return true // it was refused before anything was done
	}
	if r.changes {
		return false
	}
	var network net.Error
	return errors.Is(err, ErrBusy) || errors.Is(err, errCut) || errors.Is(err, errNoJSON) || errors.Is(err, errNoHTTP) ||
		errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// retryAfter reads the header in seconds or as a date; 0 where it says nothing. At
// most ten minutes: a mistake of the API's is not to stop a run for days.
func retryAfter(h http.Header, now time.Time) time.Duration {
	const most = 10 * time.Minute
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return min(max(time.Duration(seconds)*time.Second, 0), most)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), most)
	}
	return 0
}
