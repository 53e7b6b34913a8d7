package piano

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"
)

// attributeGroups are all groups of the export: the thirty synced traits are spread over
// them.
var attributeGroups = []string{"DEFAULT", "RENEWABLE_GIFT", "USER", "PAYMENT", "UPGRADES", "AUTORENEW", "MODIFY_TIME"}

// Export schedules a subscription log, waits until it is ready, and writes the file to the
// writer that begin returns. The log has the subscriptions that started on the days from
// to to (UTC, inclusive). It is CSV, perhaps with a byte order mark, or zipped. Export polls after a
// second, then less and less often up to every poll, until ctx ends. An incomplete
// download is repeated, three times in all: each calls begin, which must discard what was
// written before. The error wraps ErrExport where Piano fails, and ErrOutcomeUnknown where
// the export may have been scheduled. After an error the written data is incomplete.
func (c *Client) Export(ctx context.Context, from, to time.Time, poll time.Duration, begin func() (io.Writer, error)) error {
	id, err := c.schedule(ctx, from, to)
	if err != nil {
		return err
	}
	pause := min(time.Second, poll)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		ready, err := c.exportReady(ctx, id)
		switch {
		case ctx.Err() != nil:
			return &Error{Endpoint: exportStatus.path, cause: noTime{ctx.Err()}, Hint: "the export was not finished in time"}
		case err != nil:
			return err
		case ready:
			return c.download(ctx, id, begin)
		}
		select {
		case <-timer.C:
			pause = min(2*pause, poll)
			timer.Reset(pause)
		case <-ctx.Done():
		}
	}
}

// job is an export in the reports API: bare, or in the Publisher API's envelope.
type job struct {
	ID        string `json:"export_id"`
	Status    string `json:"job_status"`
	ErrorText string `json:"error_text"`
	URL       string `json:"url"`
}

func (c *Client) schedule(ctx context.Context, from, to time.Time) (id string, err error) {
	const day = "2006-01-02"
	// A unique name, so that no earlier export is mistaken for this one.
	name := "pianola-" + time.Now().UTC().Format("20060102T150405.000Z")
	j, err := c.report(ctx, request{endpoint: scheduleExport, params: url.Values{
		"start_date_from": {from.UTC().Format(day)}, "start_date_to": {to.UTC().Format(day)},
		"file_name": {name}, "attribute_groups": attributeGroups,
	}})
	var said *Error
	switch {
	case errors.Is(err, ErrOutcomeUnknown) && errors.As(err, &said):
		said.Hint = "an export may have been scheduled, which does no harm: run again"
		return "", said
	case err != nil:
		return "", err
	case j.ID == "":
		return "", &Error{Endpoint: scheduleExport.path, Status: http.StatusOK, Message: sentence(j.ErrorText),
			cause: fmt.Errorf("%w: export_id is missing", ErrShape)}
	}
	c.log.Info("export scheduled", zap.String("file_name", name)) // Piano's id is untrusted text
	return j.ID, nil
}

func (c *Client) exportReady(ctx context.Context, id string) (bool, error) {
	j, err := c.report(ctx, request{endpoint: exportStatus, params: url.Values{"export_id": {id}}})
	if err != nil {
		return false, err
	}
	switch j.Status {
	case "FINISHED":
		return true, nil
	case "CREATED", "QUEUED", "IN_PROGRESS", "RUNNING", "REPROCESS", "DUPLICATE":
		c.log.Debug("export not finished", zap.String("job_status", j.Status))
		return false, nil
	case "INTERNAL_ERROR", "REMOVED", "FAILED":
		return false, &Error{Endpoint: exportStatus.path, Status: http.StatusOK, Message: sentence(j.ErrorText), cause: ErrExport,
			Hint: "its status is " + j.Status + "; run again, or export from the console (Reports, Logs, Subscriptions)"}
	default:
		return false, &Error{Endpoint: exportStatus.path, Status: http.StatusOK, cause: fmt.Errorf("%w: job_status is unknown", ErrShape)}
	}
}

// report sends a request to the reports API.
func (c *Client) report(ctx context.Context, r request) (job, error) {
	e, err := c.call(ctx, r)
	if err != nil {
		return job{}, err
	}
	var j job
	if json.Unmarshal(e.payload, &j.URL) == nil {
		return j, nil // the address alone, beside the envelope's keys
	}
	if err := json.Unmarshal(e.payload, &j); err != nil {
		return job{}, &Error{Endpoint: r.endpoint.path, Status: http.StatusOK, cause: shape("", err)}
	}
	return j, nil
}
