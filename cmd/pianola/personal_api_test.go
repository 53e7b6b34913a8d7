package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// personalAPI is a Piano whose answers have an address, a name or the token in
// every place, and go wrong in every way. Its pages are one long, so that each
// run meets every row in an answer of its own.
type personalAPI struct {
	*httptest.Server
	t *testing.T

	began int64 // of what it has, in seconds: since the stream began

	mu    sync.Mutex
	wrong string
	asked map[string]int // by endpoint
}

func startPersonalAPI(t *testing.T) *personalAPI {
	api := &personalAPI{t: t, began: time.Now().Unix() + 1, asked: map[string]int{}}
	api.Server = httptest.NewServer(api)
	t.Cleanup(api.Close)
	return api
}

// environment is of a Pianola that asks it. The token is a canary.
func (p *personalAPI) environment() []string {
	return []string{"PIANOLA_PIANO_BASE_URL=" + p.URL, "PIANOLA_PIANO_AID=app", "PIANOLA_PIANO_API_TOKEN=" + leak,
		"PIANOLA_PIANO_RATE=10000", "PIANOLA_PIANO_RETRY_INITIAL=1ms", "PIANOLA_PIANO_RETRY_MAX=2ms", "PIANOLA_PIANO_RETRY_ATTEMPTS=2",
		"PIANOLA_RECONCILE_SETTLE=0s"}
}

// goWrong has every list go wrong from now on in one of the ways of wrongAnswers;
// empty is not at all. A way that begins with "get " is for single subscriptions.
func (p *personalAPI) goWrong(way string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = way
}

func (p *personalAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	p.mu.Lock()
	p.asked[endpoint]++
	way, single := strings.CutPrefix(p.wrong, "get ")
	p.mu.Unlock()
	if r.Header.Get("api_token") != leak {
		p.t.Errorf("%s without the token", r.URL.Path)
	}
	if wrong := wrongAnswers()[way]; wrong != nil && single == (endpoint == "get") {
		wrong(w)
		return
	}
	w.Header().Set("X-Person", address("header"))
	if endpoint == "get" {
		for _, one := range p.personalRows() {
			if strings.Contains(one, `"subscription_id":"`+r.FormValue("subscription_id")+`"`) {
				fmt.Fprintf(w, `{"code":0,"ts":1,"subscription":%s}`, one)
				return
			}
		}
		fmt.Fprintf(w, `{"code":8005,"ts":1,"message":"Nothing of %s"}`, address("not found"))
		return
	}
	var rows []string
	if r.FormValue("type") == "active" {
		rows = p.personalRows()
	}
	total := len(rows)
	offset, err := strconv.Atoi(r.FormValue("offset"))
	if err != nil {
		p.t.Error(err)
	}
	rows = rows[min(offset, total):]
	fmt.Fprintf(w, `{"code":0,"ts":1,"total":%d,"offset":%d,"count":%d,"message":"for %s","subscriptions":[%s]}`,
		total, offset, len(rows), address("message"), strings.Join(rows, ","))
}

