package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/loopback"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

const (
	// leak stands in every address, name and secret of this test, and may come out
	// nowhere. It is letters of both cases: masked or hashed, it is gone.
	leak = "ZqvLeak"
	// content stands in texts that are stored as they are. Tables hold it, and what
	// shows tables; logs, pages and errors do not.
	content = "qj4content"
	// refuse is a term name that the table of this test does not take.
	refuse = content + " refuse"
	// hashed is no secret.
	hashed = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"
)

// TestPrivacy_NoPersonalDataFromMessages puts addresses, names and secrets into every
// place a message and a configuration have, and looks for them in everything that
// the shipped binary lets out: tables, log, pages and what the commands print.
func TestPrivacy_NoPersonalDataFromMessages(t *testing.T) {
	tier.Full(t, "runs every command")
	binary := build(t)
	for _, protocol := range []string{"native", "http"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			walkPrivacy(t, binary, protocol)
		})
	}
}

func walkPrivacy(t *testing.T, binary, protocol string) {
	s := testbed.Start(t).Fixture(t, testbed.Config{Protocol: protocol})
	// The server's own words for a refused row quote the row.
	s.Exec("ALTER TABLE subscription_events ADD CONSTRAINT agreeable CHECK ifNull(term_name, '') != '" + refuse + "'")

	file := write(t, "pianola.yaml", "piano: {aid: a, base_url: 'http://127.0.0.1:1', api_token: "+leak+"}\n")
	listen, err := loopback.FreeAddr()
	s.Must(err)
	s.Settings.HTTP.Listen = listen
	s.Settings.Transform.InternalUserIDs = []string{address("internal")}
	s.Settings.Transform.InternalEmailDomains = []string{"corp.example"}
	environment := append(environment(s.Settings), "PIANOLA_CONFIG="+file, "PIANOLA_TRANSFORM_MAX_MESSAGE_BYTES=4KiB",
		"PIANOLA_BATCH_MAX_WAIT=50ms", "PIANOLA_LOG_LEVEL=debug", "ELSEWHERE="+leak)

	// A login that is refused; the embedded server wants no password.
	locked := start(t, binary, append(slices.Clone(environment), "PIANOLA_CLICKHOUSE_PASSWORD="+leak))
	if err := locked.Wait(); err == nil {
		t.Error("the server takes any password")
	}
	clean(t, "refused login", locked.output.String(), leak)

	messages := personalMessages()
	send(s, messages)
	p := start(t, binary, environment)
	p.until(t, "every message accounted for", s.Ingested)

	tables := dump(s)
	clean(t, "tables", tables, leak)
	if !strings.Contains(tables, content) || !strings.Contains(tables, "sha256:") {
		t.Error("the tables hold nothing that was sent")
	}
	for _, page := range []string{"/metrics", "/readyz", "/livez"} {
		_, body := get(t, listen, page)
		clean(t, page, body, leak, content)
	}
	listed := clean(t, "dlq list --json", both(call(t, environment, "", "dlq", "list", "--limit", "1000", "--json")), leak)
	showDeadLetters(t, environment, listed)
	for _, args := range [][]string{{"dlq", "list", "--limit", "1000"}, {"transform"}} {
		clean(t, strings.Join(args, " "), both(call(t, environment, asLines(messages), args...)), leak)
	}
	for _, args := range [][]string{{"config", "show"}, {"config", "show", "--json"}, {"config", "validate", "--connect"}} {
		clean(t, strings.Join(args, " "), both(call(t, environment, "", args...)), leak)
	}

	// During an outage the commands print errors.
	if err := s.Services.ClickHouse.Close(); err != nil {
		t.Error(err)
	}
	send(s, messages)
	p.until(t, "the outage seen", func() bool {
		status, _ := get(t, listen, "/readyz")
		_, metrics := get(t, listen, "/metrics")
		return status == http.StatusServiceUnavailable && strings.Contains(metrics, `pianola_insert_retries_total{class="retry"`)
	})
	for _, page := range []string{"/metrics", "/readyz", "/livez"} {
		_, body := get(t, listen, page)
		clean(t, page+" in an outage", body, leak, content)
	}
	clean(t, "dlq list in an outage", both(call(t, environment, "", "dlq", "list")), leak, content)
	_ = p.Stop() // it was killed
	log := clean(t, "log", p.output.String(), leak, content)
	for _, want := range []string{`"level":"debug"`, "batch committed", sink.LogAttemptFailed} {
		if !strings.Contains(log, want) {
			t.Errorf("the log was to be looked at for %q, and has no such line:\n%s", want, log)
		}
	}
}

