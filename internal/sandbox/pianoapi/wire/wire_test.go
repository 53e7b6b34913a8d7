package wire_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

func TestAmount_IsExact(t *testing.T) {
	for amount, want := range map[wire.Amount]string{0: "0.00", 12_99_00: "12.99", -5_00: "-0.05", 1_2345: "1.2345", 100_0000: "100.00"} {
		if text, err := json.Marshal(amount); err != nil || string(text) != want {
			t.Errorf("%d: %s, %v, want %s", amount, text, err, want)
		}
	}
}

func TestDates_HaveFourForms(t *testing.T) {
	at := wire.At(1_767_225_600_123)
	if s := *wire.Seconds(at); s != 1_767_225_600 {
		t.Errorf("seconds: %d", s)
	}
	for want, got := range map[string]*string{"2026-01-01T00:00:00Z": wire.ISO(at), "2026-01-01 00:00:00": wire.Plain(at), "2026-01-01": wire.Day(at)} {
		if *got != want {
			t.Errorf("got %s, want %s", *got, want)
		}
	}
}

func TestAnswer_Write(t *testing.T) {
	form := &http.Request{Form: url.Values{"offset": {"2"}, "limit": {"9"}}}
	page, _, ok := wire.Paging(form, 2)
	if !ok {
		t.Fatal("the page was not read")
	}
	for name, c := range map[string]struct {
		a    wire.Answer
		want string
		done bool
	}{
		"payload": {wire.Succeeded("data", true), `{"code":0,"data":true,"ts":7}`, true},
		"false":   {wire.Succeeded("data", false), `{"code":0,"data":false,"ts":7}`, false},
		"empty":   {wire.Empty(), `{"code":0,"ts":7}`, true},
		"fields":  {wire.Fields(map[string]any{"zip": "1"}), `{"code":0,"ts":7,"zip":"1"}`, true},
		"page":    {wire.List("all", []int{1, 2, 3}, page, wire.Same), `{"all":[3],"code":0,"count":1,"limit":2,"offset":2,"total":3,"ts":7}`, true},
		"invalid": {wire.Invalid("uid", "is required"), `{"code":400,"message":"Validation failed","ts":7,"validation_errors":{"uid":"is required"}}`, false},
		"refused": {wire.Outcome("data", nil, &wire.Error{Code: 8002, Message: "no"}), `{"code":8002,"message":"no","ts":7}`, false},
	} {
		w := httptest.NewRecorder()
		c.a.Write(w, time.Unix(7, 0))
		if got := strings.TrimSpace(w.Body.String()); got != c.want || c.a.Done() != c.done {
			t.Errorf("%s: %s, done %v", name, got, c.a.Done())
		}
	}
}
