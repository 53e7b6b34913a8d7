package files

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

// TestLoad_Again repeats a load: by default the files are left out, and with --again the
// views stay the same.
func TestLoad_Again(t *testing.T) {
	e := newEnv(t, 0)
	path := e.write("a.ndjson", lines(300, "Renewed"))
	first := e.load(e.loader(nil), Limits{}, path)
	want := e.events(e.Topic, content)
	if len(want) != 300 {
		t.Fatalf("%d events", len(want))
	}
	plan, err := e.loader(nil).Plan(t.Context(), []string{path}, Dialects{}, Limits{})
	e.Must(err)
	if len(plan.Files) != 0 || len(plan.Loaded) != 1 || plan.Loaded[0].Loaded != first.ID || !strings.Contains(strings.Join(plan.Notes, " "), "--again") {
		t.Errorf("%+v", plan)
	}
	j := e.load(e.loader(nil), Limits{Again: true}, path)
	if j.Counts[job.Messages] != 300 || j.Counts[Markers] != 0 {
		t.Errorf("%v", j.Counts)
	}
	e.wantEvents(e.events(e.Topic, content), want)
}

// TestLoad_OtherRules loads a file under another time zone: every event moves, and the
// earlier ones are gone, without --replace.
func TestLoad_OtherRules(t *testing.T) {
	e := newEnv(t, 0)
	local := bytes.ReplaceAll(lines(200, "Renewed"), []byte("Z\""), []byte("\""))
	path := e.write("a.ndjson", local)
	e.load(e.loader(nil), Limits{}, path)
	before := e.events(e.Topic, content)
	e.rules.SourceTimezone = "Europe/Oslo"
	j := e.load(e.loader(nil), Limits{}, path)
	after := e.events(e.Topic, content)
	if len(after) != 200 || j.Counts[Markers] != 200 || strings.Join(after, "") == strings.Join(before, "") {
		t.Errorf("%d events, %v", len(after), j.Counts)
	}
	e.rules.SourceTimezone = "UTC"
	e.load(e.loader(nil), Limits{}, path)
	e.wantEvents(e.events(e.Topic, content), before)
}

// TestLoad_ChangedContent wants --replace, and then removes what the file no longer gives:
// events, and dead letters behind its end.
func TestLoad_ChangedContent(t *testing.T) {
	e := newEnv(t, 0)
	path := e.write("a.ndjson", append(lines(10, "Renewed"), "not JSON\nnot JSON\n"...))
	other := e.write("b.ndjson", lines(2, "Renewed")) // gives S0 and S1 too
	e.load(e.loader(nil), Limits{}, other)
	e.load(e.loader(nil), Limits{}, path)

	changed := bytes.ReplaceAll(lines(8, "Renewed"), []byte(`"S0"`), []byte(`"T0"`))
	changed = bytes.ReplaceAll(changed, []byte(`"transaction_value":3`), []byte(`"transaction_value":33`))
	path = e.write("a.ndjson", append(changed, "not JSON\n"...))
	if _, err := e.try(e.loader(nil), Limits{}, path); err == nil || !strings.Contains(err.Error(), "--replace") {
		t.Fatalf("without --replace: %v", err)
	}
	j := e.load(e.loader(nil), Limits{Replace: true}, path)
	ids := e.events(e.Topic, "subscription_id, transaction_value")
	all := strings.Join(ids, " ")
	// S0 is still in the other file, S8 and S9 are gone, and S3 has another amount.
	for _, want := range []string{`["S0",0]`, `["T0",0]`, `["S3",33]`, `["S7",7]`} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is missing: %s", want, all)
		}
	}
	if len(ids) != 9 || j.Counts[Markers] != 2 {
		t.Errorf("%d events, %v: %s", len(ids), j.Counts, all)
	}
	if n := e.count("SELECT count() FROM dead_letters FINAL WHERE resolved_at IS NULL"); n != 1 {
		t.Errorf("%d open dead letters, want that of row 8", n)
	}
	e.load(e.loader(nil), Limits{Again: true}, path)
	if again := e.events(e.Topic, "subscription_id, transaction_value"); strings.Join(again, " ") != all {
		t.Errorf("after a repetition: %s", again)
	}
}

