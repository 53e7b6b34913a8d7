package piano_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

func sweep(t *testing.T, s *shelf, size int) (seen map[string]int, report piano.SweepReport) {
	t.Helper()
	_, c, _ := serve(t, s.answer, func(cfg *piano.Config) { cfg.PageSize = size })
	seen = map[string]int{}
	report, err := c.Sweep(t.Context(), func(page []piano.Subscription) error {
		for _, one := range page {
			seen[one.ID]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen, report
}

func TestSweep_ReadsAll(t *testing.T) {
	tier.Full(t, "reads a whole simulated year")
	for _, n := range []int{0, 1, 2, 9, 10, 11, 19, 100, 101} {
		for _, most := range []int{0, 1, 2, 7} { // the API may give fewer than are asked for
			seen, report := sweep(t, &shelf{ids: numbered(n), most: most}, 10)
			if len(seen) != n || report.Shifts != 0 || report.Again != 0 {
				t.Errorf("%d at most %d a page: read %d, %+v", n, most, len(seen), report)
			}
		}
	}
}

// Rows that leave the list behind the reader pull others over the edge of a page;
// rows that come in push them.
func TestSweep_SurvivesShifts(t *testing.T) {
	for name, move := range map[string]func(ids []string) []string{
		"a row leaves":    func(ids []string) []string { return ids[1:] },
		"ten rows leave":  func(ids []string) []string { return ids[10:] },
		"a row comes in":  func(ids []string) []string { return append([]string{"new"}, ids...) },
		"one goes behind": func(ids []string) []string { return append(slices.Clone(ids[1:]), ids[0]) },
		"one comes first": func(ids []string) []string {
			return append([]string{ids[60]}, slices.Delete(slices.Clone(ids), 60, 61)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shelf{ids: numbered(100)}
			s.before = func(s *shelf, page int) {
				if page == 4 {
					s.ids = move(s.ids)
				}
			}
			seen, report := sweep(t, s, 10)
			for _, id := range numbered(100) {
				if seen[id] == 0 && slices.Contains(s.ids, id) {
					t.Errorf("%s was there all the time and was not read; %+v", id, report)
				}
			}
			if report.Shifts == 0 {
				t.Errorf("no shift was noticed: %+v", report)
			}
		})
	}
}

// Where rows move all the time, it comes to an end all the same.
func TestSweep_EndsInAWorldThatNeverStandsStill(t *testing.T) {
	for _, most := range []int{0, 2} { // the API may give fewer than are asked for
		dice := rand.New(rand.NewPCG(1, 1))
		s := &shelf{ids: numbered(200), most: most}
		s.before = func(s *shelf, _ int) {
			dice.Shuffle(len(s.ids), func(i, j int) { s.ids[i], s.ids[j] = s.ids[j], s.ids[i] })
		}
		_, report := sweep(t, s, 10)
		if report.Shifts == 0 || report.Pages > 3000 {
			t.Errorf("%+v", report)
		}
	}
}

func TestSweep_ReadsAStatusAgainWhenItsTotalMoved(t *testing.T) {
	s := &shelf{ids: numbered(30)}
	s.before = func(s *shelf, page int) {
		if page == 4 { // behind the last full page
			s.ids = append([]string{"late"}, s.ids...)
		}
	}
	seen, report := sweep(t, s, 10)
	if report.Again != 1 || seen["late"] == 0 {
		t.Errorf("read late %d times, %+v", seen["late"], report)
	}
}

func TestSweep_TellsNothingPersonalAndKeepsWhatCounts(t *testing.T) {
	_, c, _ := serve(t, (&shelf{ids: []string{"for kari@example.com"}}).answer, nil)
	var got []piano.Subscription
	if _, err := c.Sweep(t.Context(), func(page []piano.Subscription) error { got = append(got, page...); return nil }); err != nil {
		t.Fatal(err)
	}
	started := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if len(got) != 1 || !strings.HasPrefix(got[0].ID, "for sha256:") || strings.Contains(got[0].UserID, "@") ||
		got[0].Term.FirstPrice != "9.99" || !got[0].StartedAt.Equal(started) || got[0].AutoRenew == nil || !*got[0].AutoRenew {
		t.Errorf("got %+v", got)
	}
}

// Every text that is kept has been through the guard, wherever an address stands.
func TestGet_GuardsEveryText(t *testing.T) {
	_, c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"code":0,"subscription":{"subscription_id":"kari@example.com","status":"kari@example.com",
			"billing_plan":"for kari@example.com","user":{"uid":"kari@example.com","email":"kari@example.com"},
			"term":{"term_id":"kari@example.com","name":"kari@example.com","type":"kari@example.com",
			"payment_billing_plan":"kari@example.com","payment_currency":"kari@example.com"}}}`))
	}, nil)
	s, err := c.Get(t.Context(), " kari@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v", s); strings.Contains(text, "kari") || strings.Count(text, "sha256:") != 9 {
		t.Errorf("got %s", text)
	}
}

func TestSweep_StopsWithTheCallersError(t *testing.T) {
	_, c, _ := serve(t, (&shelf{ids: numbered(30)}).answer, nil)
	full := errors.New("full")
	if _, err := c.Sweep(t.Context(), func([]piano.Subscription) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

// Every wrong shape names the field and holds no value.
func TestSweep_RefusesWrongShapes(t *testing.T) {
	for payload, want := range map[string]string{
		`{"code":0,"total":1,"subscriptions":{"S1":{}}}`: "subscriptions: want array",
		`{"code":0,"subscriptions":[]}`:                  "total is missing",
		`{"total":1,"subscriptions":[]}`:                 "code is missing",
		`{"code":0,"total":1}`:                           "the subscriptions are missing",
		`{"code":"0","total":1,"subscriptions":[]}`:      "code: want number, got string",
		`{"code":0,"total":1,"rows":7,"others":[]}`:      "subscriptions: want array",
	} {
		_, c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(payload)) }, nil)
		_, err := c.Sweep(t.Context(), func([]piano.Subscription) error { return nil })
		if !errors.Is(err, piano.ErrShape) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s\n got %v\nwant %s", payload, err, want)
		}
	}
}

// A row with another form is passed on by its id, and reported with the field.
func TestSweep_ReportsUnreadableRows(t *testing.T) {
	for row, want := range map[string]struct {
		problem   string
		withoutID int
	}{
		`{"subscription_id":"B","status":"active","term":{"type":7}}`:               {problem: "subscriptions[1].term.type: want text, got number"},
		`{"subscription_id":"B"}`:                                                   {problem: "subscriptions[1].status: is missing"},
		`{"status":"active"}`:                                                       {problem: "subscriptions[1].subscription_id: is missing", withoutID: 1},
		`{"subscription_id":"B","status":"active","auto_renew":"canary"}`:           {problem: "subscriptions[1].auto_renew: want true or false, got string"},
		`{"subscription_id":"B","status":"active","start_date":-5}`:                 {problem: "subscriptions[1].start_date: want seconds since 1970 or an ISO 8601 date"},
		`{"subscription_id":"B","status":"active","start_date":"canary"}`:           {problem: "subscriptions[1].start_date: want seconds since 1970 or an ISO 8601 date"},
		`{"subscription_id":"B","status":"active","next_bill_date":20529}`:          {problem: "subscriptions[1].next_bill_date: is before the year 2000"},
		`{"subscription_id":"B","status":"active","start_date":1774800602000}`:      {problem: "subscriptions[1].start_date: want seconds since 1970, not milliseconds"},
		`{"subscription_id":"B","status":"active","start_date":"0x69C9"}`:           {problem: "subscriptions[1].start_date: want seconds since 1970 or an ISO 8601 date"},
		`{"subscription_id":"B","status":"active","start_date":"Infinity"}`:         {problem: "subscriptions[1].start_date: want seconds since 1970 or an ISO 8601 date"},
		`{"subscription_id":"B","status":"active","end_date":"1999-01-01"}`:         {problem: "subscriptions[1].end_date: is before the year 2000"},
		`{"subscription_id":"B","status":"active","trial_period_end_date":{"a":1}}`: {problem: "subscriptions[1].trial_period_end_date: want seconds"},
		`"canary"`: {problem: "subscriptions[1]: want object, got string", withoutID: 1},
	} {
		_, c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Form.Get("type") != "active" || r.Form.Get("offset") != "0" {
				_, _ = w.Write([]byte(`{"code":0,"total":0,"subscriptions":[]}`))
				return
			}
			_, _ = w.Write([]byte(`{"code":0,"total":2,"subscriptions":[{"subscription_id":"A","status":"active"},` + row + `]}`))
		}, nil)
		got := map[string]bool{}
		report, err := c.Sweep(t.Context(), func(page []piano.Subscription) error {
			for _, one := range page {
				got[one.ID] = one.Unreadable
			}
			return nil
		})
		if err != nil || report.Unreadable == 0 || report.WithoutID == 0 != (want.withoutID == 0) ||
			!strings.Contains(fmt.Sprint(report.Problem), want.problem) || strings.Contains(fmt.Sprint(report.Problem), "canary") {
			t.Errorf("%s: %+v, %v", row, report, err)
		}
		if want.withoutID == 0 && (len(got) != 2 || !got["B"] || got["A"]) || want.withoutID > 0 && len(got) != 1 {
			t.Errorf("%s: passed on %v", row, got)
		}
	}
}

// Many unreadable rows mean that the API has changed. The limit does not depend on the
// size of the pages or on the place of the rows.
func TestSweep_RefusesManyUnreadableRows(t *testing.T) {
	for _, c := range []struct {
		rows, unreadable int
		refused          bool
	}{{20, 10, false}, {20, 11, true}, {1100, 11, false}, {1099, 11, true}, {3000, 30, false}, {3000, 31, true}} {
		for _, size := range []int{100, 1000} {
			for _, first := range []bool{true, false} {
				broken := func(i int) bool {
					if first {
						return i%2 == 0 && i < 2*c.unreadable // never twice in a row: pages overlap in one
					}
					return i%2 == 1 && i >= c.rows-2*c.unreadable
				}
				if 2*c.unreadable > c.rows {
					broken = func(i int) bool { return i > 0 && i <= c.unreadable }
				}
				s := &shelf{ids: numbered(c.rows), broken: broken}
				_, client, _ := serve(t, s.answer, func(cfg *piano.Config) { cfg.PageSize = size })
				_, err := client.Sweep(t.Context(), func([]piano.Subscription) error { return nil })
				if c.refused != errors.Is(err, piano.ErrShape) || c.refused != strings.Contains(fmt.Sprint(err), "are unreadable or absent") {
					t.Errorf("%+v, page size %d, at the start %v: %v", c, size, first, err)
				}
			}
		}
	}
}

// Piano has two words for a status. The list takes the raw one in the parameter type.
func TestSweep_SelectsTheRawStatusByType(t *testing.T) {
	a, c, _ := serve(t, (&shelf{ids: numbered(3)}).answer, nil)
	if _, err := c.Sweep(t.Context(), func([]piano.Subscription) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Find(t.Context(), "u1", 5); err == nil {
		t.Error("the shelf has other users' rows")
	}
	for _, asked := range a.asked {
		if !strings.Contains(asked, "&type=") || strings.Contains(asked, "&status=") {
			t.Errorf("asked %s", asked)
		}
	}
}

// An API that does not know offset gives the same page for ever.
func TestSweep_EndsWhereOffsetIsNotKnown(t *testing.T) {
	for _, n := range []int{1, 2, 10} {
		a, c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			r.Form.Set("offset", "0")
			(&shelf{ids: numbered(n)}).answer(w, r)
		}, nil)
		_, err := c.Sweep(t.Context(), func([]piano.Subscription) error { return nil })
		if !errors.Is(err, piano.ErrShape) || !strings.Contains(err.Error(), "at every offset") || a.count() > 10 {
			t.Errorf("%d a page: %v after %d pages", n, err, a.count())
		}
	}
}

// Without a fixed order no page repeats another, so only the announced total bounds it.
func TestSweep_EndsWhereOffsetIsIgnoredAndRowsHaveNoOrder(t *testing.T) {
	for _, total := range []int{1, 2, 3, 40, 250} {
		for _, most := range []int{0, 2} {
			dice := rand.New(rand.NewPCG(uint64(total), 1))
			s := &shelf{ids: numbered(total), most: most}
			s.before = func(s *shelf, _ int) {
				dice.Shuffle(len(s.ids), func(i, j int) { s.ids[i], s.ids[j] = s.ids[j], s.ids[i] })
			}
			a, c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				r.Form.Set("offset", "0")
				s.answer(w, r)
			}, nil)
			_, err := c.Sweep(t.Context(), func([]piano.Subscription) error { return nil })
			if !errors.Is(err, piano.ErrShape) || a.count() > 8*(total+3) || most == 0 && a.count() > 60 {
				t.Errorf("%d at most %d a page: %v after %d requests", total, most, err, a.count())
			}
		}
	}
}

// A list that ends before its announced total, as of an API that limits the offset, is not
// every subscription: the others would look deleted.
func TestSweep_RefusesAListThatEndsEarly(t *testing.T) {
	for _, c := range []struct {
		total, served int
		refused       bool
	}{{250, 250, false}, {250, 100, true}, {250, 239, true}, {250, 240, false}, {3000, 2970, false}, {3000, 2969, true}, {5, 0, true}, {5, 4, false}} {
		for _, size := range []int{2, 10, 1000} {
			if size == 2 && c.total > 250 {
				continue // takes long
			}
			s := &shelf{ids: numbered(c.served), announced: c.total}
			_, client, _ := serve(t, s.answer, func(cfg *piano.Config) { cfg.PageSize = size })
			report, err := client.Sweep(t.Context(), func([]piano.Subscription) error { return nil })
			if c.refused {
				if !errors.Is(err, piano.ErrShape) || !strings.Contains(err.Error(), fmt.Sprintf("a list of %d rows ends after %d", c.total, c.served)) {
					t.Errorf("%+v, page size %d: %v", c, size, err)
				}
				continue
			}
			if err != nil || report.WithoutID != c.total-c.served || (report.Problem == nil) != (report.WithoutID == 0) {
				t.Errorf("%+v, page size %d: %+v, %v", c, size, report, err)
			}
		}
	}
	s := &shelf{ids: numbered(4), announced: 5, user: "u1"}
	_, client, _ := serve(t, s.answer, nil)
	if _, _, err := client.Find(t.Context(), "u1", 50); !errors.Is(err, piano.ErrShape) {
		t.Errorf("support does not see every subscription, and does not know it: %v", err)
	}
}

func TestGet_ReadsBothFormsOfADate(t *testing.T) {
	at := time.Date(2026, 3, 29, 16, 10, 2, 0, time.UTC)
	for text, want := range map[string]*time.Time{
		`1774800602`: &at, `"1774800602"`: &at, `"2026-03-29T16:10:02Z"`: &at, `"2026-03-29 18:10:02 +0200"`: &at,
		`"2026-03-29T16:10:02"`: &at, `null`: nil, `""`: nil, `0`: nil, `"0"`: nil, `253402300799`: nil, `"9999-12-31T00:00:00Z"`: nil,
	} {
		_, c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"code":0,"subscription":{"subscription_id":"S1","status":"active","start_date":` + text + `}}`))
		}, nil)
		s, err := c.Get(t.Context(), "S1")
		if err != nil || (s.StartedAt == nil) != (want == nil) || want != nil && !s.StartedAt.Equal(*want) {
			t.Errorf("%s: %v, %v", text, s.StartedAt, err)
		}
	}
}

// Piano leaves out booleans that are false.
func TestGet_TakesAnAbsentBooleanAsFalse(t *testing.T) {
	for _, row := range []string{`"auto_renew":null,"is_in_trial":null,"term":{"payment_has_free_trial":null}`, `"term":{}`} {
		_, c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"code":0,"subscription":{"subscription_id":"S1","status":"active",` + row + `}}`))
		}, nil)
		s, err := c.Get(t.Context(), "S1")
		if err != nil || s.AutoRenew == nil || *s.AutoRenew || s.InTrial == nil || *s.InTrial || s.Term.HasFreeTrial == nil || *s.Term.HasFreeTrial || s.CanBeResumed != nil {
			t.Errorf("%s: %+v, %v", row, s, err)
		}
	}
}
