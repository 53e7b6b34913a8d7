package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pianola/pianola/internal/bucket/client"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/faultproxy"
	"github.com/pianola/pianola/internal/sandbox/testbed/buckets"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestLoad_ABrokenFileDoesNotStopTheOthers loads three files that break in the middle, and
// a good one.
func TestLoad_ABrokenFileDoesNotStopTheOthers(t *testing.T) {
	tier.Full(t, "loads 180,000 rows")
	e := newEnv(t, 0)
	whole := gzipped(t, linesOf(60_000, 1, "Renewed"))
	e.write("cut.ndjson.gz", whole[:len(whole)/2])
	damaged := zstandard(t, linesOf(60_000, 1, "Expired"))
	damaged[len(damaged)/2] ^= 0xff
	e.write("damaged.ndjson.zst", damaged)
	e.write("shifted.csv", []byte("subscription_id,event_timestamp,subscription_action\nX1,2025-01-01,Created\nX2,2025-01-01,canary,Created\n"))
	e.write("whole.ndjson", lines(10, "Canceled"))
	j, err := e.try(e.loader(nil), Limits{}, e.dir+"/*")
	if err == nil || j.State != job.Failed {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"cut.ndjson.gz: row ", "the gzip stream ends early; copy the file again", "damaged.ndjson.zst: row ", "the zstd stream is damaged",
		"shifted.csv: row 1: line 3: more cells than the 3 columns of the header"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
	for action, least := range map[string]uint64{"Renewed": 10_000, "Expired": 1000, "Created": 1, "Canceled": 10} {
		if n := e.count("SELECT count() FROM subscription_events FINAL WHERE subscription_action = ?", action); n < least {
			t.Errorf("%d events %s, want at least %d", n, action, least)
		}
	}
	if n := e.count("SELECT count() FROM dead_letters"); n > 0 {
		t.Errorf("%d dead letters", n)
	}
	// The repaired file is another file.
	e.write("cut.ndjson.gz", whole)
	if _, err := e.loader(nil).Resume(t.Context(), j.ID, nil); !errors.Is(err, ErrChanged) {
		t.Errorf("resume: %v", err)
	}
	e.load(e.loader(nil), Limits{Replace: true}, filepath.Join(e.dir, "cut.ndjson.gz"))
	if n := e.count("SELECT count() FROM subscription_events FINAL WHERE subscription_action = 'Renewed'"); n != 60_000 {
		t.Errorf("%d events", n)
	}
}

func TestPlan_Problems(t *testing.T) {
	e := newEnv(t, 0)
	e.Must(os.Mkdir(filepath.Join(e.dir, "directory"), 0o700))
	e.write("log.csv", []byte("Subscription ID,Start date,Subscription status,User ID (UID),Term type\n"))
	e.write("log.zip", []byte("PK\x03\x04..."))
	e.write("other.csv", []byte("a,canary\n1,2\n"))
	e.write("cut.gz", []byte("\x1f\x8b\x08\x00"))
	e.write("array.json", []byte("[{}]"))
	e.write("empty.ndjson", nil)
	e.write("good.ndjson", lines(1, "Renewed"))
	plan, err := e.loader(nil).Plan(t.Context(), []string{e.dir + "/*", filepath.Join(e.dir, "missing.csv")}, Dialects{}, Limits{})
	e.Must(err)
	got := map[string]string{}
	for _, p := range plan.Problems {
		got[filepath.Base(p.Name)] = p.Text
	}
	for name, want := range map[string]string{
		"directory": "is a directory; give its files", "log.csv": "pianola reconcile --csv", "log.zip": "pianola reconcile --csv", "other.csv": "neither JSON nor a header",
		"cut.gz": "ends early", "array.json": "jq -c", "missing.csv": "no such file",
	} {
		if !strings.Contains(got[name], want) || strings.Contains(got[name], "canary") {
			t.Errorf("%s: %q", name, got[name])
		}
	}
	if len(plan.Files) != 2 || len(plan.Problems) != 7 {
		t.Errorf("%+v", plan.Files)
	}
	if _, err := e.loader(nil).Execute(t.Context(), plan, Limits{}); err == nil || !strings.Contains(err.Error(), "7 files cannot be read") {
		t.Errorf("%v", err)
	}
	for argument, want := range map[string]string{
		e.dir + "/*.orc": "no file matches", "s3://u:canary@b/k": "must not contain credentials", "https://h/k": "use s3://BUCKET/KEY", e.dir + "/[": "pattern is not valid",
	} {
		if _, err := e.loader(nil).Plan(t.Context(), []string{argument}, Dialects{}, Limits{}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", argument, err)
		}
	}
}

// growing is a file that somebody still writes.
type growing struct {
	object
	asked int
}

func (g *growing) stamp(ctx context.Context) (Stamp, error) {
	s, err := g.object.stamp(ctx)
	if g.asked++; g.asked > 1 {
		s.Size++
	}
	return s, err
}

func TestLoad_AFileThatChanges(t *testing.T) {
	e := newEnv(t, 0)
	path := e.write("a.ndjson", lines(5000, "Renewed"))
	l := e.loader(nil)
	plan, err := l.Plan(t.Context(), []string{path}, Dialects{}, Limits{})
	e.Must(err)
	n := plan.named[path]
	n.object = &growing{object: n.object, asked: 0}
	_, err = n.object.stamp(t.Context())
	e.Must(err)
	plan.named[path] = n
	if j, err := l.Execute(t.Context(), plan, Limits{}); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "a.ndjson: the file has changed") || j.State != job.Failed {
		t.Errorf("while it is read: %v", err)
	}
	path = e.write("b.ndjson", lines(5000, "Renewed"))
	plan, err = l.Plan(t.Context(), []string{path}, Dialects{}, Limits{})
	e.Must(err)
	e.write("b.ndjson", lines(4000, "Renewed"))
	if _, err := l.Execute(t.Context(), plan, Limits{}); !errors.Is(err, ErrChanged) {
		t.Errorf("before it is read: %v", err)
	}
	// It becomes shorter after it was opened.
	stamp, err := local{path}.stamp(t.Context())
	e.Must(err)
	r, err := local{path}.open(t.Context(), stamp)
	e.Must(err)
	defer r.Close()
	e.Must(os.Truncate(path, 100))
	if _, err := io.ReadAll(r); !errors.Is(err, ErrChanged) {
		t.Errorf("cut while it is read: %v", err)
	}
}

