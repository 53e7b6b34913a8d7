package checkoutpage_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/checkoutpage"
)

func serve(t *testing.T) (*checkoutpage.Page, *httptest.Server) {
	t.Helper()
	p, err := checkoutpage.New(checkoutpage.Config{
		OfferID: "OFSTUB", TermID: "TMPAY00", Audiences: []string{"ended?days=30", `"><script>alert(1)</script>`},
		Offers: []checkoutpage.Offer{{Code: "SPRING20", PromotionID: "PR1", Name: "Spring"}, {Code: "</script>&", PromotionID: "PR2", Name: "<b>Hostile</b>"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return p, s
}

func get(t *testing.T, address string) (int, http.Header, string) {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(body)
}

func TestPage_RunsWithoutInlineScripts(t *testing.T) {
	_, s := serve(t)
	inline := regexp.MustCompile(`<script[^>]*>[^<]|\son[a-z]+=|javascript:|style=`)
	for _, query := range []string{"", "?code=SPRING20&audience=ended%3Fdays%3D30", "?code=%3C%2Fscript%3E%26&audience=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E"} {
		status, header, body := get(t, s.URL+"/"+query)
		if status != http.StatusOK || inline.MatchString(body) || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'self'") {
			t.Errorf("%s: %d\n%s", query, status, body)
		}
		// The script that the page loads is there, for the chosen values.
		source := regexp.MustCompile(`<script src="(/snippet\.js[^"]*)"`).FindStringSubmatch(body)
		if source == nil {
			t.Fatalf("no script: %s", body)
		}
		status, header, script := get(t, s.URL+strings.ReplaceAll(source[1], "&amp;", "&"))
		if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/javascript") || !strings.Contains(script, "tp.offer.show(offer)") || strings.Contains(script, "</script>") {
			t.Errorf("%s: %d\n%s", source[1], status, script)
		}
	}
	for _, path := range []string{"/?code=OTHER", "/snippet.js?audience=other"} {
		if status, _, _ := get(t, s.URL+path); status != http.StatusBadRequest {
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, path := range []string{"/static/tp.js", "/static/page.js", "/static/page.css", "/prices", "/reports"} {
		if status, _, body := get(t, s.URL+path); status != http.StatusOK || body == "" {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestPage_TakesReportsOfTheScriptAlone(t *testing.T) {
	p, s := serve(t)
	post := func(body string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/report", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if got := post(`{"audience":"ended?days=30","termId":"TMPAY00","promotionId":"PR1","termConversionId":"TC1"}`); got != http.StatusNoContent {
		t.Errorf("status %d", got)
	}
	for _, body := range []string{"", "x", `{"termId":"another"}`, `{"termId":"TMPAY00","audience":"` + strings.Repeat("x", 5000) + `"}`} {
		if got := post(body); got != http.StatusBadRequest {
			t.Errorf("%.40s: status %d", body, got)
		}
	}
	if all := p.Reports(); len(all) != 1 || all[0].PromotionID != "PR1" || all[0].TermConversionID != "TC1" {
		t.Errorf("%+v", all)
	}
}
