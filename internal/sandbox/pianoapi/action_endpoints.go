package pianoapi

import (
	"net/http"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// withActor passes the store to an endpoint that needs an Actor.
func (s *Server) withActor(do func(Actor, *http.Request) wire.Answer) func(*http.Request) wire.Answer {
	return func(r *http.Request) wire.Answer {
		actor, ok := s.store.(Actor)
		if !ok {
			return wire.Failed(wire.CodeAccess, "This publisher is read only")
		}
		return do(actor, r)
	}
}

func (s *Server) update(actor Actor, r *http.Request) wire.Answer {
	var auto *bool
	if r.Form.Has("auto_renew") {
		on, ok := wire.Flag(r, "auto_renew")
		if !ok {
			return wire.Invalid("auto_renew", "must be true or false")
		}
		auto = &on
	}
	var next *time.Time
	if r.Form.Has("next_bill_date") {
		at, ok := wire.Instant(r, "next_bill_date")
		if !ok {
			return wire.Invalid("next_bill_date", "must be seconds since 1970")
		}
		next = &at
	}
	id := r.Form.Get("subscription_id")
	if method := r.Form.Get("payment_method_id"); method != "" {
		if done, err := actor.SetPaymentMethod(r.Context(), id, method); err != nil || !done {
			return wire.Outcome("data", done, err)
		}
	}
	done, err := actor.Update(r.Context(), id, auto, next)
	return wire.Outcome("data", done, err)
}

func (s *Server) cancel(actor Actor, r *http.Request) wire.Answer {
	refund, ok := wire.Flag(r, "refund_last_payment")
	if !ok {
		return wire.Invalid("refund_last_payment", "is required: true or false")
	}
	done, err := actor.Cancel(r.Context(), r.Form.Get("subscription_id"), refund)
	return wire.Outcome("data", done, err)
}

func (s *Server) cancelDeferred(actor Actor, r *http.Request) wire.Answer {
	done, err := actor.CancelDeferred(r.Context(), r.Form.Get("subscription_id"))
	return wire.Outcome("data", done, err)
}

func (s *Server) resume(actor Actor, r *http.Request) wire.Answer {
	done, err := actor.Resume(r.Context(), r.Form.Get("subscription_id"))
	return wire.Outcome("data", done, err)
}

func (s *Server) canChange(actor Actor, r *http.Request) wire.Answer {
	can, err := actor.CanChange(r.Form.Get("subscription_id"))
	return wire.Outcome("data", can, err)
}

func (s *Server) change(actor Actor, r *http.Request) wire.Answer {
	timing, ok := wire.Number(r, "billing_timing", 0)
	if !ok || timing > 3 {
		return wire.Invalid("billing_timing", "must be 0, 1, 2 or 3")
	}
	for _, name := range []string{"immediate_access", "prorate_access"} {
		if _, ok := wire.Flag(r, name); !ok {
			return wire.Invalid(name, "is required: true or false")
		}
	}
	done, err := actor.Change(r.Context(), Change{
		UserID: r.Form.Get("uid"), SubscriptionID: r.Form.Get("subscription_from"), ToTerm: r.Form.Get("term_to"), Timing: timing,
	})
	return wire.Outcome("data", done, err)
}

func (s *Server) cancelChange(actor Actor, r *http.Request) wire.Answer {
	done, err := actor.CancelChange(r.Context(), r.Form.Get("subscription_from"))
	return wire.Outcome("data", done, err)
}

func (s *Server) changeStatus(actor Actor, r *http.Request) wire.Answer {
	status, err := actor.ChangeStatus(r.Context(), r.Form.Get("uid"), r.Form.Get("subscription_id"))
	if err == nil && status == nil {
		return wire.Succeeded("", nil) // without a change the key is missing
	}
	return wire.Outcome("subscription_upgrade_status", map[string]any{"status": status}, err)
}
