package pianoapi_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
)

const (
	listEndpoint   = "/publisher/subscription/list"
	resumeEndpoint = "/publisher/subscription/resume"
)

// ask sends a request as it is, and gives its status and body.
func (s *env) ask(method, address string, form url.Values, header map[string]string) (int, string) {
	s.Helper()
	body := strings.NewReader(form.Encode())
	if method == http.MethodGet {
		address += "?" + form.Encode()
		body = strings.NewReader("")
	}
	ask, err := http.NewRequestWithContext(s.Context(), method, address, body)
	s.must(err)
	for name, value := range header {
		ask.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	got, err := client.Do(ask)
	s.must(err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	s.must(err)
	return got.StatusCode, string(text)
}

func TestServer_Refuses(t *testing.T) {
	s := setUp(t, 1, pianoapi.Config{})
	list := s.server.BaseURL() + listEndpoint
	token := map[string]string{"api_token": s.server.Token()}
	good := url.Values{"aid": {s.server.AID()}, "offset": {"0"}, "limit": {"2"}}
	for name, c := range map[string]struct {
		method, address string
		form            url.Values
		header          map[string]string
		status          int
		says            string
	}{
		"no_token":          {"GET", list, good, nil, 401, "Unauthorized"},
		"another_token":     {"GET", list, good, map[string]string{"api_token": "x"}, 403, "Forbidden"},
		"token_in_query":    {"GET", list, url.Values{"aid": good["aid"], "api_token": {s.server.Token()}}, nil, 401, "Unauthorized"},
		"another_aid":       {"GET", list, url.Values{"aid": {"x"}, "offset": {"0"}, "limit": {"2"}}, token, 200, `"code":402`},
		"no_offset":         {"GET", list, url.Values{"aid": good["aid"], "limit": {"2"}}, token, 200, `"validation_errors":{"offset"`},
		"unknown_status":    {"GET", list, url.Values{"aid": good["aid"], "offset": {"0"}, "limit": {"2"}, "status": {"x"}}, token, 200, `"status":"is unknown"`},
		"raw_status":        {"GET", list, url.Values{"aid": good["aid"], "offset": {"0"}, "limit": {"2"}, "status": {"fail_and_retry"}}, token, 200, `"status":"is unknown"`},
		"report_type":       {"GET", list, url.Values{"aid": good["aid"], "offset": {"0"}, "limit": {"2"}, "type": {"failedAndRetry"}}, token, 200, `"type":"is unknown"`},
		"report_status":     {"GET", list, url.Values{"aid": good["aid"], "offset": {"0"}, "limit": {"1"}, "status": {"failedAndRetry"}}, token, 200, `"status":"fail_and_retry"`},
		"unknown_order":     {"GET", list, url.Values{"aid": good["aid"], "offset": {"0"}, "limit": {"2"}, "select_by": {"x"}}, token, 200, `"select_by":"is unknown"`},
		"not_there":         {"GET", s.server.BaseURL() + "/publisher/subscription/get", url.Values{"aid": good["aid"], "subscription_id": {"x"}}, token, 200, `"code":8005`},
		"get_of_a_post":     {"GET", s.server.BaseURL() + resumeEndpoint, good, token, 405, ""},
		"post_without_form": {"POST", s.server.BaseURL() + resumeEndpoint, good, token, 415, ""},
		"good":              {"GET", list, good, token, 200, `"code":0,"count":2`},
	} {
		if status, body := s.ask(c.method, c.address, c.form, c.header); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %.200s, want %d and %q", name, status, body, c.status, c.says)
		}
	}
	_, body := s.ask("GET", list, good, token)
	for _, canary := range []string{`"first_name":"` + pianoapi.CanaryFirst, `"last_name":"` + pianoapi.CanaryLast, `"email":"`} {
		if !strings.Contains(body, canary) {
			t.Errorf("the answer lacks %s: there would be nothing that must not come out", canary)
		}
	}
}

func TestServer_FindsByUserAndGets(t *testing.T) {
	s := setUp(t, 1, pianoapi.Config{})
	n := 0
	for k := range s.truth.Known() {
		if n == 20 || len(k.Facts) == 0 || k.UserID == "" || k.ID != k.Stored {
			continue
		}
		n++
		one, err := s.client.Get(t.Context(), k.ID)
		s.must(err)
		all, _, err := s.client.Find(t.Context(), k.UserID, 50)
		s.must(err)
		there := false
		for _, f := range all {
			there = there || f.ID == k.ID
		}
		if one.ID != k.ID || !there || one.CanBeResumed == nil || one.AutoRenewChangeEnabled == nil {
			t.Errorf("%s: got %+v, and %d of the user", k.ID, one, len(all))
		}
	}
	if _, err := s.client.Get(t.Context(), "nobody"); !errors.Is(err, piano.ErrNotFound) {
		t.Errorf("got %v, want %v", err, piano.ErrNotFound)
	}
}

func TestServer_FaultsAsTheClientMeetsThem(t *testing.T) {
	s := setUp(t, 1, pianoapi.Config{Faults: pianoapi.Faults{Slow: 10 * time.Millisecond}})
	get := func() error {
		_, _, err := s.client.Find(t.Context(), "u-nobody", 10)
		return err
	}
	for _, f := range []pianoapi.Fault{pianoapi.TooManyRequests, pianoapi.ServerError, pianoapi.HTMLPage, pianoapi.TruncatedBody, pianoapi.SlowAnswer, pianoapi.LostAnswer} {
		s.server.Fail(f, listEndpoint, 0, 2)
		if err := get(); err != nil {
			t.Errorf("fault %d is one that passes: %v", f, err)
		}
	}
	for f, want := range map[pianoapi.Fault]error{
		pianoapi.Unauthorized: piano.ErrAccess, pianoapi.Forbidden: piano.ErrAccess, pianoapi.UnexpectedShape: piano.ErrShape,
	} {
		s.server.Fail(f, listEndpoint, 0, 1)
		if err := get(); !errors.Is(err, want) {
			t.Errorf("fault %d: got %v, want %v", f, err, want)
		}
	}
	s.server.Fail(pianoapi.ErrorCode, "", 0, 1)
	var refused *piano.Error
	if err := get(); !errors.As(err, &refused) || refused.Code == 0 || len(refused.Invalid) == 0 {
		t.Errorf("got %v, want Piano's code and validation errors", err)
	}
	if got := s.server.Failed(); got[pianoapi.ServerError] != 2 || got[pianoapi.SlowAnswer] < 1 || len(got) != 10 {
		t.Errorf("counted %v", got)
	}
}

func TestServer_SweepAmongFaultsAndShiftingRows(t *testing.T) {
	calm := setUp(t, 2, pianoapi.Config{})
	whole := calm.sweep()
	wild := setUp(t, 2, pianoapi.Config{MaxLimit: 40, Faults: pianoapi.Faults{Seed: 2, Share: 0.1, Shift: 0.3}})
	// How many requests a sweep needs depends on the rows that move: repeat it until each
	// kind of fault was drawn.
	const maxSweeps = 50
	for sweeps := 0; sweeps < maxSweeps && len(wild.server.Failed()) < len(pianoapi.TransientFaults()); sweeps++ {
		missed := maps.Clone(whole)
		for id := range wild.sweep() {
			delete(missed, id)
		}
		if len(missed) > 0 {
			t.Fatalf("sweep %d: %d subscriptions were missed while rows moved", sweeps, len(missed))
		}
	}
	if got := wild.server.Failed(); len(got) != len(pianoapi.TransientFaults()) {
		t.Errorf("faults drawn: %v", got)
	}
}

// An action whose answer is lost has been done. A client that repeats it without a check
// does it twice.
func TestServer_LostAnswerOfAnAction(t *testing.T) {
	s := setUp(t, 1, pianoapi.Config{})
	id := s.where(func(one piano.Subscription) bool {
		return one.Term.Type == "dynamic" && *one.CanBeResumed && one.Status == "active"
	})
	s.server.Fail(pianoapi.LostAnswer, resumeEndpoint, 0, 1)
	if err := s.client.Resume(t.Context(), id); !errors.Is(err, piano.ErrOutcomeUnknown) {
		t.Errorf("got %v, want %v", err, piano.ErrOutcomeUnknown)
	}
	if got := s.sentEvents(); fmt.Sprint(got) != "[Resumed "+id+"]" {
		t.Errorf("sent %v", got)
	}
}

func TestServer_Export(t *testing.T) {
	for _, form := range []pianoapi.FileForm{pianoapi.PlainCSV, pianoapi.CSVWithBOM, pianoapi.ZippedCSV} {
		s := setUp(t, 1, pianoapi.Config{Export: pianoapi.Export{File: form, Polls: 3}})
		var file bytes.Buffer
		from, to := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		s.must(s.client.Export(t.Context(), from, to, time.Millisecond, func() (io.Writer, error) { return &file, nil }))
		switch text := file.Bytes(); form {
		case pianoapi.ZippedCSV:
			if !bytes.HasPrefix(text, []byte("PK")) {
				t.Error("it is no archive")
			}
		case pianoapi.CSVWithBOM:
			if !bytes.HasPrefix(text, []byte("\ufeffSubscription ID,")) {
				t.Errorf("it begins with %q", text[:20])
			}
		default:
			rows, err := csv.NewReader(&file).ReadAll()
			s.must(err)
			if all := s.sweep(); len(rows) != len(all)+1 {
				t.Errorf("%d rows for %d subscriptions", len(rows)-1, len(all))
			}
		}
	}
	s := setUp(t, 1, pianoapi.Config{Export: pianoapi.Export{Polls: 1_000_000}})
	done := make(chan error)
	go func() {
		done <- s.client.Export(t.Context(), time.Now(), time.Now(), time.Millisecond, func() (io.Writer, error) { return io.Discard, nil })
	}()
	for {
		s.server.FailExport() // until there is one
		select {
		case err := <-done:
			if !errors.Is(err, piano.ErrExport) {
				t.Errorf("got %v, want %v", err, piano.ErrExport)
			}
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// An export without promo codes once left traits empty that analysts ask for first.
func TestWriteCSV_FillsEveryTrait(t *testing.T) {
	s := setUp(t, 3, pianoapi.Config{})
	var file bytes.Buffer
	begin, end := s.world.Config().Start.AddDate(-5, 0, 0), time.Now()
	if err := pianoapi.WriteCSV(&file, s.publisher, begin, end); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for column, name := range rows[0] {
		values := map[string]bool{}
		for _, row := range rows[1:] {
			values[row[column]] = true
		}
		delete(values, "")
		if len(values) == 0 {
			t.Errorf("%s is empty in all %d rows", name, len(rows)-1)
		}
		if name == "Promo code" && len(values) < 3 {
			t.Errorf("promo codes: %v", values)
		}
	}
}