// personalRows are subscriptions: one that the stream knows, and one for each place
// of an address where none belongs.
func (p *personalAPI) personalRows() []string {
	row := func(id string, replace map[string]string) string {
		member := func(name, json string) string {
			if other, ok := replace[name]; ok {
				json = other
			}
			return `"` + name + `":` + json
		}
		return "{" + strings.Join([]string{
			member("subscription_id", `"`+id+`"`), member("status", `"active"`), member("status_name", `"`+leak+`"`),
			member("start_date", strconv.FormatInt(p.began, 10)), member("next_bill_date", "1800000000"), member("auto_renew", "true"),
			member("billing_plan", `"[9.99 USD|1 month|*]"`), member("payment_method", `"card of `+leak+` Holm"`),
			member("external_sub_id", `"`+address("external")+`"`), member("user_access_token", `"`+leak+`"`),
			member("shared_accounts", `[{"email":"`+address("shared")+`","first_name":"`+leak+`"}]`),
			`"resource":{` + member("name", `"for `+address("resource")+`"`) + `,"created_by":"` + leak + `"}`,
			`"term":{` + strings.Join([]string{member("type", `"payment"`), member("term_name", `"`+leak+`"`), `"name":"` + address("term") + `"`,
				member("payment_billing_plan", `"[9.99 USD|1 month|*]"`), member("payment_currency", `"USD"`)}, ",") + "}",
			`"user":{` + strings.Join([]string{member("uid", `"`+address("uid")+`"`), `"email":"` + address("email") + `"`, `"first_name":"` + leak + `"`,
				`"last_name":"` + leak + `"`, `"personal_name":"` + leak + ` Holm"`, `"image1":"https://example.com/` + leak + `"`,
				`"custom_fields":[{"name":"` + leak + `","value":"` + escaped(leak) + `"}]`}, ",") + "}",
		}, ",") + "}"
	}
	all := []string{row(content, nil), row(content+"-2", nil), row(address("id"), nil)}
	for i, name := range []string{"subscription_id", "status", "billing_plan", "payment_billing_plan", "payment_currency", "type", "uid"} {
		text := `"` + content + " <" + address(name) + "> " + escaped(address(name)) + `"`
		id := fmt.Sprintf("%s-%d", content, 10+i)
		all = append(all, row(id, map[string]string{name: text, "payment_billing_plan": text}), row(id+"x", map[string]string{name: text}))
	}
	return all
}

// wrongAnswers are the ways to answer wrongly, each with something that must not
// come out.
func wrongAnswers() map[string]func(http.ResponseWriter) {
	send := func(status int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", address("retry"))
			w.Header().Set("Location", "https://"+leak+".example/?email="+address("location"))
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	// raw is an answer below HTTP.
	raw := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			_, _ = conn.Write([]byte(text))
		}
	}
	list := func(item string) string { return `{"code":0,"ts":1,"total":1,"subscriptions":[` + item + `]}` }
	refused := `{"code":2999,"message":"` + leak + `: no such user as ` + surname + `, ` + address("refused") + `","validation_errors":{"` + address("key") + `":"` +
		address("invalid") + `","token":"` + leak + `","other":{"a":"` + leak + `"}}}`
	return map[string]func(http.ResponseWriter){
		"a page":             send(200, "<html><title>"+address("page")+"</title>"+leak+"</html>"),
		"a page of 404":      send(404, "<html>"+address("page")+leak),
		"no JSON":            send(200, `{"code":0,"name":"`+leak+`",`+address("json")),
		"refused":            send(200, refused),
		"refused with 400":   send(400, refused),
		"no access":          send(401, refused),
		"forbidden":          send(403, refused),
		"too many":           send(429, refused),
		"failing":            send(503, refused),
		"elsewhere":          send(302, refused),
		"another total":      send(200, `{"code":0,"total":"`+address("total")+`","subscriptions":[]}`),
		"another code":       send(200, `{"code":"`+leak+`","total":1,"subscriptions":[]}`),
		"another list":       send(200, `{"code":0,"total":1,"subscriptions":{"`+address("list")+`":"`+leak+`"}}`),
		"another key":        send(200, `{"code":0,"total":1,"`+address("key")+`":"`+leak+`"}`),
		"two payloads":       send(200, `{"code":0,"total":1,"`+address("key")+`":"`+leak+`","`+leak+`":[]}`),
		"another item":       send(200, list(`"`+address("item")+`"`)),
		"no id":              send(200, list(`{"user":{"email":"`+address("email")+`"}}`)),
		"no status":          send(200, list(`{"subscription_id":"`+address("id")+`"}`)),
		"another user":       send(200, list(`{"subscription_id":"`+address("id")+`","status":"active","user":"`+leak+`"}`)),
		"another date":       send(200, list(`{"subscription_id":"`+address("id")+`","status":"active","start_date":"`+address("date")+`"}`)),
		"a negative date":    send(200, list(`{"subscription_id":"`+address("id")+`","status":"active","start_date":-5}`)),
		"another flag":       send(200, list(`{"subscription_id":"`+address("id")+`","status":"active","auto_renew":"`+leak+`"}`)),
		"another count":      send(200, list(`{"subscription_id":"`+address("id")+`","status":"active","charge_count":"`+leak+`"}`)),
		"cut":                raw("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + list(`{"user":{"email":"`+address("cut")+`"}}`)),
		"nothing":            raw(""),
		"no HTTP":            raw(address("raw") + " " + leak + "\r\n\r\n"),
		"a status of no use": raw("HTTP/1.1 " + leak + " OK\r\n\r\n"),
		"a header of no use": raw("HTTP/1.1 200 OK\r\n" + leak + "\r\n\r\n"),
		"a length of no use": raw("HTTP/1.1 200 OK\r\nContent-Length: " + leak + "\r\n\r\n"),
		"a chunk of no use":  raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + leak + "\r\n" + leak),
		"a coding of no use": raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + leak + "\r\n\r\n"),
		"no gzip":            raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\n" + leak),
	}
}

