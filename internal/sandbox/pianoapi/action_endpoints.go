package pianoapi

import (
	"errors"
	"net/http"
	"time"
)

// withActor passes the store to an endpoint that needs an Actor.
func (s *Server) withActor(do func(Actor, *http.Request) answer) func(*http.Request) answer {
	return func(r *http.Request) answer {
		actor, ok := s.store.(Actor)
		if !ok {
			return failed(codeAccess, "This publisher is read only")
		}
		return do(actor, r)
	}
}

// outcome returns the answer of an action.
func outcome(key string, payload any, err error) answer {
	var failure *apiError
	switch {
	case err == nil:
		return succeeded(key, payload)
	case errors.As(err, &failure):
		return failed(failure.code, failure.message)
	default:
		return answer{bare: true, status: http.StatusInternalServerError, payload: "Internal Server Error"}
	}
}

func (s *Server) update(actor Actor, r *http.Request) answer {
	var auto *bool
	if r.Form.Has("auto_renew") {
		on, ok := flag(r, "auto_renew")
		if !ok {
			return invalid("auto_renew", "must be true or false")
		}
		auto = &on
	}
	var next *time.Time
	if r.Form.Has("next_bill_date") {
		at, ok := instant(r, "next_bill_date")
		if !ok {
			return invalid("next_bill_date", "must be seconds since 1970")
		}
		next = &at
	}
	done, err := actor.Update(r.Context(), r.Form.Get("subscription_id"), auto, next)
	return outcome("data", done, err)
}

func (s *Server) cancel(actor Actor, r *http.Request) answer {
	refund, ok := flag(r, "refund_last_payment")
	if !ok {
		return invalid("refund_last_payment", "is required: true or false")
	}
	done, err := actor.Cancel(r.Context(), r.Form.Get("subscription_id"), refund)
	return outcome("data", done, err)
}

func (s *Server) cancelDeferred(actor Actor, r *http.Request) answer {
	done, err := actor.CancelDeferred(r.Context(), r.Form.Get("subscription_id"))
	return outcome("data", done, err)
}

func (s *Server) resume(actor Actor, r *http.Request) answer {
	done, err := actor.Resume(r.Context(), r.Form.Get("subscription_id"))
	return outcome("data", done, err)
}

func (s *Server) canChange(actor Actor, r *http.Request) answer {
	can, err := actor.CanChange(r.Form.Get("subscription_id"))
	return outcome("data", can, err)
}

func (s *Server) change(actor Actor, r *http.Request) answer {
	timing, ok := number(r, "billing_timing", 0)
	if !ok || timing > 3 {
		return invalid("billing_timing", "must be 0, 1, 2 or 3")
	}
	for _, name := range []string{"immediate_access", "prorate_access"} {
		if _, ok := flag(r, name); !ok {
			return invalid(name, "is required: true or false")
		}
	}
	done, err := actor.Change(r.Context(), Change{
		UserID: r.Form.Get("uid"), SubscriptionID: r.Form.Get("subscription_from"), ToTerm: r.Form.Get("term_to"), Timing: timing,
	})
	return outcome("data", done, err)
}

func (s *Server) cancelChange(actor Actor, r *http.Request) answer {
	done, err := actor.CancelChange(r.Context(), r.Form.Get("subscription_from"))
	return outcome("data", done, err)
}

func (s *Server) changeStatus(actor Actor, r *http.Request) answer {
	status, err := actor.ChangeStatus(r.Context(), r.Form.Get("uid"), r.Form.Get("subscription_id"))
	if err == nil && status == nil {
		return succeeded("", nil) // without a change the key is missing
	}
	return outcome("subscription_upgrade_status", map[string]any{"status": status}, err)
}
