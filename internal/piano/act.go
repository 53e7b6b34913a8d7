package piano

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Resume undoes the end of a subscription. Piano documents it for dynamic terms
// alone. Like all that changes something here: nil means that Piano says it is
// done; an error that wraps ErrOutcomeUnknown that nobody knows; any other that
// nothing was done: Piano has refused, or could not be asked within a few seconds
// (ErrBusy is its word for "later"), after which the caller's own look is old.
func (c *Client) Resume(ctx context.Context, id string) error {
	return c.change(ctx, "/publisher/subscription/resume", url.Values{"subscription_id": {id}})
}

// SetAutoRenew turns auto-renew on or off, which is what resuming a payment term
// most likely is.
func (c *Client) SetAutoRenew(ctx context.Context, id string, on bool) error {
	return c.change(ctx, "/publisher/subscription/update",
		url.Values{"subscription_id": {id}, "auto_renew": {strconv.FormatBool(on)}})
}

// BillingTiming says when a change of term is charged.
type BillingTiming int

// The timings, by Piano's numbers.
const (
	BillNow BillingTiming = iota
	BillAtPeriodEnd
	BillAtNextSellDate
	BillAtScheduledPeriodEnd
)

// TermChange is a change of one subscription to another term.
type TermChange struct {
	UserID          string
	SubscriptionID  string
	ToTerm          string
	ToPeriod        string // empty: the term's own
	Billing         BillingTiming
	ImmediateAccess bool
	ProrateAccess   bool
}

// CanChange asks whether a subscription's term may be changed now.
func (c *Client) CanChange(ctx context.Context, id string) (bool, error) {
	// It changes nothing, though it is a POST: it may be sent again.
	e, err := c.call(ctx, request{method: http.MethodPost, base: c.cfg.BaseURL, endpoint: "/publisher/term/change/can",
		params: url.Values{"subscription_id": {id}}})
	if err != nil {
		return false, err
	}
	return e.yes("/publisher/term/change/can")
}

// Change changes the term. There is no /subscription/upgrade in the API.
func (c *Client) Change(ctx context.Context, t TermChange) error {
	params := url.Values{
		"uid": {t.UserID}, "subscription_from": {t.SubscriptionID}, "term_to": {t.ToTerm},
		"billing_timing":   {strconv.Itoa(int(t.Billing))},
		"immediate_access": {strconv.FormatBool(t.ImmediateAccess)}, "prorate_access": {strconv.FormatBool(t.ProrateAccess)},
	}
	if t.ToPeriod != "" {
		params.Set("term_to_period_id", t.ToPeriod)
	}
	return c.change(ctx, "/publisher/term/change/do", params)
}

// CancelChange takes back a change that is pending.
func (c *Client) CancelChange(ctx context.Context, id string) error {
	return c.change(ctx, "/publisher/term/change/cancel", url.Values{"subscription_from": {id}})
}

// ChangeStatus is how far a change of term has come.
type ChangeStatus int

// The statuses, by Piano's numbers. What is done has no number of its own: the
// change is no longer there to be asked about, or the subscription is upgraded.
const (
	ChangePending ChangeStatus = iota
	ChangeFailed
	ChangeFailedClosed
	ChangeSuspended
	ChangeCanceled
	ChangeAborted
)

// String is Piano's name.
func (s ChangeStatus) String() string {
	names := [...]string{"PENDING", "FAILED", "FAILED_CLOSED", "SUSPENDED", "CANCELED", "ABORTED"}
	if s < 0 || int(s) >= len(names) {
		return "status " + strconv.Itoa(int(s))
	}
	return names[s]
}

// Final says whether it will change no more. Of a number that is not documented
// nobody knows: it is not taken for an end.
func (s ChangeStatus) Final() bool {
	return s == ChangeFailed || s == ChangeFailedClosed || s == ChangeCanceled || s == ChangeAborted
}

// ChangeStatus asks how far a change of term has come. Where there is none the
// error wraps ErrNotFound.
func (c *Client) ChangeStatus(ctx context.Context, uid, id string) (ChangeStatus, error) {
	const endpoint = "/publisher/term/change/getSubscriptionUpgradeStatus"
	e, err := c.call(ctx, request{method: http.MethodPost, base: c.cfg.BaseURL, endpoint: endpoint,
		params: url.Values{"uid": {uid}, "subscription_id": {id}}})
	if err != nil {
		return 0, err
	}
	// Seen as a number, and as an object that has it as status.
	var status ChangeStatus
	var object struct {
		Status *ChangeStatus `json:"status"`
	}
	switch {
	case json.Unmarshal(e.payload, &status) == nil && string(e.payload) != "null":
		return status, nil
	case json.Unmarshal(e.payload, &object) == nil && object.Status != nil:
		return *object.Status, nil
	default:
		return 0, &Error{Endpoint: endpoint, Status: http.StatusOK, cause: fmt.Errorf("%w: %w", ErrShape, ErrNoStatus)}
	}
}

// MaxPrecheckAge is how old the caller's read of a subscription may be when a request
// that changes it is sent. It also limits how long such a request is repeated after a
// refusal or a failed connection: the subscription may have changed since the read.
const MaxPrecheckAge = 5 * time.Second

// change sends what changes something, and takes true for done.
func (c *Client) change(ctx context.Context, endpoint string, params url.Values) error {
	r := request{method: http.MethodPost, base: c.cfg.BaseURL, endpoint: endpoint, params: params, changes: true, maxAge: MaxPrecheckAge}
	e, err := c.call(ctx, r)
	if err != nil {
		return err
	}
	// update answers with the subscription, the others with true or false.
	if want := params.Get("auto_renew"); want != "" && len(e.payload) > 0 && e.payload[0] == '{' {
		var subscription struct {
			AutoRenew *bool `json:"auto_renew"`
		}
		if json.Unmarshal(e.payload, &subscription) == nil && subscription.AutoRenew != nil && strconv.FormatBool(*subscription.AutoRenew) == want {
			return nil
		}
		return &Error{Endpoint: endpoint, Status: http.StatusOK, cause: r.untold(fmt.Errorf("%w: the subscription is not as it was asked for", ErrShape))}
	}
	done, err := e.yes(endpoint)
	if err != nil {
		return &Error{Endpoint: endpoint, Status: http.StatusOK, cause: r.untold(err)}
	}
	if !done {
		return &Error{Endpoint: endpoint, Status: http.StatusOK, cause: ErrRefused}
	}
	return nil
}

// yes reads a payload that is true or false.
func (e *envelope) yes(endpoint string) (bool, error) {
	var yes *bool
	if json.Unmarshal(e.payload, &yes) != nil || yes == nil {
		return false, &Error{Endpoint: endpoint, Status: http.StatusOK, cause: fmt.Errorf("%w: %s: want true or false", ErrShape, shown(e.key))}
	}
	return *yes, nil
}