// clean fails where one of the words is in the text, however it is cased, and
// gives the text. The message tells a place from its word.
func clean(t *testing.T, where, text string, words ...string) string {
	t.Helper()
	folded := strings.ToLower(text)
	for _, word := range append(slices.Clip(words), surname) {
		for _, spelling := range []string{strings.ToLower(word), strings.ToLower(escaped(word))} {
			if at := strings.Index(folded, spelling); at >= 0 {
				t.Errorf("%s: %q comes out: …%s…", where, word, text[max(0, at-200):min(len(text), at+100)])
			}
		}
	}
	return text
}

// surname is somebody's name in a sentence of Piano's, where nothing marks it as one.
const surname = "Solheim"

func both(o outcome) string { return o.stdout + o.stderr }

// address is an address that says where it was put.
func address(place string) string { return leak + "." + place + "@" + leak + ".example" }

// escaped is the text as JSON may spell it too.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

// event is a message that is stored, but for the fields given; their values are
// JSON, and an empty one leaves the field out.
func event(fields map[string]string) string {
	all := map[string]string{"subscription_id": `"` + content + `"`, "event_timestamp": `"2024-01-05"`, "subscription_action": `"Renewed"`}
	maps.Copy(all, fields)
	var members []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			members = append(members, `"`+name+`":`+all[name])
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// personalMessages has a message for every place and every outcome.
func personalMessages() []string {
	type fields = map[string]string
	quoted := func(text string) string { return `"` + text + `"` }
	nested := `{"` + leak + `":["` + leak + `",{"user_email":"` + address("nested") + `"}]}`
	var all []string
	add := func(each ...string) {
		for _, one := range each {
			// Each is an event of its own, or most would be one row.
			all = append(all, strings.ReplaceAll(one, "2024-01-05", fmt.Sprintf("2024-01-05T10:%02d:%02d", len(all)/60, len(all)%60)))
		}
	}

	for _, name := range letters.Fields() {
		add(
			event(fields{name: quoted(address(name))}),
			event(fields{name: quoted(content + " <" + address(name) + ">, " + escaped(address(name)) + ";")}),
			event(fields{name: quoted(escaped(address(name)))}),
			event(fields{name: nested}),
			// Stored, filtered or refused at another stage, with the rest as it was.
			event(fields{name: quoted(address(name)), "experience_name": "[]"}),
			event(fields{name: quoted(address(name)), "event_timestamp": "1"}),
			event(fields{name: quoted(address(name)), "is_internal_user": "true"}),
			event(fields{name: quoted(address(name)), "event_timestamp": ""}),
			strings.Replace(event(fields{name: quoted(address(name))}), "{", `{"`+name+`":"`+escaped(address("twice"))+`",`, 1),
		)
	}
	for _, name := range []string{"user_email", "email", "user_email_hash_sha256"} {
		add(event(fields{name: quoted(leak + " Holm")}), event(fields{name: quoted(leak + " Holm <" + address(name) + ">")}))
	}
	add(
		event(fields{"user_email": quoted(leak + " Holm"), "user_email_hash_sha256": quoted(hashed)}),
		event(fields{"user_email": quoted(address("first")), "email": quoted(address("second"))}),
		event(fields{"user_email": quoted(address("plain")), "user_email_hash_sha256": quoted(hashed)}),
		event(fields{"user_id": quoted(address("internal")), "subscription_id": quoted(address("filtered"))}),
		event(fields{"user_email": quoted(leak + "@corp.example"), "subscription_id": quoted(address("filtered"))}),
		event(fields{"subscription_id": quoted(address("control") + `\u0000`)}),
		event(fields{"subscription_action": quoted("Renewed for " + address("action"))}),
		event(fields{"term_name": quoted(refuse), "user_email": quoted(address("refused"))}),
		// Unknown names and values, in a message that is stored and one that is not.
		event(fields{address("name"): quoted(leak), "name": quoted(leak), "customer": nested, "tags": `["` + leak + `"]`}),
		event(fields{address("name"): quoted(leak), "name": quoted(leak), "customer": nested, "tags": `["` + leak + `"]`, "transaction_value": `"x"`}),
		event(fields{escaped(address("name")): "1", "transaction_value": `"x"`}),
	)
	whole := event(fields{"user_email": quoted(address("whole")), "name": quoted(leak), "user_id": quoted(escaped(address("id")))})
	add(
		whole[:len(whole)-1], whole+whole, whole+leak, leak, address("bare"), quoted(address("text")), "["+whole+"]", "\ufeff"+whole,
		strings.Replace(whole, `"name":`, `"name":NaN,`, 1), strings.Replace(whole, `"name":`, `"`+leak+`\ud800":`, 1),
		strings.Replace(whole, `"name":`, "\"\xff\":", 1), strings.Repeat("[", 3000)+quoted(leak), string(utf16(whole)),
		whole+strings.Repeat(" ", 5000), strings.Repeat(address("large")+" ", 200),
		"\x00\x00\x00\x00\x07"+whole, "\x00\x00\x00\x00\x07"+whole[1:], "\x00\x00\x00\x00\x07"+whole[:len(whole)-1], "\x00"+leak+whole,
		"", // a tombstone has a key and headers still
	)
	return all
}

// utf16 is ASCII text in UTF-16.
func utf16(text string) []byte { return bytes.Join(bytes.Split([]byte(text), nil), []byte{0}) }

// asLines is the messages as a file, but for those that would be two.
func asLines(messages []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(messages), func(m string) bool { return strings.Contains(m, "\n") }), "\n") + "\n"
}