// TestLoad_ReplaceManyFiles has more names than fit a statement of ClickHouse's usual size.
func TestLoad_ReplaceManyFiles(t *testing.T) {
	e := newEnv(t, 0)
	path := e.write("a.ndjson", lines(2, "Renewed"))
	e.load(e.loader(nil), Limits{}, path)
	s := &staleRows{Loader: e.loader(nil), ctx: t.Context(), id: "another", now: time.Now().UnixMilli(), names: []string{path}}
	for i := range 1500 {
		s.names = append(s.names, fmt.Sprintf("s3://archive/piano/subscriber-events/2025/01/part-%05d.parquet", i))
	}
	months, err := s.months()
	e.Must(err)
	var markers uint64
	for _, month := range months {
		n, err := s.month(month)
		e.Must(err)
		markers += n
	}
	if left := e.events(e.Topic, "subscription_id"); markers != 2 || len(left) > 0 {
		t.Errorf("%d markers in %v, left %v", markers, months, left)
	}
}

// TestLoad_TheStreamsOwnEventWins has an event from Kafka before and after the file.
func TestLoad_TheStreamsOwnEventWins(t *testing.T) {
	e := newEnv(t, 0)
	message := func(id, amount int) []byte {
		return fmt.Appendf(nil, `{"subscription_id":"S%d","event_timestamp":"2025-01-05T00:00:00Z","subscription_action":"Renewed","transaction_value":%d}`, id, amount)
	}
	e.Produce(kafka.Record{Partition: 0, Value: message(1, 1), Time: time.UnixMilli(1_750_000_000_000)})
	e.Ingest()
	path := e.write("a.ndjson", bytes.Join([][]byte{message(1, 100), message(2, 100), nil}, []byte("\n")))
	e.load(e.loader(nil), Limits{}, path)
	e.Produce(kafka.Record{Partition: 0, Value: message(2, 2), Time: time.UnixMilli(1_750_000_000_000)})
	e.Ingest()
	got := strings.Join(e.events(e.Topic, "subscription_id, transaction_value"), " ")
	if !strings.Contains(got, `["S1",1]`) || !strings.Contains(got, `["S2",2]`) {
		t.Errorf("%s", got)
	}
	// What the file no longer gives stays where the stream gives it.
	path = e.write("a.ndjson", append(message(3, 3), '\n'))
	e.load(e.loader(nil), Limits{Replace: true}, path)
	got = strings.Join(e.events(e.Topic, "subscription_id, transaction_value"), " ")
	for _, want := range []string{`["S1",1]`, `["S2",2]`, `["S3",3]`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing: %s", want, got)
		}
	}
}

func TestLoad_Filter(t *testing.T) {
	e := newEnv(t, 0)
	path := e.write("a.ndjson", append(append(lines(20, "Renewed"), lines(20, "Expired")...), "not JSON\n"...))
	j := e.load(e.loader(nil), Limits{Filter: job.Filter{Actions: []string{"Expired"}, Subscriptions: []string{"S3", "S4"}}}, path)
	if got := strings.Join(e.events(e.Topic, "subscription_id, subscription_action"), " "); len(got) == 0 || strings.Count(got, "Expired") != 2 || strings.Contains(got, "Renewed") {
		t.Errorf("%s", got)
	}
	if j.Counts[job.Messages] != 2 || j.Counts[job.DeadLettered] != 0 {
		t.Errorf("%v", j.Counts)
	}
	// A filtered job has not loaded the file.
	if all := e.load(e.loader(nil), Limits{}, path); all.Counts[job.Messages] != 41 {
		t.Errorf("%v", all.Counts)
	}
}

