package operate_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

const hostileTopic = "piano.<script>canary()</script>"

// addresses are all pages that can be opened, with what each must say about the world.
func addresses() map[string][]string {
	at := url.Values{"at": {hostileTopic + "/0/100002"}}.Encode()
	topic := url.Values{"topic": {hostileTopic}, "partition": {"1"}}.Encode()
	return map[string][]string{
		"/":                                {"dead letters are open: invalid_json", "an erasure is not complete", "a replay job did not finish", "lag above 10000", "an open transaction holds messages back"},
		"/?span=24h":                       {"lost ranges: retention"},
		"/coverage":                        {"Partition 1, 1 gaps", "Partition 2, 1 overlaps", "Partition 3, 1 lost ranges", "Partition 4, 1 replayed ranges", "Partition 5@1"},
		"/coverage?" + topic:               {"gap 40"},
		"/dead-letters":                    {"invalid_timestamp", "Next page", "130"},
		"/dead-letters?state=dismissed":    {"0/100002"},
		"/dead-letters?state=resolved":     {"0/100000"},
		"/dead-letters/letter?" + at:       {"J. &lt;b&gt;Doe&lt;/b&gt;", "gone &lt;script&gt;", "The field has the right type"},
		"/reconciliation":                  {"3 of 5: compare", "read a page: &lt;script&gt;", "Next page"},
		"/reconciliation?severity=routine": {"next_bill"},
		"/reconciliation/disagreement?subscription=sub-000&kind=status": {"The stream has no state", "&lt;script&gt;canary()"},
		"/jobs":                      {"20261130t120000-aaaa", "50 %", "&lt;script&gt;canary()", "20261130t100000-eeee", "subscription_events 12"},
		"/jobs/20261130t120000-aaaa": {"Cancel this job", "action=Renewed", "At most 2000 messages a second"},
		"/settings":                  {"pianola config show"},
		"/definitions/drift":         {"compared_as_of"},
	}
}

func TestPages_ShowTheWorldAndRunNoneOfItsTexts(t *testing.T) {
	tier.Full(t, "needs Kafka and ClickHouse")
	s := newSite(t)
	s.fill()
	for address, wants := range addresses() {
		got := s.get("ops", address)
		if got.status != http.StatusOK {
			t.Errorf("%s: status %d: %s", address, got.status, got.body)
		}
		for _, want := range wants {
			if !strings.Contains(got.body, want) {
				t.Errorf("%s does not say %q", address, want)
			}
		}
		for _, never := range []string{"<script>canary", "<img src=x", "could not be read", "erasure-canary", "ZgotmplZ", "<b>Doe"} {
			if strings.Contains(got.body, never) {
				t.Errorf("%s contains %q", address, never)
			}
		}
	}
	t.Run("coverage is exact", func(t *testing.T) {
		got := s.get("viewers", "/coverage?"+url.Values{"topic": {hostileTopic}}.Encode())
		for id, want := range map[string]string{"gaps": "|1|2\u202f100|2\u202f140|40|", "overlaps": "|2|2\u202f090|2\u202f100|10|", "lost": "|3|2\u202f100|2\u202f160|60|retention|"} {
			if lines := strings.Split(got.table(id), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[1], want) {
				t.Errorf("%s: got %q, want one row %q", id, lines, want)
			}
		}
		// One flush of partition 0 stands twice; the row written last has 98 stored.
		if table := got.table("partitions"); !strings.Contains(table, "|0|0|4\u202f100|4\u202f018|3\u202f298|") {
			t.Errorf("partition 0: %s", table)
		}
	})
	t.Run("payload is for ops", func(t *testing.T) {
		address := "/dead-letters/letter?" + url.Values{"at": {hostileTopic + "/0/0"}}.Encode()
		if got := s.get("ops", address); !strings.Contains(got.body, "payload-canary") {
			t.Error("ops does not see the redacted message")
		}
		if got := s.get("viewers", address); got.status != http.StatusOK || strings.Contains(got.body, "payload-canary") || strings.Contains(got.body, "<form class") {
			t.Error("a viewer sees the message, or a form")
		}
	})
	t.Run("pages of the list", func(t *testing.T) {
		seen, address := map[string]bool{}, "/dead-letters?state=any"
		for pages := 0; address != "" && pages < 10; pages++ {
			got := s.get("viewers", address)
			_, list, _ := strings.Cut(got.body, `id="title-list"`)
			for _, part := range strings.Split(list, `<td class="id"><a href="`)[1:] {
				link, _, _ := strings.Cut(part, `"`)
				if seen[link] {
					t.Errorf("%s is listed twice", link)
				}
				seen[link] = true
			}
			before, _, found := strings.Cut(list, `" rel="next"`)
			address = ""
			if found {
				address = strings.ReplaceAll(before[strings.LastIndex(before, `"`)+1:], "&amp;", "&")
			}
		}
		if len(seen) != 133 {
			t.Errorf("%d dead letters on all pages, want 133", len(seen))
		}
	})
	t.Run("links keep the dates", func(t *testing.T) {
		dates := "from=2026-01-01&amp;to=2100-01-01"
		for address, link := range map[string]string{
			"/coverage":       `href="/coverage?from=2026-01-01&amp;partition=1&amp;to=2100-01-01&amp;topic=`,
			"/reconciliation": `href="/reconciliation?after=`,
			"/dead-letters":   `href="/dead-letters?field=`,
		} {
			got := s.get("viewers", address+"?"+strings.ReplaceAll(dates, "&amp;", "&"))
			_, rest, found := strings.Cut(got.body, link)
			end, _, _ := strings.Cut(rest, `"`)
			if !found || !strings.Contains(link+end, "from=2026-01-01") || !strings.Contains(link+end, "to=2100-01-01") {
				t.Errorf("%s: %v, %s", address, found, link+end)
			}
			if !strings.Contains(got.body, `name="from" value="2026-01-01"`) || !strings.Contains(got.body, `name="to" value="2100-01-01"`) {
				t.Errorf("%s: the form has lost the dates", address)
			}
		}
	})
	t.Run("csv", func(t *testing.T) {
		if got := s.get("viewers", "/reconciliation?severity=routine&csv=disagreements"); got.status != http.StatusOK || strings.Count(got.body, "next_bill") != 40 {
			t.Errorf("status %d: %s", got.status, got.body)
		}
	})
}

