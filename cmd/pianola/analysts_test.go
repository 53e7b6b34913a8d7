package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

const analystsPage = "../../docs/analysts.md"

// questionForm is a query of docs/analysts.md and the answer below it.
var questionForm = regexp.MustCompile("(?s)```sql\n(.*?)```\n(?:\n```text\n(.*?)```\n)?")

// questions are the queries of docs/analysts.md.
func questions() []string { return queriesOf("analysts.md") }

// queriesOf are the queries of a page of the documentation.
func queriesOf(page string) (all []string) {
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		return nil // the test of the page fails
	}
	for _, block := range questionForm.FindAllStringSubmatch(string(text), -1) {
		all = append(all, block[1])
	}
	return all
}

// The world of the answers. It ends where a month begins, so that figures of months and of
// that day do not depend on the day of the test.
const (
	answersSubscribers = 2000
	answersDay         = "2026-10-01"
)

// thatDay are the words of the queries that depend on the day, and what they are on the day
// of the answers. Later days and months of the marts are left out.
var thatDay = []struct{ word, on string }{
	{`\bnow\(\)`, "toDateTime64('" + answersDay + " 00:00:00', 3, 'UTC')"},
	{`\btoday\(\)`, "toDate('" + answersDay + "')"},
	{`\bsubscription_state\b`, "subscription_state_at(at = '" + answersDay + " 00:00:00')"},
	{`\b(mrr_by_month|customers_by_month|customer_retention)\b`, "(SELECT * FROM $1 WHERE month < '" + answersDay + "')"},
	{`\btrials_by_month\b`, "(SELECT * FROM trials_by_month WHERE cohort < '" + answersDay + "')"},
	{`\bsubscriptions_by_day\b`, "(SELECT * FROM subscriptions_by_day WHERE day < '" + answersDay + "')"},
}

func onThatDay(query string) string {
	for _, w := range thatDay {
		query = regexp.MustCompile(w.word).ReplaceAllString(query, w.on)
	}
	return query
}

// TestAnalysts_EveryQuestionHasItsAnswer runs the queries of docs/analysts.md on the
// simulated year of the page, and compares the answers. The times on the page are those of
// one run, which writes the page: -update.
func TestAnalysts_EveryQuestionHasItsAnswer(t *testing.T) {
	tier.Full(t, "ingests a year")
	page, err := os.ReadFile(analystsPage)
	if err != nil {
		t.Fatal(err)
	}
	blocks := questionForm.FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 20 {
		t.Fatalf("%s has %d queries", analystsPage, len(blocks))
	}
	if command := fmt.Sprintf("--subscribers %d --end %s", answersSubscribers, answersDay); !strings.Contains(string(page), command) {
		t.Errorf("%s does not say how to repeat it: %s", analystsPage, command)
	}
	a := newAnalyst(t)
	times := make([]string, 0, len(blocks))
	for i, block := range blocks {
		answer := a.ask(onThatDay(block[1]))
		if len(answer.Data) == 0 {
			t.Errorf("question %d has no answer", i+1)
		}
		if !*update {
			a.ask(block[1])
			if text := answer.String(); text != block[2] {
				t.Errorf("question %d: the page has\n%s\nthe answer is\n%s\nIf that is right, run go test ./cmd/pianola -run Analysts -update", i+1, block[2], text)
			}
			continue
		}
		took, read := a.measure(block[1])
		times = append(times, fmt.Sprintf("| %d | %d ms | %s |\n", i+1, took.Milliseconds(), grouped(read)))
		page = []byte(strings.Replace(string(page), block[0], "```sql\n"+block[1]+"```\n\n```text\n"+answer.String()+"```\n", 1))
	}
	if *update {
		text, _, _ := strings.Cut(string(page), "\n## Times\n")
		text += fmt.Sprintf("\n## Times\n\nThe median of five runs on %s, on %d cores, with %s events of %s subscriptions. The time is that of the whole request over HTTP.\n\n| question | time | rows read |\n|---:|---:|---:|\n%s",
			time.Now().UTC().Format("2 January 2006"), runtime.NumCPU(), grouped(a.count("piano_subscriber_event_stream")), grouped(a.count("subscription_state")), strings.Join(times, ""))
		if err := os.WriteFile(analystsPage, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, query := range queriesOf("metrics.md") {
		if err := a.Analyst.Exec(t.Context(), query); err != nil {
			t.Errorf("docs/metrics.md: %v\n%s", err, query)
		}
	}
}

// analyst asks the database of a simulated year.
type analyst struct {
	*testbed.Fixture
}

// newAnalyst ingests the year, takes a snapshot of Piano's API, and computes the marts.
func newAnalyst(t *testing.T) analyst {
	t.Helper()
	end, err := time.Parse(time.DateOnly, answersDay)
	if err != nil {
		t.Fatal(err)
	}
	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 1, Subscribers: answersSubscribers, End: end, State: true})
	s.Publish()
	s.Ingest()
	s.RefreshState()
	api := simulate(s, pianoapi.Config{})
	if got := call(t, append(environment(s.Settings), api.environment()...), "", "reconcile"); got.code != exitDone {
		t.Fatalf("reconcile: %+v", got)
	}
	s.RefreshState() // with the currencies of the snapshot
	var later uint64
	if s.One("SELECT count() FROM piano_subscriber_event_stream WHERE event_timestamp >= '"+answersDay+"'", &later); later > 0 {
		t.Fatalf("%d events are not before %s, so marts have what was unknown then; choose another day for the page", later, answersDay)
	}
	s.RefreshMarts()
	return analyst{s}
}

