package piano

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

var (
	errAddress = fmt.Errorf("%w: the file's address is not https", ErrShape)
	errStalled = errors.New("nothing came any more")
)

// fetch asks for the file's address and fetches it, once. The address lies elsewhere
// and carries its own permission, which may not last: the token stays here, and each
// fetch asks anew. again says that another may help: asking for the address has had
// its own attempts, and what cannot be written now cannot be written then. wait is how
// long whoever has the file wants to be left alone, 0 where he did not say.
func (c *Client) fetch(ctx context.Context, id string, begin func() (io.Writer, error)) (wait time.Duration, again bool, err error) {
	j, err := c.report(ctx, request{method: http.MethodGet, endpoint: urlEndpoint, params: url.Values{"export_id": {id}}})
	if err != nil {
		return 0, false, err
	}
	fail := func(status int, cause error) (time.Duration, bool, error) {
		err := &Error{Endpoint: urlEndpoint, Status: status, cause: cause, Hint: "the file could not be fetched; run again, or export from the console (Reports, Logs, Subscriptions)"}
		return wait, errors.Is(err, errStalled) || repeatable(request{}, err), err
	}
	address, err := url.Parse(j.URL)
	if err != nil || !c.mayHoldFiles(address) {
		return fail(http.StatusOK, errAddress)
	}
	// A file takes as long as it takes: piano.timeout bounds the silence in it, not
	// the whole.
	ctx, cancel := context.WithCancelCause(ctx)
	silence := time.AfterFunc(c.cfg.Timeout, func() { cancel(errStalled) })
	defer func() { silence.Stop(); cancel(nil) }()
	cause := func(err error) error {
		if errors.Is(context.Cause(ctx), errStalled) {
			return errStalled
		}
		return broken(err)
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return fail(http.StatusOK, errAddress)
	}
	fetching := &http.Client{Transport: c.http.Transport, CheckRedirect: c.mayRedirect}
	answer, err := fetching.Do(ask)
	switch {
	case errors.Is(err, errAddress):
		return fail(0, errAddress)
	case err != nil:
		return fail(0, cause(err))
	}
	defer answer.Body.Close()
	switch status := answer.StatusCode; {
	case status == http.StatusTooManyRequests, status >= 500:
		wait = retryAfter(answer.Header, time.Now())
		return fail(status, fmt.Errorf("%w: %w", ErrExport, ErrBusy))
	case status != http.StatusOK:
		return fail(status, ErrExport)
	}
	silence.Stop() // what begin takes of time is not the file's
	dst, err := begin()
	if err != nil {
		return 0, false, fmt.Errorf("begin the file of the export: %w", err)
	}
	to := &taker{dst: dst}
	_, err = io.Copy(to, &watched{from: answer.Body, silence: silence, most: c.cfg.Timeout})
	switch {
	case to.err != nil:
		return 0, false, fmt.Errorf("write the export: %w", to.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fail(answer.StatusCode, errCut)
	case err != nil:
		return fail(answer.StatusCode, cause(err))
	}
	return 0, false, nil
}

// mayHoldFiles says whether a file is fetched from an address: over https, or from
// this machine where the reports API is simulated on it.
func (c *Client) mayHoldFiles(address *url.URL) bool {
	if address.Host == "" || address.User != nil {
		return false
	}
	reports, err := url.Parse(c.cfg.ReportsURL)
	return address.Scheme == "https" || address.Scheme == "http" && err == nil && loopback(reports) && loopback(address)
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// mayRedirect lets a few redirects pass, each to where a file may lie. The address
// before, which carries a permission, is not told there.
func (c *Client) mayRedirect(to *http.Request, via []*http.Request) error {
	to.Header.Del("Referer")
	if len(via) > 5 || !c.mayHoldFiles(to.URL) {
		return errAddress
	}
	return nil
}

// taker keeps what went wrong with its own end of a copy.
type taker struct {
	dst io.Writer
	err error
}

func (t *taker) Write(p []byte) (int, error) {
	n, err := t.dst.Write(p)
	t.err = err
	return n, err
}

// watched is a reader whose silence is timed; what dst takes of time is not.
type watched struct {
	from    io.Reader
	silence *time.Timer
	most    time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	w.silence.Reset(w.most)
	defer w.silence.Stop()
	return w.from.Read(p)
}
