package pianoapi

import (
	"net/http"
	"slices"
)

// statuses are the valid statuses.
var statuses = []string{"active", "cancelled", "fail_and_retry", "expired_with_error", "expired", "completed",
	"deleted", "wait_confirmed", "upgraded", "pending", "not_started"}

func (s *Server) list(r *http.Request) answer {
	q := Query{Status: r.Form.Get("status"), UserID: r.Form.Get("uid"), SelectBy: r.Form.Get("select_by")}
	var ok bool
	if q.Offset, ok = number(r, "offset", 0); !ok {
		return invalid("offset", "must be a number from 0 on")
	}
	if q.Limit, ok = number(r, "limit", 1); !ok {
		return invalid("limit", "must be a number from 1 on")
	}
	if q.Status != "" && !slices.Contains(statuses, q.Status) {
		return invalid("status", "is unknown")
	}
	if q.SelectBy == "" {
		q.SelectBy = "update"
	}
	if !slices.Contains([]string{"update", "create", "next_bill", "last_bill"}, q.SelectBy) {
		return invalid("select_by", "is unknown")
	}
	q.Limit = min(q.Limit, s.cfg.MaxLimit)
	part, total := s.store.List(q)
	if part == nil {
		part = []Subscription{}
	}
	a := succeeded("subscriptions", part)
	a.page = &page{limit: q.Limit, offset: q.Offset, total: total, count: len(part)}
	return a
}

func (s *Server) get(r *http.Request) answer {
	one, ok := s.store.Get(r.Form.Get("subscription_id"))
	if !ok {
		return failed(codeNotFound, "Subscription not found")
	}
	return succeeded("subscription", one)
}

// shiftRows moves rows before a page is read, if faults require it.
func (s *Server) shiftRows() {
	if store, ok := s.store.(Shifter); ok {
		s.faults.shift(store)
	}
}
