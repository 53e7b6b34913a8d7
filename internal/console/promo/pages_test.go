package promo_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// addresses are all addresses of the section.
var addresses = []string{
	"GET /promo/promotions", "GET /promo/promotions/new", "POST /promo/promotions/new", "GET /promo/promotion?id=PR000001", "POST /promo/promotion/codes",
	"POST /promo/promotion/generate", "POST /promo/promotion/code", "GET /promo/segments", "GET /promo/segment?name=ended", "POST /promo/segment/materialise",
	"GET /promo/segment/users?segment=ended", "GET /promo/experiments", "GET /promo/experiments/new", "POST /promo/experiments/new", "GET /promo/experiment?id=spring",
	"POST /promo/experiment/assign", "GET /promo/experiment/users?id=spring", "GET /promo/conversion", "POST /promo/conversion/read", "GET /promo/checkout", "POST /promo/checkout",
	"GET /promo/plans/x", "POST /promo/plans/x",
}

// TestPromo is one world for all tests of the pages: it is expensive.
func TestPromo(t *testing.T) {
	tier.Full(t, "every page and every change of promo codes over a world")
	o := newOffice(t, true)
	for _, one := range []struct {
		name string
		test func(*office, *testing.T)
	}{
		{"roles", testRoles}, {"promotions", testPromotions}, {"codes", testCodes}, {"once", testOnce}, {"conversion", testConversion}, {"segments", testSegments}, {"experiments", testExperiments},
		{"checkout", testCheckout}, {"mistakes", testMistakes}, {"clean", testClean},
	} {
		t.Run(one.name, func(t *testing.T) { one.test(o, t) })
	}
}

// testRoles: only promo opens the pages.
func testRoles(o *office, t *testing.T) {
	before := len(o.piano.Changes())
	for _, roles := range []string{"viewer", "ops", "care", "care_money", "viewer+ops+care_money"} {
		for _, one := range addresses {
			method, path, _ := strings.Cut(one, " ")
			got := o.as(t, "vera", roles, method, path, url.Values{"id": {"PR000004"}, "why": {"to see"}, "csv": {"1"}})
			if got.status != http.StatusForbidden || strings.Contains(got.body, "WINBACK") {
				t.Errorf("%s: %s gives %d", roles, one, got.status)
			}
		}
	}
	if after := len(o.piano.Changes()); after != before {
		t.Errorf("%d changes", after-before)
	}
}

// testPromotions: the list has what Piano has, and a promotion is created and read back.
func testPromotions(o *office, t *testing.T) {
	all, err := o.promotions.List(t.Context(), "all", "")
	o.Must(err)
	list := table(o.get(t, "/promo/promotions"), "promotions")
	if lines := strings.Split(list, "\n"); len(lines) != len(all)+1 {
		t.Errorf("%d promotions, want %d", len(lines)-1, len(all))
	}
	for _, status := range []string{"|expired|", "|active|", "|new|"} {
		if !strings.Contains(list, status) {
			t.Errorf("no promotion is %s:\n%s", status, list)
		}
	}
	if csv := o.as(t, "petra", "promo", http.MethodGet, "/promo/promotions?csv=promotions", nil); !strings.HasPrefix(csv.body, "promotion_id,name,status") {
		t.Errorf("CSV: %s", csv.body)
	}
	form := url.Values{"name": {hostile}, "percent": {"30"}, "periods": {"2"}, "prefix": {"AUTUMN-"}, "scope": {"all"}, "never_zero": {"1"}, "end": {"2031-06-30"}}
	created := o.change(t, "/promo/promotions/new", form)
	made := o.newest(t)
	if made.Name != hostile || made.Percentage.String() != "30" || *made.Periods != 2 || !made.NeverZero || made.EndsAt == nil {
		t.Errorf("%+v", made)
	}
	if !strings.Contains(created, "read back as asked for") || !strings.Contains(created, `href="/promo/promotion?id=`+made.ID) {
		t.Errorf("the result: %s", problemOf(created))
	}
	if text := o.get(t, "/promo/promotions"); !strings.Contains(text, "&lt;script&gt;canary()") {
		t.Error("the list has no promotion with a hostile name")
	}
	// The same name again is refused by the plan.
	if _, planned := o.plan(t, "/promo/promotions/new", form); !strings.Contains(planned, "has this name already") || strings.Contains(planned, `name="why"`) {
		t.Errorf("a second promotion of the same name: %s", problemOf(planned))
	}
	if n := o.count("SELECT count() FROM actions_log WHERE action = 'promo_create' AND step = 'asked' AND actor = 'petra' AND reason = 'spring campaign' AND answer LIKE '%AUTUMN-%'"); n != 1 {
		t.Errorf("%d rows say what was asked for", n)
	}
}

