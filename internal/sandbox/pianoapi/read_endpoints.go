package pianoapi

import (
	"net/http"
	"slices"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// statuses are the raw statuses, which the parameter "type" selects.
var statuses = []string{"active", "cancelled", "fail_and_retry", "expired_with_error", "expired", "completed",
	"deleted", "wait_confirmed", "upgraded", "pending", "not_started"}

// reportStatuses are the words of the parameter "status", each with the raw status that it
// selects. A raw word is not valid there. Piano has no report status for the others.
var reportStatuses = map[string]string{
	"active":         "active",
	"failedAndRetry": "fail_and_retry",
	"cancelled":      "cancelled",
	"paymentFailure": "expired_with_error",
	"expired":        "expired",
	"renewed":        "", // not simulated: selects nothing
	"completed":      "completed",
	"upgraded":       "upgraded",
}

func (s *Server) list(r *http.Request) wire.Answer {
	q := Query{Status: r.Form.Get("type"), UserID: r.Form.Get("uid"), SelectBy: r.Form.Get("select_by")}
	var ok bool
	if q.Offset, ok = wire.Number(r, "offset", 0); !ok {
		return wire.Invalid("offset", "must be a number from 0 on")
	}
	if q.Limit, ok = wire.Number(r, "limit", 1); !ok {
		return wire.Invalid("limit", "must be a number from 1 on")
	}
	if q.Status != "" && !slices.Contains(statuses, q.Status) {
		return wire.Invalid("type", "is unknown")
	}
	nothing := false
	if word := r.Form.Get("status"); word != "" {
		raw, known := reportStatuses[word]
		if !known {
			return wire.Invalid("status", "is unknown")
		}
		nothing = raw == "" || q.Status != "" && q.Status != raw
		q.Status = raw
	}
	if q.SelectBy == "" {
		q.SelectBy = "update"
	}
	if !slices.Contains([]string{"update", "create", "next_bill", "last_bill"}, q.SelectBy) {
		return wire.Invalid("select_by", "is unknown")
	}
	q.Limit = min(q.Limit, s.cfg.MaxLimit)
	var part []Subscription
	total := 0
	if !nothing {
		part, total = s.store.List(q)
	}
	if part == nil {
		part = []Subscription{}
	}
	a := wire.Succeeded("subscriptions", part)
	a.Page = &wire.Page{Limit: q.Limit, Offset: q.Offset, Total: total, Count: len(part)}
	return a
}

func (s *Server) get(r *http.Request) wire.Answer {
	one, ok := s.store.Get(r.Form.Get("subscription_id"))
	if !ok {
		return wire.Failed(wire.CodeNoSubscription, "Subscription not found")
	}
	return wire.Succeeded("subscription", one)
}

// shiftRows moves rows before a page is read, if faults require it.
func (s *Server) shiftRows() {
	if store, ok := s.store.(Shifter); ok {
		s.faults.shift(store)
	}
}