// send writes the messages with keys and headers that are read by nobody.
func send(s *testbed.Fixture, messages []string) {
	s.Helper()
	for _, m := range messages {
		s.Client.Produce(s.Context(), &kgo.Record{Topic: s.Topic, Key: []byte(address("key")), Value: []byte(m),
			Headers: []kgo.RecordHeader{{Key: address("header"), Value: []byte(leak)}}}, func(_ *kgo.Record, err error) {
			if err != nil {
				s.Error(err)
			}
		})
	}
	s.Must(s.Client.Flush(s.Context()))
}

// showDeadLetters looks at a dead letter of each reason and field, and holds that
// every reason has been met: what is not met is not looked at.
func showDeadLetters(t *testing.T, environment []string, listed string) {
	t.Helper()
	var found listing
	if err := json.Unmarshal([]byte(listed), &found); err != nil {
		t.Fatal(err)
	}
	met := map[string]string{}
	for _, one := range found.DeadLetters {
		kind := one.Reason + orDash(one.Field)
		if met[kind] != "" {
			continue
		}
		met[kind] = one.Reason
		clean(t, "dlq show", both(call(t, environment, "", "dlq", "show", one.At)), leak)
	}
	clean(t, "dlq show --json", both(call(t, environment, "", "dlq", "show", found.DeadLetters[0].At, "--json")), leak)
	reasons := slices.Compact(slices.Sorted(maps.Values(met)))
	for _, want := range schemas.Reasons() {
		if want != schemas.UnknownAction && !slices.Contains(reasons, string(want)) {
			t.Errorf("no dead letter is %s", want)
		}
	}
}

// dump is every table and view as text.
func dump(s *testbed.Fixture) string {
	s.Helper()
	ask := func(query string) string {
		status, body := get(s, s.Services.ClickHouse.HTTPAddr(), "/?user="+sandbox.User+"&password="+s.Services.Password+"&query="+url.QueryEscape(query))
		if status != http.StatusOK {
			s.Fatalf("%s: %s", query, body)
		}
		return body
	}
	var all strings.Builder
	for name := range strings.Lines(ask("SELECT name FROM system.tables WHERE database = '" + s.Topic + "' AND empty(parameterized_view_parameters) FORMAT TSV")) {
		all.WriteString(ask("SELECT * FROM " + s.Topic + "." + strings.TrimSpace(name) + " FORMAT TSVWithNames"))
	}
	return all.String()
}

// get gives status 0 where nobody answers yet.
func get(t testing.TB, host, path string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
