package piano

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Every request here that changes something is sent once. Nil means that Piano reports it
// as done; an error that wraps ErrOutcomeUnknown means that the result is unknown; any
// other error means that nothing was done.

// Resume resumes a subscription. Piano documents it only for dynamic terms.
func (c *Client) Resume(ctx context.Context, id string) error {
	return c.change(ctx, ResumeSubscription, url.Values{"subscription_id": {id}})
}

// Update are the changes of one subscription; nil and empty leave a value as it is. To turn
// auto-renew on is most likely the same as to resume a payment term.
type Update struct {
	NextBillAt      *time.Time
	AutoRenew       *bool
	PaymentMethodID string
}

// Update changes a subscription.
func (c *Client) Update(ctx context.Context, id string, u Update) error {
	params := url.Values{"subscription_id": {id}}
	if u.NextBillAt != nil {
		params.Set("next_bill_date", strconv.FormatInt(u.NextBillAt.Unix(), 10))
	}
	if u.AutoRenew != nil {
		params.Set("auto_renew", strconv.FormatBool(*u.AutoRenew))
	}
	if u.PaymentMethodID != "" {
		params.Set("payment_method_id", u.PaymentMethodID)
	}
	a, err := c.Send(ctx, UpdateSubscription, params)
	if err != nil {
		return err
	}
	// Documented is true or false; some answers have the subscription.
	if !bytes.HasPrefix(bytes.TrimSpace(a.Payload), []byte("{")) {
		return a.Done()
	}
	var s struct {
		ID        string `json:"subscription_id"`
		AutoRenew *bool  `json:"auto_renew"`
	}
	if err := a.Decode(&s); err != nil {
		return err
	}
	if s.ID == "" || u.AutoRenew != nil && (s.AutoRenew == nil || *s.AutoRenew != *u.AutoRenew) {
		return a.Error(fmt.Errorf("%w: the subscription does not have the requested value", ErrShape))
	}
	return nil
}

// Cancel ends a subscription now, and with it the access. Where the refund fails Piano
// does not cancel.
func (c *Client) Cancel(ctx context.Context, id string, refundLastPayment bool) error {
	return c.change(ctx, CancelSubscription, url.Values{"subscription_id": {id}, "refund_last_payment": {strconv.FormatBool(refundLastPayment)}})
}

// CancelAtPeriodEnd ends a subscription with a dynamic term at the end of its period.
func (c *Client) CancelAtPeriodEnd(ctx context.Context, id string) error {
	return c.change(ctx, CancelSubscriptionAtEnd, url.Values{"subscription_id": {id}})
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
	a, err := c.Read(ctx, canChangeTerm, url.Values{"subscription_id": {id}})
	if err != nil {
		return false, err
	}
	if err := a.Done(); !errors.Is(err, ErrRefused) {
		return err == nil, err
	}
	return false, nil
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
// that changes it is sent: the subscription may have changed since the read.
const MaxPrecheckAge = 5 * time.Second

// change sends a request that Piano answers with true or false; true means done.
func (c *Client) change(ctx context.Context, call Endpoint, params url.Values) error {
	a, err := c.Send(ctx, call, params)
	if err != nil {
		return err
	}
	return a.Done()
}
