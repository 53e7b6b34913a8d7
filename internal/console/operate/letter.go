package operate

import (
	"context"
	"errors"
	"net/http"

	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/letters"
)

// letterContent is what the page of one dead letter needs.
type letterContent struct {
	letters.Letter
	Decisions []letters.Letter // the latest first
	Ops       bool
	Closed    bool
}

func letterPage(d Deps, r *page.Renderer, w http.ResponseWriter, req *http.Request) {
	at, err := letters.ParseCoordinates(req.URL.Query().Get("at"))
	if err != nil {
		r.Fail(w, req, http.StatusBadRequest, "The address is wrong: "+err.Error()+".")
		return
	}
	var all []letters.Letter
	var one letters.Letter
	err = r.Figures.Limited(req.Context(), func(ctx context.Context) (err error) {
		if all, err = d.Letters.Decisions(ctx, at); err != nil {
			return err
		}
		one, err = d.Letters.Find(ctx, at)
		return err
	})
	switch {
	case errors.Is(err, letters.ErrUnknown):
		r.Fail(w, req, http.StatusNotFound, "There is no dead letter at these coordinates. The list shows the open ones.")
		return
	case err != nil:
		r.FailRead(w, req, err)
		return
	}
	content := letterContent{Letter: one, Decisions: all, Ops: role.From(req.Context()).Has(role.Ops), Closed: one.State() != letters.Open}
	if !content.Ops {
		content.Payload = nil // a redacted message still names a subscriber by his ids
	}
	r.Page(w, req, http.StatusOK, "letter", "Dead letter", content)
}