// TestLoad_FromS3 reads objects over connections that are cut, also in the middle of a row.
func TestLoad_FromS3(t *testing.T) {
	tier.Full(t, "loads 80,000 rows over HTTP")
	e := newEnv(t, 0)
	s := buckets.StartS3(t)
	content := linesOf(4000, 2, "Renewed")
	s.Put("2025/a.ndjson", content)
	s.Put("2025/b.ndjson.gz", gzipped(t, linesOf(1000, 2, "Expired")))
	parquetFile, err := os.ReadFile("rows/testdata/pyarrow.parquet")
	e.Must(err)
	s.Put("2025/c.parquet", parquetFile)
	s.Put("2024/a.ndjson", []byte("not for this test"))
	l := e.loader(nil)
	plan, err := l.Plan(t.Context(), []string{s.URL("2025/*")}, Dialects{}, Limits{})
	e.Must(err)
	if len(plan.Files) != 3 || plan.Files[0].Name != "s3://exports/2025/a.ndjson" || plan.Files[0].Stamp.Tag == "" {
		t.Fatalf("%+v", plan)
	}
	s.Cut(5, 40_000)
	j, err := l.Execute(t.Context(), plan, Limits{})
	e.Must(err)
	if j.Counts[job.Stored] != 5012 || s.Reads() < 6 {
		t.Errorf("%v after %d reads", j.Counts, s.Reads())
	}
	if n := e.count("SELECT count() FROM subscription_events FINAL"); n != 5012 {
		t.Errorf("%d events", n)
	}
	if n := e.count("SELECT count() FROM subscription_events WHERE source_name LIKE '%endpoint%'"); n > 0 {
		t.Error("a name has parameters")
	}

	// An endpoint that never answers whole: an error, and resume when it is back.
	s.Put("2025/d.ndjson", bytes.Repeat(content, 20))
	l = e.loader(func(d *Deps) { d.MaxRows = 1000 })
	plan, err = l.Plan(t.Context(), []string{s.URL("2025/d.ndjson")}, Dialects{}, Limits{})
	e.Must(err)
	s.Cut(1000, 1)
	j, err = l.Execute(t.Context(), plan, Limits{})
	var explained *client.Error
	if !errors.As(err, &explained) || !strings.Contains(err.Error(), "pianola replay resume "+j.ID) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Fatalf("%v", err)
	}
	s.Cut(0, 0)
	j, err = e.loader(nil).Resume(t.Context(), j.ID, nil)
	e.Must(err)
	if j.State != job.Complete || e.count("SELECT sum(messages) FROM ingest_ledger WHERE job_id = ?", j.ID) != 80_000 {
		t.Errorf("%+v", j)
	}
	// An object that is replaced.
	plan, err = l.Plan(t.Context(), []string{s.URL("2025/d.ndjson")}, Dialects{}, Limits{Again: true})
	e.Must(err)
	s.Put("2025/d.ndjson", content)
	if _, err := l.Execute(t.Context(), plan, Limits{}); !errors.Is(err, ErrChanged) {
		t.Errorf("%v", err)
	}
	for url, want := range map[string]string{
		s.URL("2026/*"): "no object matches", s.URL("2025/"): "is a directory",
	} {
		if _, err := l.Plan(t.Context(), []string{url}, Dialects{}, Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestLoad_FromGCS(t *testing.T) {
	e := newEnv(t, 0)
	s := buckets.StartGCS(t)
	s.Put("2025/a.ndjson", lines(100, "Renewed"))
	parquetFile, err := os.ReadFile("rows/testdata/pyarrow.parquet")
	e.Must(err)
	s.Put("2025/b.parquet", parquetFile)
	j := e.load(e.loader(nil), Limits{}, s.URL("2025/*"))
	if j.Counts[job.Stored] != 112 || j.Plan.Ranges[0].Name != "gs://exports/2025/a.ndjson" {
		t.Errorf("%+v", j)
	}
}

func TestLoad_StandardInput(t *testing.T) {
	tier.Full(t, "loads 40,000 rows")
	e := newEnv(t, 0)
	parquetFile, err := os.ReadFile("rows/testdata/pyarrow.parquet")
	e.Must(err)
	want := uint64(0)
	for name, c := range map[string]struct {
		content []byte
		rows    uint64
	}{
		"ndjson": {linesOf(20_000, 1, "Renewed"), 20_000}, "packed": {gzipped(t, linesOf(20_000, 1, "Expired")), 20_000},
		"csv":     {[]byte("subscription_id;event_timestamp;subscription_action\nX1;2025-01-01;Created\n"), 1},
		"parquet": {parquetFile, 12}, "packed parquet": {zstandard(t, parquetFile), 12},
	} {
		t.Run(name, func(t *testing.T) {
			e := &env{Fixture: e.In(t), dir: e.dir, rules: e.rules}
			l := e.loader(func(d *Deps) { d.Places.Stdin = bytes.NewReader(c.content) })
			j := e.load(l, Limits{}, Stdin)
			if j.Counts[job.Stored] != c.rows || j.Plan.Ranges[0].Name != "stdin:"+j.ID {
				t.Errorf("%+v", j)
			}
		})
		want += c.rows
	}
	if n := e.count("SELECT count() FROM subscription_events FINAL"); n != want-12 { // the Parquet file twice
		t.Errorf("%d events, want %d", n, want-12)
	}
	limit := uint64(0)
	l := e.loader(func(d *Deps) { d.Places.Stdin = strings.NewReader("{}\n") })
	j, err := e.try(l, Limits{MaxErrors: &limit}, Stdin)
	if err == nil {
		t.Fatal("the limit does not hold")
	}
	if _, err := l.Resume(t.Context(), j.ID, nil); !errors.Is(err, errStdinOnce) {
		t.Errorf("resume: %v", err)
	}
	if _, err := l.Plan(t.Context(), []string{Stdin, e.dir}, Dialects{}, Limits{}); err == nil || !strings.Contains(err.Error(), "together with files") {
		t.Errorf("with files: %v", err)
	}
}

// TestLoad_FullDisk fails in the middle of a load, at each kind of statement, and resumes.
func TestLoad_FullDisk(t *testing.T) {
	const notEnoughSpace = 243
	for _, table := range []string{"subscription_events", "dead_letters", "ingest_ledger"} {
		t.Run(table, func(t *testing.T) {
			e := newEnv(t, 0)
			proxy, err := faultproxy.Start(t.Context(), faultproxy.Config{Native: services.ClickHouse.NativeAddr(), HTTP: services.ClickHouse.HTTPAddr()})
			e.Must(err)
			t.Cleanup(proxy.Close)
			e.Settings.ClickHouse.Addr = []string{proxy.NativeAddr()}
			path := e.write("a.ndjson", bytes.Repeat(append(lines(200, "Renewed"), "not JSON\n"...), 10))
			var inserts atomic.Int32
			remove := proxy.Control(func(s faultproxy.Statement) (faultproxy.Fault, bool) {
				return faultproxy.Fault{Code: notEnoughSpace}, s.Database == e.Topic && s.Verb == "INSERT" && s.Table == table && inserts.Add(1) == 4
			})
			l := e.loader(func(d *Deps) { d.MaxRows = 300 })
			j, err := e.try(l, Limits{}, path)
			if err == nil || !strings.Contains(err.Error(), "disk is full: make room") || !strings.Contains(err.Error(), "pianola replay resume "+j.ID) || j.State != job.Failed {
				t.Fatalf("%v", err)
			}
			remove()
			j, err = e.loader(nil).Resume(t.Context(), j.ID, nil)
			e.Must(err)
			if j.State != job.Complete || len(e.events(e.Topic, "event_id")) != 200 {
				t.Errorf("%+v", j)
			}
			if n := e.count("SELECT count() FROM dead_letters FINAL"); n != 10 {
				t.Errorf("%d dead letters", n)
			}
			if n := e.count("SELECT sum(messages) FROM (SELECT messages FROM ingest_ledger ORDER BY written_at DESC LIMIT 1 BY insert_token, source_name)"); n != 2010 {
				t.Errorf("%d messages in the ledger", n)
			}
		})
	}
}