// logDay is when the subscriptions of the log began.
const logDay = "2099-01-01"

// personalLog is a subscription log with an address or a name in every column that
// takes text, by a row each.
func personalLog() string {
	const begun = logDay + " 00:00:00 +0000"
	names := []string{"Subscription ID", "Start date", "Subscription status", "User ID (UID)", "Term type", "Auto-renew", "Upgrade status", "Trial status",
		"Billing period", "Renewed", "Resource ID (RID)", "Resource name", "Term ID", "Term name", "Template ID", "Template name", "Offer ID", "Offer name",
		"Promo code", "Regular price", "User email", "First name", "Last name", "Shared subscriptions", "Payment source", address("column"), leak}
	plain := []string{"", begun, "Active", "u1", "Payment", "TRUE", "No upgrade", "No trial",
		"1 month", "1", "R1", "News", "T1", "Monthly", "TE1", "Plain", "O1", "Winter", "", "9.99", address("email"), leak, leak + " Holm",
		address("shared"), leak, leak, address("other")}
	var b strings.Builder
	b.WriteString(strings.Join(names, ",") + "\n")
	text := map[int]bool{0: true, 2: true, 3: true, 4: true, 6: true, 7: true, 8: true, 9: true, 10: true, 11: true, 12: true, 13: true,
		14: true, 15: true, 16: true, 17: true, 18: true}
	for i := range names {
		row := append([]string(nil), plain...)
		row[0] = fmt.Sprintf("%s-csv-%d", content, i)
		if text[i] {
			row[i] = content + " " + address("csv")
		}
		b.WriteString(strings.Join(row, ",") + "\n")
	}
	return b.String()
}

// wrongLogs are files that cannot be read, with something personal where they fail.
func wrongLogs() map[string]string {
	log := personalLog()
	header, rows, _ := strings.Cut(log, "\n")
	return map[string]string{
		"a stray quote":     header + "\n" + strings.Replace(rows, leak+" Holm", `"`+leak+`" Holm`, 1),
		"an open quote":     header + "\n" + rows + `"` + leak + ",",
		"a field too many":  header + "\n" + rows + strings.Repeat(address("field")+",", 40) + "\n",
		"a date":            header + "\n" + strings.Replace(rows, logDay, address("date"), 1),
		"a flag":            header + "\n" + strings.Replace(rows, "TRUE", address("flag"), 1),
		"an amount":         header + "\n" + strings.Replace(rows, "9.99", address("amount"), 1),
		"an encoding":       header + "\n" + strings.Replace(rows, leak+" Holm", leak+" H\xf8lm", 1),
		"no header":         rows,
		"a missing column":  strings.Replace(header, "Term type", leak, 1) + "\n" + rows,
		"a column twice":    strings.TrimSuffix(header, leak) + "Term type\n" + rows,
		"no status":         header + "\n" + strings.Replace(rows, "Active", "", 1),
		"a control in it":   header + "\n" + strings.Replace(rows, "-csv-3", "-csv-3\x00"+leak, 1),
		"not one row":       header + "\n",
		"something else":    leak + address("else"),
		"no archive at all": "PK\x03\x04" + leak + address("zip"),
	}
}
