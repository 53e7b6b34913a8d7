package piano

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"
)

// attributeGroups are all that the export knows: the thirty synced traits are
// spread over them.
var attributeGroups = []string{"DEFAULT", "RENEWABLE_GIFT", "USER", "PAYMENT", "UPGRADES", "AUTORENEW", "MODIFY_TIME"}

// Export has Piano prepare the subscription log of subscriptions that started on
// the days from and to (UTC, both included), waits until it is there, and writes
// the file to dst: CSV, perhaps with a byte order mark, perhaps zipped. It asks
// every poll, for as long as ctx lives. Where Piano gives up the error wraps
// ErrExport. What has been written to dst before an error is not the file.
func (c *Client) Export(ctx context.Context, from, to time.Time, poll time.Duration, dst io.Writer) error {
	id, err := c.schedule(ctx, from, to)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		ready, err := c.exportReady(ctx, id)
		if err != nil {
			return err
		}
		if ready {
			return c.download(ctx, id, dst)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return &Error{Endpoint: statusEndpoint, cause: ctx.Err(), Hint: "the export " + shown(id) + " was not finished by then"}
		}
	}
}

const (
	scheduleEndpoint = "/export/schedule/vx/subscriptionLog"
	statusEndpoint   = "/export/status"
	urlEndpoint      = "/export/download/url"
)

// job is how the reports API describes an export. It comes bare, or in the
// Publisher API's envelope.
type job struct {
	ID        string `json:"export_id"`
	Status    string `json:"job_status"`
	ErrorText string `json:"error_text"`
	URL       string `json:"url"`
}

func (c *Client) schedule(ctx context.Context, from, to time.Time) (id string, err error) {
	const day = "2006-01-02"
	j, err := c.report(ctx, request{method: http.MethodPost, endpoint: scheduleEndpoint, params: url.Values{
		"start_date_from": {from.UTC().Format(day)}, "start_date_to": {to.UTC().Format(day)},
		"file_name": {"pianola"}, "attribute_groups": attributeGroups,
	}})
	switch {
	case err != nil:
		return "", err
	case j.ID == "":
		return "", &Error{Endpoint: scheduleEndpoint, Status: http.StatusOK, Message: shown(j.ErrorText),
			cause: fmt.Errorf("%w: export_id is missing", ErrShape)}
	}
	c.log.Info("export scheduled", zap.String("export", shown(j.ID)))
	return j.ID, nil
}

func (c *Client) exportReady(ctx context.Context, id string) (bool, error) {
	j, err := c.report(ctx, request{method: http.MethodGet, endpoint: statusEndpoint, params: url.Values{"export_id": {id}}})
	if err != nil {
		return false, err
	}
	switch j.Status {
	case "FINISHED":
		return true, nil
	case "CREATED", "IN_PROGRESS", "REPROCESS", "DUPLICATE":
		return false, nil
	case "INTERNAL_ERROR", "REMOVED", "FAILED":
		return false, &Error{Endpoint: statusEndpoint, Status: http.StatusOK, Message: shown(j.ErrorText), cause: ErrExport,
			Hint: "its status is " + j.Status + "; run again, or export from the console (Reports, Logs, Subscriptions)"}
	default:
		return false, &Error{Endpoint: statusEndpoint, Status: http.StatusOK, cause: fmt.Errorf("%w: job_status is none of those known", ErrShape)}
	}
}

// report sends a request to the reports API, whose answers have no code where they
// come bare.
func (c *Client) report(ctx context.Context, r request) (job, error) {
	r.base, r.bare = c.cfg.ReportsURL, true
	e, err := c.call(ctx, r)
	if err != nil {
		return job{}, err
	}
	var j job
	if err := json.Unmarshal(e.payload, &j); err != nil {
		return job{}, &Error{Endpoint: r.endpoint, Status: http.StatusOK, cause: shape("", err)}
	}
	return j, nil
}

// download asks for the file's address and fetches it. The address lies elsewhere
// and carries its own permission: the token stays here.
func (c *Client) download(ctx context.Context, id string, dst io.Writer) error {
	j, err := c.report(ctx, request{method: http.MethodGet, endpoint: urlEndpoint, params: url.Values{"export_id": {id}}})
	if err != nil {
		return err
	}
	fail := func(status int, cause error) error {
		return &Error{Endpoint: urlEndpoint, Status: status, cause: cause, Hint: "the file could not be fetched; its address is good for half an hour"}
	}
	address, err := url.Parse(j.URL)
	if err != nil || address.Host == "" || !strings.HasPrefix(address.Scheme, "http") {
		return fail(http.StatusOK, fmt.Errorf("%w: url is no address", ErrShape))
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return fail(http.StatusOK, fmt.Errorf("%w: url is no address", ErrShape))
	}
	// A file takes as long as it takes: ctx bounds it, not piano.timeout.
	unhurried := &http.Client{Transport: c.http.Transport}
	answer, err := unhurried.Do(ask)
	if err != nil {
		return fail(0, broken(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fail(answer.StatusCode, ErrExport)
	}
	if _, err := io.Copy(dst, answer.Body); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errCut
		}
		return fail(answer.StatusCode, broken(err))
	}
	return nil
}