// newest is the promotion that was created last.
func (o *office) newest(t *testing.T) promotion.Promotion {
	t.Helper()
	all, err := o.promotions.List(t.Context(), "all", "")
	o.Must(err)
	return slices.MaxFunc(all, func(a, b promotion.Promotion) int { return strings.Compare(a.ID, b.ID) })
}

const winback = "PR000004"

// testCodes: codes that nobody has used are masked until somebody asks for them with a reason.
func testCodes(o *office, t *testing.T) {
	codes, err := o.promotions.Codes(t.Context(), winback, []promotion.State{promotion.Active}, "")
	o.Must(err)
	counts, err := o.promotions.Counts(t.Context(), winback)
	o.Must(err)
	if counts[promotion.Used] == 0 || counts[promotion.Active] != len(codes) || len(codes) == 0 {
		t.Fatalf("%v, %d active", counts, len(codes))
	}
	address := "/promo/promotion?id=" + winback
	text := o.get(t, address)
	for s, n := range counts {
		if want := strings.ReplaceAll(string(s), "_", " ") + `</th><td class="n">` + fmt.Sprint(n); !strings.Contains(text, want) {
			t.Errorf("%s: %d is not on the page", s, n)
		}
	}
	masked := func(where, text string) {
		t.Helper()
		for _, c := range codes {
			if strings.Contains(text, c.Text) {
				t.Fatalf("%s shows a code that nobody has used", where)
			}
		}
	}
	listed, next := map[string]bool{}, address+"&state=active"
	for next != "" {
		text := o.get(t, next)
		masked(next, text)
		for _, match := range regexp.MustCompile(`<td class="id">([^<]*)</td></tr>`).FindAllStringSubmatch(text, -1) {
			if listed[match[1]] {
				t.Errorf("%s is listed twice", match[1])
			}
			listed[match[1]] = true
		}
		next = ""
		if match := regexp.MustCompile(`<a href="([^"]*)" rel="next">`).FindStringSubmatch(text); match != nil {
			next = strings.ReplaceAll(match[1], "&amp;", "&")
		}
	}
	if len(listed) != len(codes) {
		t.Errorf("%d active codes are listed, want %d", len(listed), len(codes))
	}
	// Without a reason nothing is shown.
	if got := o.as(t, "petra", "promo", http.MethodPost, "/promo/promotion/codes", url.Values{"id": {winback}, "state": {"active"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", got.status)
	} else {
		masked("an answer without a reason", got.body)
	}
	shows := func() uint64 {
		return o.count("SELECT count() FROM actions_log WHERE action = 'promo_show_codes' AND object = 'promotion:" + winback + "' AND actor = 'petra' AND reason = 'mailing'")
	}
	got := o.as(t, "petra", "promo", http.MethodPost, "/promo/promotion/codes", url.Values{"id": {winback}, "state": {"active"}, "why": {"mailing"}})
	if got.status != http.StatusOK || !strings.Contains(got.body, codes[0].Text) || shows() != 1 {
		t.Errorf("with a reason: %d, %d rows", got.status, shows())
	}
	got = o.as(t, "petra", "promo", http.MethodPost, "/promo/promotion/codes", url.Values{"id": {winback}, "why": {"mailing"}, "csv": {"1"}})
	if lines := strings.Split(strings.TrimSpace(got.body), "\n"); len(lines) != len(codes)+1 || shows() != 2 {
		t.Errorf("CSV: %d lines, %d rows", len(lines), shows())
	}

	made := o.newest(t)
	done := o.change(t, "/promo/promotion/generate", url.Values{"id": {made.ID}, "prefix": {"AUTUMN-"}, "amount": {"7"}})
	if !strings.Contains(done, "7 codes were generated") {
		t.Errorf("generate: %s", problemOf(done))
	}
	address, planned := o.plan(t, "/promo/promotion/code", url.Values{"id": {made.ID}, "code": {"ONCE-SECRET"}})
	if done := o.confirm(t, address); strings.Contains(done+planned, "ONCE-SECRET") || !strings.Contains(done, "was created, and read back") {
		t.Errorf("add a code: %s", problemOf(done))
	}
	fresh, err := o.promotions.Codes(t.Context(), made.ID, nil, "")
	o.Must(err)
	if len(fresh) != 8 {
		t.Errorf("%d codes", len(fresh))
	}
	// A promotion whose one code works a few times shows it; one that works once does not.
	if text := o.get(t, "/promo/promotion?id=PR000001"); !strings.Contains(text, "one code for all") || strings.Contains(text, `action="/promo/promotion/generate"`) {
		t.Error("codes can be generated for a promotion with one code")
	}
}

// testOnce: a plan that is confirmed by many at once is executed once. A second plan of the
// same batch is refused.
func testOnce(o *office, t *testing.T) {
	made := o.newest(t)
	form := url.Values{"id": {made.ID}, "prefix": {"AUTUMN-"}, "amount": {"3"}}
	address, _ := o.plan(t, "/promo/promotion/generate", form)
	other, _ := o.plan(t, "/promo/promotion/generate", form)
	generated := func() (n int) {
		for _, c := range o.piano.Changes() {
			if strings.Contains(c.Endpoint, "promotion/generate") {
				n++
			}
		}
		return n
	}
	before := generated()
	if got := o.as(t, "petra", "promo", http.MethodPost, address, url.Values{}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "The reason is missing") {
		t.Errorf("without a reason: %d", got.status)
	}
	if got := o.as(t, "petra", "promo", http.MethodPost, address, url.Values{"why": {"for ada@example.com"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a reason with an address: %d", got.status)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	again := 0
	for i := range 8 {
		group.Go(func() {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.url+address, strings.NewReader("why=together"))
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("Test-User", fmt.Sprintf("person%d", i))
			request.Header.Set("Test-Roles", "promo")
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			got, err := client.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			_ = got.Body.Close() // nothing is read
			mu.Lock()
			defer mu.Unlock()
			if strings.HasSuffix(got.Header.Get("Location"), "?again=1") {
				again++
			}
		})
	}
	group.Wait()
	if done := o.settled(t, address); !strings.Contains(done, "3 codes were generated") || again != 7 || generated() != before+1 {
		t.Errorf("%d said that it was confirmed before, %d requests: %s", again, generated()-before, problemOf(done))
	}
	if done := o.confirm(t, other); !strings.Contains(done, "have changed since this was planned") || generated() != before+1 {
		t.Errorf("a second plan of the same batch: %s", problemOf(done))
	}
	if got := o.as(t, "petra", "promo", http.MethodGet, "/promo/plans/unknown", nil); got.status != http.StatusNotFound {
		t.Errorf("an unknown plan: %d", got.status)
	}
}

// testSegments: each segment is counted, and one is materialised and downloaded.
func testSegments(o *office, t *testing.T) {
	text := o.get(t, "/promo/segments")
	names := regexp.MustCompile(`href="/promo/segment\?name=([a-z_]+)"`).FindAllStringSubmatch(text, -1)
	if len(names) != 12 {
		t.Errorf("%d segments are listed", len(names))
	}
	for _, match := range names {
		address := "/promo/segment?name=" + match[1]
		if match[1] == "redeemed_code" {
			address += "&p_code=spring20"
		}
		if text := o.get(t, address); !strings.Contains(table(text, "preview"), "|") || !strings.Contains(text, "SET param_at") {
			t.Errorf("%s is not counted: %s", match[1], problemOf(text))
		}
	}
	form := url.Values{"segment": {"ended?days=3650"}}
	done := o.change(t, "/promo/segment/materialise", form)
	users := o.count("SELECT users FROM segment_runs FINAL WHERE segment = 'ended?days=3650' AND state = 'complete'")
	if users == 0 || !strings.Contains(done, fmt.Sprintf("%d users were written", users)) {
		t.Errorf("%d users: %s", users, problemOf(done))
	}
	if n := o.count("SELECT count() FROM actions_log WHERE action = 'promo_segment' AND object = 'segment:ended?days=3650' AND reason = 'spring campaign'"); n != 2 {
		t.Errorf("%d rows in actions_log", n)
	}
	address := "/promo/segment?segment=" + url.QueryEscape("ended?days=3650")
	text = o.get(t, address)
	preview, runs := strings.Split(table(text, "preview"), "\n"), table(text, "runs")
	if len(preview) != 2 || !strings.HasPrefix(preview[1], fmt.Sprintf("|%d|", users)) || !strings.Contains(runs, "|ended?days=3650|complete|"+fmt.Sprint(users)) {
		t.Errorf("%d users are materialised; the page has %q and %q", users, preview, runs)
	}
	for format, first := range map[string]string{"csv": "user_id,subscription_id", "ids": ""} {
		got := o.as(t, "petra", "promo", http.MethodGet, "/promo/segment/users?segment="+url.QueryEscape("ended?days=3650")+"&format="+format, nil)
		lines := strings.Split(strings.TrimSpace(got.body), "\n")
		if first != "" {
			if lines[0] != first {
				t.Errorf("%s begins with %q", format, lines[0])
			}
			lines = lines[1:]
		}
		if uint64(len(lines)) != users || !strings.Contains(got.header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %d lines, want %d", format, len(lines), users)
		}
	}
}

// testExperiments: an experiment from its form to its report.
func testExperiments(o *office, t *testing.T) {
	if text := o.get(t, "/promo/experiments?baseline=0.02&target=0.025&alpha=0.05&power=0.8&arms=2&people=13809"); !strings.Contains(text, "<b>13809</b>") || !strings.Contains(text, "A control arm of 13809 finds 0.5 % and more") {
		t.Errorf("size: %s", problemOf(text))
	}
	form := url.Values{"id": {"spring"}, "segment": {"ended?days=3650"}, "arm_name_0": {"control"}, "arm_weight_0": {"1"}, "arm_name_1": {"half"}, "arm_weight_1": {"1"}, "arm_promotion_1": {"PR000001"},
		"baseline": {"0.1"}, "target": {"0.9"}, "conversion_days": {"14"}, "renewal_days": {"60"}, "alpha": {"0.05"}, "power": {"0.8"}}
	o.change(t, "/promo/experiments/new", form)
	if _, planned := o.plan(t, "/promo/experiments/new", form); !strings.Contains(planned, "exists already") || strings.Contains(planned, `name="why"`) {
		t.Errorf("created twice: %s", problemOf(planned))
	}
	done := o.change(t, "/promo/experiment/assign", url.Values{"id": {"spring"}})
	users := o.count("SELECT uniqExact(user_id) FROM experiment_assignments WHERE experiment_id = 'spring'")
	if users == 0 || !strings.Contains(done, fmt.Sprintf("%d users of the run", users)) {
		t.Errorf("%d users: %s", users, problemOf(done))
	}
	if _, planned := o.plan(t, "/promo/experiment/assign", url.Values{"id": {"spring"}}); strings.Contains(planned, `name="why"`) {
		t.Errorf("everybody has an arm, and the plan can be confirmed: %s", problemOf(planned))
	}
	text := o.get(t, "/promo/experiment?id=spring")
	if !strings.Contains(text, "not enough data yet") || strings.Contains(text, "mark good") || !strings.Contains(table(text, "conversion"), "|half|0|") {
		t.Errorf("%s\n%s", problemOf(text), table(text, "conversion"))
	}
	// All were assigned a year ago: everybody is due.
	o.Exec("INSERT INTO experiment_assignments SELECT experiment_id, user_id, arm, assigned_at - INTERVAL 1 YEAR, run_id, precedence + 31536000000 FROM experiment_assignments FINAL")
	_ = o.as(t, "petra", "promo", http.MethodGet, "/promo/experiment?id=spring", nil)
	o.Must(waitFor(t, func() (bool, error) {
		text = o.get(t, "/promo/experiment?id=spring")
		return !strings.Contains(text, "has 0 people due"), nil
	}))
	for _, id := range []string{"arms", "conversion", "renewal", "conversion-difference", "renewal-difference"} {
		if table(text, id) == "" {
			t.Errorf("there is no table %s: %s", id, problemOf(text))
		}
	}
	if !strings.Contains(text, `<svg class="bars rows"`) || !strings.Contains(table(text, "conversion-difference"), "no difference found") && !strings.Contains(table(text, "conversion-difference"), "differs") {
		t.Errorf("the result is not drawn, or has no answer: %s", table(text, "conversion-difference"))
	}
	for address, want := range map[string]string{"": "user_id,arm,assigned_at", "&arm=half&format=ids": ""} {
		got := o.as(t, "petra", "promo", http.MethodGet, "/promo/experiment/users?id=spring"+address, nil)
		if got.status != http.StatusOK || !strings.HasPrefix(got.body, want) || strings.Count(got.body, "\n") < 2 {
			t.Errorf("users%s: %d %.100s", address, got.status, got.body)
		}
	}
	if text := o.get(t, "/promo/experiments"); !strings.Contains(table(text, "experiments"), "|spring|ended?days=3650|control, half|") {
		t.Errorf("the list: %s", table(text, "experiments"))
	}
}

// testConversion: the panels have the figures of the report.
func testConversion(o *office, t *testing.T) {
	if text := o.get(t, "/promo/conversion"); !strings.Contains(text, "never read from Piano") {
		t.Error("nothing was read, and the page does not say so")
	}
	if done := o.change(t, "/promo/conversion/read", url.Values{}); !strings.Contains(done, "were read") {
		t.Errorf("read: %s", problemOf(done))
	}
	report, err := o.reader().Report(t.Context())
	o.Must(err)
	var currencies []string // without a snapshot most are unknown
	for _, one := range report.Promotions {
		if one.Name != "" && !slices.Contains(currencies, one.Currency) {
			currencies = append(currencies, one.Currency)
		}
	}
	if len(currencies) == 0 {
		t.Fatal("no promotion has a redeemed code")
	}
	for _, currency := range currencies {
		text := o.get(t, "/promo/conversion?span=36mo&currency="+currency)
		for _, one := range report.Promotions {
			if one.Currency != currency || one.Name == "" {
				continue
			}
			row := fmt.Sprintf("|%s|%s|%d|%d|%d|%d|", one.Name, one.ID, one.Redeemed, one.Due, one.FullPrice, one.Due-one.FullPrice)
			if !strings.Contains(table(text, "redeemed"), row) {
				t.Errorf("%s: %s is not in\n%s", currency, row, table(text, "redeemed"))
			}
		}
		for _, id := range []string{"rate", "discount", "step-up", "refunds", "retention"} {
			if table(text, id) == "" {
				t.Errorf("%s: no table %s", currency, id)
			}
		}
		if strings.Count(text, "<summary>SQL</summary>") != 6 || strings.Count(text, ">CSV</a>") != 6 || !strings.Contains(text, "/definitions/promo_conversions") {
			t.Error("a panel lacks its SQL, its CSV or its source")
		}
	}
	if csv := o.as(t, "petra", "promo", http.MethodGet, "/promo/conversion?csv=rate&currency="+currencies[0], nil); !strings.HasPrefix(csv.body, "promotion,promotion_id,redeemed,due,full_price,conversion_percent\n") {
		t.Errorf("CSV: %.200s", csv.body)
	}
	if text := o.get(t, "/promo/conversion?from=1999-01-01&to=1999-01-02"); table(text, "redeemed") != "" {
		t.Error("codes were redeemed in 1999")
	}
}

// testCheckout: the script has the code, and nothing leaves its literals.
func testCheckout(o *office, t *testing.T) {
	text := o.get(t, "/promo/checkout?promotion=PR000001&audience="+url.QueryEscape("ended?days=3650"))
	if !strings.Contains(text, `value="SPRING20"`) || !strings.Contains(text, `value="ended?days=3650"`) || !strings.Contains(text, `<option value="experiment spring half">`) {
		t.Error("the form is not filled in")
	}
	form := url.Values{"offer": {"OF1"}, "term": {"TM1"}, "code": {`"</script>` + hostile}, "audience": {"ended?days=30"}, "report_to": {"/conversion"}}
	got := o.as(t, "petra", "promo", http.MethodPost, "/promo/checkout", form)
	if got.status != http.StatusOK || !strings.Contains(got.body, "checkoutComplete") || !strings.Contains(got.body, "pianola:conversion") {
		t.Errorf("%d %s", got.status, problemOf(got.body))
	}
	form.Set("file", "1")
	if got := o.as(t, "petra", "promo", http.MethodPost, "/promo/checkout", form); got.header.Get("Content-Disposition") == "" || !strings.HasPrefix(got.body, "(function") || strings.Contains(got.body, "</script>") {
		t.Errorf("file: %.100s", got.body)
	}
	form.Set("report_to", "//elsewhere.example")
	if got := o.as(t, "petra", "promo", http.MethodPost, "/promo/checkout", form); got.status != http.StatusUnprocessableEntity || strings.Contains(got.body, "checkoutComplete") {
		t.Errorf("a report to another site: %d", got.status)
	}
}

// testMistakes: forms with mistakes say so, keep what was entered, and change nothing.
func testMistakes(o *office, t *testing.T) {
	before := len(o.piano.Changes())
	for _, one := range []struct {
		method, path string
		form         url.Values
		status       int
		want         string
	}{
		{"POST", "/promo/promotions/new", url.Values{"name": {hostile}, "percent": {"1e999999999"}, "amounts": {"NOK"}, "periods": {"x"}, "start": {"soon"}}, 422, "percent: want a number"},
		{"POST", "/promo/promotions/new", url.Values{"name": {"a@example.com"}, "percent": {"5"}, "periods": {"1"}, "scope": {"all"}}, 422, "e-mail address"},
		{"POST", "/promo/promotion/generate", url.Values{"id": {winback}, "amount": {"1000000"}}, 422, "want 1 to 10000"},
		{"POST", "/promo/promotion/generate", url.Values{"id": {"../x"}, "amount": {"1"}}, 404, "no such promotion"},
		{"POST", "/promo/promotion/code", url.Values{"id": {winback}, "code": {"a b"}}, 422, "letters, digits"},
		{"GET", "/promo/promotion?id=PR999999", nil, 404, "no such promotion"},
		{"GET", "/promo/promotion?id=" + winback + "&state=stolen", nil, 400, "no such state"},
		{"GET", "/promo/segment?name=ended&p_days=x", nil, 422, "want a whole number"},
		{"GET", "/promo/segment?name=ended&p_country=" + url.QueryEscape("ada@example.com"), nil, 422, "contains an address"},
		{"GET", "/promo/segment?name=nothing", nil, 404, "There is no such segment"},
		{"POST", "/promo/segment/materialise", url.Values{"segment": {"nothing"}}, 400, "Nothing was planned"},
		{"GET", "/promo/segment/users?segment=at_risk", nil, 404, "not materialised"},
		{"GET", "/promo/experiment?id=nothing", nil, 404, "no such experiment"},
		{"GET", "/promo/experiments?baseline=2&target=x", nil, 200, "target: want a number"},
		{"POST", "/promo/experiments/new", url.Values{"id": {hostile}, "segment": {hostile}, "arm_name_0": {hostile}, "arm_weight_0": {"-1"}}, 422, "want a whole number"},
		{"POST", "/promo/experiment/assign", url.Values{"id": {"nothing"}}, 404, "no such experiment"},
		{"POST", "/promo/checkout", url.Values{}, 422, "want the id of an offer"},
	} {
		got := o.as(t, "petra", "promo", one.method, one.path, one.form)
		if got.status != one.status || !strings.Contains(got.body, one.want) {
			t.Errorf("%s %s: %d %s", one.method, one.path, got.status, problemOf(got.body))
		}
	}
	if after := len(o.piano.Changes()); after != before {
		t.Errorf("%d changes", after-before)
	}
}

// testClean fails where something personal, or a code that nobody has used, is in a table, a
// log or an address.
func testClean(o *office, t *testing.T) {
	var text strings.Builder
	rows, err := o.Analyst.Query(t.Context(), "SELECT toString(tuple(*)) FROM actions_log")
	o.Must(err)
	defer func() { _ = rows.Close() }() // Err reports the error
	for rows.Next() {
		var one string
		o.Must(rows.Scan(&one))
		text.WriteString(one + "\n")
	}
	o.Must(rows.Err())
	for _, e := range o.logs.All() {
		text.WriteString(e.Message + fmt.Sprint(e.ContextMap()))
	}
	for _, one := range o.visited {
		if !strings.Contains(one, "example.com") { // a mistake of testMistakes
			text.WriteString(one + "\n")
		}
	}
	for _, secret := range []string{"ONCE-SECRET", "AUTUMN-0", "@", o.piano.Token()} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("%q is in a table, a log or an address", secret)
		}
	}
	codes, err := o.promotions.Codes(t.Context(), winback, []promotion.State{promotion.Active}, "")
	o.Must(err)
	for _, c := range codes {
		if strings.Contains(text.String(), c.Text) {
			t.Error("a code that nobody has used is in a table, a log or an address")
		}
	}
}

func TestPromo_WithoutPiano(t *testing.T) {
	tier.Full(t, "ingests a world")
	o := newOffice(t, false)
	for _, path := range []string{"/promo/promotions", "/promo/promotions/new", "/promo/promotion?id=PR1"} {
		if got := o.as(t, "petra", "promo", http.MethodGet, path, nil); got.status != http.StatusNotFound || !strings.Contains(got.body, "piano.api_token") {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	for _, path := range []string{"/promo/segments", "/promo/segment?name=ended", "/promo/experiments", "/promo/conversion", "/promo/checkout"} {
		o.get(t, path)
	}
}