func TestPages_OfAnEmptyDatabase(t *testing.T) {
	tier.Full(t, "needs Kafka and ClickHouse")
	s := newSite(t)
	for address, want := range map[string]string{
		"/": "Lag by partition", "/coverage": "No range of offsets", "/dead-letters": "No dead letters for this filter", "/reconciliation": "No run is under way", "/jobs": "No job so far",
	} {
		if got := s.get("viewers", address); got.status != http.StatusOK || !strings.Contains(got.body, want) || strings.Contains(got.body, "could not be read") {
			t.Errorf("%s: status %d, without %q: %s", address, got.status, want, got.body)
		}
	}
	for address, want := range map[string]int{
		"/dead-letters?reason=wrong":                                http.StatusBadRequest,
		"/dead-letters?field=wrong":                                 http.StatusBadRequest,
		"/dead-letters?state=wrong":                                 http.StatusBadRequest,
		"/dead-letters?after=wrong":                                 http.StatusBadRequest,
		"/dead-letters/letter":                                      http.StatusBadRequest,
		"/dead-letters/letter?at=a/0/1":                             http.StatusNotFound,
		"/reconciliation?kind=wrong":                                http.StatusBadRequest,
		"/reconciliation/disagreement?subscription=x&kind=status":   http.StatusNotFound,
		"/reconciliation/disagreement?subscription=x&kind=wrong":    http.StatusBadRequest,
		"/jobs/wrong":                                               http.StatusNotFound,
		"/jobs/20261130t120000-zzzz":                                http.StatusNotFound,
		"/definitions/nope":                                         http.StatusNotFound,
		"/coverage?csv=nope":                                        http.StatusNotFound,
		"/coverage?topic=nope&partition=nope&from=9999-01-01&to=x":  http.StatusOK,
		"/dead-letters?span=nope&topic=%00%27%22%3Cscript%3E%5C%0A": http.StatusOK,
		"/reconciliation?after=%00%27%5C&after_kind=%27":            http.StatusOK,
	} {
		if got := s.get("ops", address); got.status != want {
			t.Errorf("%s: status %d, want %d", address, got.status, want)
		}
	}
}

// TestCoverage_ShowsTheTopicThatWasWrittenLast: offsets of two topics cannot be compared.
func TestCoverage_ShowsTheTopicThatWasWrittenLast(t *testing.T) {
	tier.Full(t, "needs Kafka and ClickHouse")
	s := newSite(t)
	s.Exec(`INSERT INTO ingest_ledger (source, source_name, kind, start_offset, next_offset, insert_token, written_at) VALUES
		('kafka', 'old', 'flush', 0, 1000, 'a', now64(3) - INTERVAL 1 HOUR), ('kafka', 'new', 'flush', 0, 1, 'b', now64(3))`)
	_, options, _ := strings.Cut(s.get("viewers", "/coverage").body, `name="topic">`)
	if !strings.HasPrefix(options, `<option value="new" selected>`) {
		t.Errorf("%.100s", options)
	}
}

// TestPages_WaitForTheLimitsOfQueries: no page reads ClickHouse beside them.
func TestPages_WaitForTheLimitsOfQueries(t *testing.T) {
	tier.Full(t, "needs Kafka and ClickHouse")
	s := newSite(t)
	release := make(chan struct{})
	var readers sync.WaitGroup
	for range 100 { // more than run and wait
		readers.Go(func() {
			_ = s.figures.Limited(context.WithoutCancel(t.Context()), func(context.Context) error { <-release; return nil }) // some are refused
		})
	}
	for _, address := range []string{"/dead-letters", "/dead-letters/letter?at=a/0/1", "/jobs", "/jobs/20261130t120000-zzzz", "/reconciliation", "/coverage"} {
		if got := s.get("viewers", address); got.status != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d", address, got.status)
		}
	}
	close(release)
	readers.Wait()
}