// answer is a result as ClickHouse writes it.
type answer struct {
	Meta []struct{ Name, Type string }
	Data [][]string
	Rows int

	Statistics struct {
		RowsRead int `json:"rows_read"`
	}
}

// ask runs a query over HTTP.
func (a analyst) ask(query string) (got answer) {
	a.Helper()
	url := "http://" + a.Services.ClickHouse.HTTPAddr() + "/?default_format=JSONCompactStrings&database=" + a.Topic
	request, err := http.NewRequestWithContext(a.Context(), http.MethodPost, url, strings.NewReader(query))
	a.Must(err)
	request.SetBasicAuth(sandbox.User, a.Services.Password)
	response, err := http.DefaultClient.Do(request)
	a.Must(err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		a.Fatalf("%s\n%s", response.Header.Get("X-ClickHouse-Exception-Code"), query)
	}
	a.Must(json.NewDecoder(response.Body).Decode(&got))
	return got
}

// measure is the median time of a query, and the rows that it reads.
func (a analyst) measure(query string) (time.Duration, int) {
	a.Helper()
	var all []time.Duration
	read := 0
	for range 5 {
		began := time.Now()
		read = a.ask(query).Statistics.RowsRead
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[len(all)/2], read
}

func (a analyst) count(view string) (n int) {
	a.Helper()
	var rows uint64
	a.One("SELECT count() FROM "+view, &rows)
	return int(rows)
}

// shownRows is how many rows of an answer the page shows.
const shownRows = 12

var (
	numberForm  = regexp.MustCompile(`^(Nullable\()?(U?Int|Float|Decimal)`)
	amountForm  = regexp.MustCompile(`^(Nullable\()?Decimal`)
	instantForm = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d+$`)
)

// String is the answer as the page shows it: numbers on the right, amounts with two digits,
// instants without fractions of a second.
func (a answer) String() string {
	table := [][]string{{}}
	for _, column := range a.Meta {
		table[0] = append(table[0], column.Name)
	}
	for _, row := range a.Data[:min(len(a.Data), shownRows)] {
		var cells []string
		for i, value := range row {
			cells = append(cells, a.cell(i, value))
		}
		table = append(table, cells)
	}
	width := make([]int, len(a.Meta))
	for _, row := range table {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	for _, row := range table {
		var line strings.Builder
		for i, cell := range row {
			if numberForm.MatchString(a.Meta[i].Type) {
				fmt.Fprintf(&line, "%*s  ", width[i], cell)
			} else {
				fmt.Fprintf(&line, "%-*s  ", width[i], cell)
			}
		}
		text.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	if more := a.Rows - shownRows; more > 0 {
		fmt.Fprintf(&text, "… further rows: %d\n", more)
	}
	return text.String()
}

func (a answer) cell(column int, value string) string {
	switch {
	case value == "ᴺᵁᴸᴸ": // as ClickHouse writes it
		return "NULL"
	case amountForm.MatchString(a.Meta[column].Type):
		return decimal.RequireFromString(value).StringFixed(2)
	}
	return instantForm.ReplaceAllString(value, "$1")
}

// grouped is a number with commas.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
