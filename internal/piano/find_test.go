package piano_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/piano"
)

// ofUser answers a list from a shelf, whose rows are all one user's, for a status.
func ofUser(s *shelf, status string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Form.Get("uid") == "" || r.Form.Get("type") != status {
			enveloped(w, "subscriptions", []any{}, map[string]any{"total": 0})
			return
		}
		s.user = r.Form.Get("uid")
		s.answer(w, r)
	}
}

func TestFind_AsksForEveryStatus(t *testing.T) {
	for _, status := range piano.Statuses() {
		for _, uid := range []string{"u1", "kari@example.com"} {
			a, c, _ := serve(t, ofUser(&shelf{ids: numbered(25), most: 10}, status), nil)
			got, more, err := c.Find(t.Context(), uid, 25)
			if err != nil || len(got) != 25 || more {
				t.Errorf("%s of %s: %d, %v, %v", status, uid, len(got), more, err)
			}
			if a.count() > len(piano.Statuses())+3 {
				t.Errorf("%d requests", a.count())
			}
		}
	}
}

func TestFind_SurvivesShifts(t *testing.T) {
	for name, move := range map[string]func(ids []string) []string{
		"one goes behind": func(ids []string) []string { return append(slices.Clone(ids[1:]), ids[0]) },
		"one comes first": func(ids []string) []string { // past the reader: only a second reading meets it
			return append([]string{ids[22]}, slices.Delete(slices.Clone(ids), 22, 23)...)
		},
	} {
		s := &shelf{ids: numbered(25), most: 10}
		s.before = func(s *shelf, page int) {
			if page == 3 {
				s.ids = move(s.ids)
			}
		}
		_, c, _ := serve(t, ofUser(s, "active"), nil)
		got, more, err := c.Find(t.Context(), "u1", 25)
		if err != nil || len(got) != 25 || more {
			t.Errorf("%s: %d, %v, %v", name, len(got), more, err)
		}
	}
}

// An API that ignores the parameter is not read completely.
func TestFind_IsBounded(t *testing.T) {
	everybody := func(w http.ResponseWriter, r *http.Request) {
		r.Form.Set("type", "active")
		(&shelf{ids: numbered(5000)}).answer(w, r)
	}
	a, c, _ := serve(t, everybody, nil)
	if _, _, err := c.Find(t.Context(), "u-S0000", 50); !errors.Is(err, piano.ErrUnfiltered) || a.count() != 1 {
		t.Errorf("everybody's: %v after %d requests", err, a.count())
	}
	a, c, _ = serve(t, ofUser(&shelf{ids: numbered(5000), most: 20}, "active"), nil)
	if got, more, err := c.Find(t.Context(), "u1", 50); err != nil || !more || len(got) != 50 || a.count() != 3 {
		t.Errorf("too many: %d, %v, %v after %d requests", len(got), more, err, a.count())
	}
	turn := 0
	a, c, _ = serve(t, func(w http.ResponseWriter, r *http.Request) { // the same three, in another order each time
		turn++
		rows := []any{}
		for i := range 3 {
			rows = append(rows, map[string]any{"subscription_id": fmt.Sprint("S", (i+turn)%3), "status": "active", "user": map[string]any{"uid": "u1"}})
		}
		enveloped(w, "subscriptions", rows, map[string]any{"total": 3})
	}, nil)
	if _, _, err := c.Find(t.Context(), "u1", 5); !errors.Is(err, piano.ErrShape) || a.count() > 200 {
		t.Errorf("over and over: %v after %d requests", err, a.count())
	}
	_, c, _ = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"code": 0, "total": 1, "subscriptions": []any{map[string]any{"subscription_id": "S1", "status": "active"}}})
	}, nil)
	if _, _, err := c.Find(t.Context(), "u1", 5); !errors.Is(err, piano.ErrUnfiltered) {
		t.Errorf("nobody's: %v", err)
	}
}

// One page can hold more rows than are read in all: its content is still checked.
func TestFind_ReadsALargePage(t *testing.T) {
	large := func(cfg *piano.Config) { cfg.PageSize = 10_000 }
	_, c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { (&shelf{ids: numbered(6000)}).answer(w, r) }, large)
	if _, _, err := c.Find(t.Context(), "u-S0000", 50); !errors.Is(err, piano.ErrUnfiltered) {
		t.Errorf("everybody's: %v", err)
	}
	_, c, _ = serve(t, ofUser(&shelf{ids: numbered(6000)}, "active"), large)
	if got, more, err := c.Find(t.Context(), "u1", 50); err != nil || !more || len(got) != 50 {
		t.Errorf("too many: %d, %v, %v", len(got), more, err)
	}
}

func TestGet_TakesNoOtherForTheOneThatItAskedFor(t *testing.T) {
	_, c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(found)) }, nil)
	if _, err := c.Get(t.Context(), "s1"); err != nil { // Piano's ids are capitals
		t.Error(err)
	}
	if _, err := c.Get(t.Context(), "S2"); !errors.Is(err, piano.ErrShape) || !strings.Contains(err.Error(), "not the requested one") {
		t.Errorf("got %v", err)
	}
}