// TestLoad_StopsAndResumes ends a job at its limit of errors, and continues it after the
// last checkpoint.
func TestLoad_StopsAndResumes(t *testing.T) {
	tier.Full(t, "flushes a hundred batches")
	e := newEnv(t, 0)
	small := func(d *Deps) { d.MaxRows, d.Parallel = 100, 1 }
	first := e.write("a.ndjson", lines(500, "Renewed"))
	second := e.write("b.ndjson", append(append(lines(1000, "Expired"), strings.Repeat("not JSON\n", 20)...), lines(3000, "Canceled")...))
	limit := uint64(10)
	j, err := e.try(e.loader(small), Limits{MaxErrors: &limit}, first, second)
	var stopped *job.StoppedError
	if !errors.As(err, &stopped) || !errors.Is(err, job.ErrTooManyErrors) || j.State != job.Failed {
		t.Fatalf("%v, %+v", err, j)
	}
	read := j.Counts[job.Messages]
	if read < 1500 || read > 4000 {
		t.Errorf("%d messages at the end", read)
	}
	more := uint64(100)
	l := e.loader(small)
	resumed, err := l.Resume(t.Context(), j.ID, func(p *job.Plan) { p.MaxErrors = &more })
	e.Must(err)
	if resumed.State != job.Complete || resumed.Counts[job.Messages] != 4520 || resumed.Counts[FilesDone] != 2 || resumed.Counts[job.Progress] != resumed.Planned {
		t.Errorf("%+v", resumed)
	}
	if n := e.count("SELECT sum(messages) FROM ingest_ledger WHERE job_id = ?", j.ID); n != 4520 {
		t.Errorf("the ledger has %d messages: a row was read twice, or not", n)
	}
	if n := len(e.events(e.Topic, "event_id")); n != 4500 {
		t.Errorf("%d events", n)
	}
	// A changed file is not resumed.
	other, err := e.try(e.loader(small), Limits{MaxErrors: &limit, Again: true}, second)
	if err == nil {
		t.Fatal("the limit does not hold")
	}
	e.write("b.ndjson", lines(10, "Renewed"))
	if _, err := e.loader(small).Resume(t.Context(), other.ID, nil); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "b.ndjson") {
		t.Errorf("%v", err)
	}
	e.Must(os.Remove(second))
	if _, err := e.loader(small).Resume(t.Context(), other.ID, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestLoad_ManyMonthsInOneFile has 120 months in each batch.
func TestLoad_ManyMonthsInOneFile(t *testing.T) {
	tier.Full(t, "inserts into 120 months")
	e := newEnv(t, 0)
	e.load(e.loader(nil), Limits{}, e.write("a.ndjson", linesOf(2400, 120, "Renewed")))
	if n := e.count("SELECT uniqExact(toYYYYMM(event_timestamp)) FROM subscription_events"); n != 120 {
		t.Errorf("%d months", n)
	}
	if n := len(e.events(e.Topic, "event_id")); n != 2400 {
		t.Errorf("%d events", n)
	}
}

// TestCompare reads without writing, and finds what a load then changes.
func TestCompare(t *testing.T) {
	e := newEnv(t, 0)
	path := e.write("a.ndjson", append(lines(300, "Renewed"), "not JSON\n"...))
	compare := func(limits Limits) *job.Comparison {
		l := e.loader(nil)
		plan, err := l.Plan(t.Context(), []string{path}, Dialects{}, limits)
		e.Must(err)
		c, err := l.Compare(t.Context(), plan)
		e.Must(err)
		return c
	}
	c := compare(Limits{})
	if c.Counts[job.Messages] != 301 || c.Changes[sink.Added] != 300 || c.Changes[sink.AddedDeadLetter] != 1 {
		t.Errorf("before: %v %v", c.Counts, c.Changes)
	}
	for _, table := range []string{"subscription_events", "dead_letters", "ingest_ledger", "replay_jobs"} {
		if n := e.count("SELECT count() FROM " + table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
	e.load(e.loader(nil), Limits{}, path)
	if c = compare(Limits{Again: true}); c.Any() || c.Changes[sink.Unchanged] != 301 {
		t.Errorf("after: %v", c.Changes)
	}
	path = e.write("a.ndjson", append(bytes.ReplaceAll(lines(300, "Renewed"), []byte(`"transaction_value":7}`), []byte(`"transaction_value":8}`)), "{}\n"...))
	c = compare(Limits{Replace: true})
	if c.Changes[sink.Altered] != 1 || c.Columns["transaction_value"] != 1 || c.Changes[sink.AlteredLetter] != 1 {
		t.Errorf("changed: %v %v", c.Changes, c.Columns)
	}
}
