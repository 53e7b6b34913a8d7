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
	errStalled = errors.New("the download stalled")
	errLarge   = fmt.Errorf("%w: the file is larger than %d GiB", ErrShape, maxExport>>30)
)

// maxExport limits the file of an export, so that a wrong address cannot fill the disk. A
// subscription takes about 500 bytes: it is enough for 30 million.
const maxExport = 16 << 30

// fetch requests the address of the file and downloads it, once. The address is on another
// server and contains its own permission, which may expire. So the token is not sent
// there, and each fetch requests a new address. again: another fetch may help. It cannot
// after an error of the request, which was retried, or of writing. wait is the server's
// Retry-After, 0 without one.
func (c *Client) fetch(ctx context.Context, id string, begin func() (io.Writer, error)) (wait time.Duration, again bool, err error) {
	j, err := c.report(ctx, request{endpoint: exportURL, params: url.Values{"export_id": {id}}})
	if err != nil {
		return 0, false, err
	}
	fail := func(status int, cause error) (time.Duration, bool, error) {
		err := &Error{Endpoint: exportURL.path, Status: status, cause: cause, Hint: "the download failed; run again, or export from the console (Reports, Logs, Subscriptions)"}
		return wait, errors.Is(err, errStalled) || repeatable(request{}, err), err
	}
	address, err := url.Parse(j.URL)
	if err != nil || !c.allowedAddress(address) {
		return fail(http.StatusOK, errAddress)
	}
	// piano.timeout limits the time without data, not the whole download.
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
	fetching := &http.Client{Transport: c.http.Transport, CheckRedirect: c.checkRedirect}
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
	case answer.ContentLength > c.maxExport:
		return fail(status, errLarge)
	}
	silence.Stop() // the time of begin does not count
	dst, err := begin()
	if err != nil {
		return 0, false, fmt.Errorf("create the file for the export: %w", err)
	}
	to := &errorWriter{dst: dst}
	n, err := io.Copy(to, &timedReader{from: io.LimitReader(answer.Body, c.maxExport+1), silence: silence, max: c.cfg.Timeout})
	switch {
	case n > c.maxExport:
		return fail(answer.StatusCode, errLarge)
	case to.err != nil:
		return 0, false, fmt.Errorf("write the export: %w", to.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fail(answer.StatusCode, errCut)
	case err != nil:
		return fail(answer.StatusCode, cause(err))
	}
	return 0, false, nil
}

// allowedAddress reports whether a file may be fetched from an address: over https, or from
// this machine where the reports API is simulated on it.
func (c *Client) allowedAddress(address *url.URL) bool {
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

// checkRedirect allows a few redirects, each to an allowed address. It drops the Referer,
// since the address before contains a permission.
func (c *Client) checkRedirect(to *http.Request, via []*http.Request) error {
	to.Header.Del("Referer")
	if len(via) > 5 || !c.allowedAddress(to.URL) {
		return errAddress
	}
	return nil
}

// errorWriter keeps the error of writing, apart from that of reading.
type errorWriter struct {
	dst io.Writer
	err error
}

func (t *errorWriter) Write(p []byte) (int, error) {
	n, err := t.dst.Write(p)
	t.err = err
	return n, err
}

// timedReader limits the time of each Read; the time of writing does not count.
type timedReader struct {
	from    io.Reader
	silence *time.Timer
	max     time.Duration
}

func (w *timedReader) Read(p []byte) (int, error) {
	w.silence.Reset(w.max)
	defer w.silence.Stop()
	return w.from.Read(p)
}
