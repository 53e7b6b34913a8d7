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

// Resume resumes a subscription. Piano documents it only for dynamic terms. As for every
// request that changes something: nil means that Piano reports it as done; an error that
// wraps ErrOutcomeUnknown means that the result is unknown; any other error means that
// nothing was done. Piano refused it, or did not accept it within MaxPrecheckAge (ErrBusy).
func (c *Client) Resume(ctx context.Context, id string) error {
	return c.change(ctx, resumeSubscription, url.Values{"subscription_id": {id}})
}

// SetAutoRenew turns auto-renew on or off. For a payment term that is most likely the same
// as to resume it.
func (c *Client) SetAutoRenew(ctx context.Context, id string, on bool) error {
	return c.change(ctx, updateSubscription,
		url.Values{"subscription_id": {id}, "auto_renew": {strconv.FormatBool(on)}})
}

// BillingTiming is when a change of term is charged.
type BillingTiming int

// The timings, with Piano's numbers.
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

// CanChange reports whether a subscription's term can be changed now.
func (c *Client) CanChange(ctx context.Context, id string) (bool, error) {
	e, err := c.call(ctx, request{endpoint: canChangeTerm, params: url.Values{"subscription_id": {id}}})
	if err != nil {
		return false, err
	}
	return e.yes(canChangeTerm)
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
	return c.change(ctx, changeTerm, params)
}

// CancelChange cancels a pending change.
func (c *Client) CancelChange(ctx context.Context, id string) error {
	return c.change(ctx, cancelTermChange, url.Values{"subscription_from": {id}})
}

// ChangeStatus is the status of a change of term.
type ChangeStatus int

// The statuses, with Piano's numbers. A completed change has no number: the change no
// longer exists, or the subscription is upgraded.
const (
	ChangePending ChangeStatus = iota
	ChangeFailed
	ChangeFailedClosed
	ChangeSuspended
	ChangeCanceled
	ChangeAborted
)

// String returns Piano's name.
func (s ChangeStatus) String() string {
	names := [...]string{"PENDING", "FAILED", "FAILED_CLOSED", "SUSPENDED", "CANCELED", "ABORTED"}
	if s < 0 || int(s) >= len(names) {
		return "status " + strconv.Itoa(int(s))
	}
	return names[s]
}

// Final reports whether the status will not change any more. An undocumented number counts
// as not final.
func (s ChangeStatus) Final() bool {
	return s == ChangeFailed || s == ChangeFailedClosed || s == ChangeCanceled || s == ChangeAborted
}

// ChangeStatus returns the status of a change of term. Without a change the error wraps
// ErrNotFound, or ErrNoStatus where the answer leaves the status out.
func (c *Client) ChangeStatus(ctx context.Context, uid, id string) (ChangeStatus, error) {
	e, err := c.call(ctx, request{endpoint: termChangeStatus, params: url.Values{"uid": {uid}, "subscription_id": {id}}})
	if err != nil {
		return 0, err
	}
	// Known as a number, and as an object with the field status.
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
		return 0, &Error{Endpoint: termChangeStatus.path, Status: http.StatusOK, cause: fmt.Errorf("%w: %w", ErrShape, ErrNoStatus)}
	}
}

// MaxPrecheckAge is how old the caller's read of a subscription may be when a request
// that changes it is sent. It also limits how long such a request is repeated after a
// refusal or a failed connection: the subscription may have changed since the read.
const MaxPrecheckAge = 5 * time.Second

// change sends a request that changes something; the answer true means done.
func (c *Client) change(ctx context.Context, call Endpoint, params url.Values) error {
	r := request{endpoint: call, params: params, maxAge: MaxPrecheckAge}
	e, err := c.call(ctx, r)
	if err != nil {
		return err
	}
	// All are documented to answer with true or false. Some answers of update have the
	// subscription instead.
	if want := params.Get("auto_renew"); want != "" && len(e.payload) > 0 && e.payload[0] == '{' {
		var subscription struct {
			AutoRenew *bool `json:"auto_renew"`
		}
		if json.Unmarshal(e.payload, &subscription) == nil && subscription.AutoRenew != nil && strconv.FormatBool(*subscription.AutoRenew) == want {
			return nil
		}
		return &Error{Endpoint: call.path, Status: http.StatusOK, cause: r.unknown(fmt.Errorf("%w: the subscription does not have the requested value", ErrShape))}
	}
	done, err := e.yes(call)
	if err != nil {
		return &Error{Endpoint: call.path, Status: http.StatusOK, cause: r.unknown(err)}
	}
	if !done {
		return &Error{Endpoint: call.path, Status: http.StatusOK, cause: ErrRefused}
	}
	return nil
}

// yes decodes a payload of true or false.
func (e *envelope) yes(of Endpoint) (bool, error) {
	var yes *bool
	if json.Unmarshal(e.payload, &yes) != nil || yes == nil {
		return false, &Error{Endpoint: of.path, Status: http.StatusOK, cause: fmt.Errorf("%w: %s: want true or false", ErrShape, of.payload[0])}
	}
	return *yes, nil
}
