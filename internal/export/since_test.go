package export_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// event inserts a physical row. at is a minute of 2026-01-31; ago is the age of synced_at.
func (f *fixture) event(subscription string, version int, deleted bool, ago time.Duration) {
	f.Helper()
	f.Exec(fmt.Sprintf(`INSERT INTO subscription_events (event_id, subscription_id, event_timestamp, subscription_action, synced_at, version, is_deleted)
		SELECT toUUID(concat('00000000-0000-0000-0000-', leftPad(lower(hex('%s')), 12, '0'))), '%s', '2026-01-31 12:00:00', 'Created', now64(3) - toIntervalMillisecond(%d), %d, %t`,
		subscription, subscription, ago.Milliseconds(), version, deleted))
}

// ledger inserts the row of a flush.
func (f *fixture) ledger(syncedAgo, writtenAgo time.Duration) {
	f.Helper()
	f.Exec(fmt.Sprintf("INSERT INTO ingest_ledger (source, source_name, kind, stored, synced_at, written_at) SELECT 'kafka', 't', 'flush', 1, now64(3) - toIntervalMillisecond(%d), now64(3) - toIntervalMillisecond(%d)",
		syncedAgo.Milliseconds(), writtenAgo.Milliseconds()))
}

// subscriptions reads the ids from NDJSON files.
func subscriptions(t *testing.T, dir string, files []export.File) string {
	t.Helper()
	var ids []string
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, file.Name))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var row struct {
				ID string `json:"subscription_id"`
			}
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, row.ID)
		}
	}
	return strings.Join(ids, " ")
}

// TestExporter_SinceLast: an export continues from the newest manifest of its chain, with
// the overlap, with the rows of a flush that took long, and with deletions.
func TestExporter_SinceLast(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	dir := t.TempDir()
	last := export.Arguments{View: "stream", To: dir, Format: "ndjson", Since: "last"}
	f.event("old", 1, false, 2*time.Hour)
	f.event("recent", 1, false, 5*time.Minute)
	f.event("moved", 2, false, 2*time.Hour)
	f.event("kept", 2, false, 2*time.Hour)
	first := f.run(last)
	if first.Since != nil || first.Rows != 4 {
		t.Fatalf("the first one is a whole export: %+v", first)
	}

	// Rows whose insert took an hour, with their flush's row in the ledger. A marker that
	// hides its event, and one that a higher version of its event hides.
	f.event("late", 1, false, time.Hour)
	f.ledger(time.Hour+time.Minute, 0)
	f.event("moved", 2, true, 0)
	f.event("kept", 1, true, 0)
	second := f.run(last)
	if got := subscriptions(t, dir, second.Files); got != "late recent" {
		t.Errorf("rows of %s", got)
	}
	if got := subscriptions(t, dir, second.Deletions); got != "moved" || second.Deleted != 1 {
		t.Errorf("deletions of %s", got)
	}
	if second.Since == nil || second.Since.Previous != first.Name || second.Since.After.Time().After(time.Now().Add(-59*time.Minute)) {
		t.Errorf("since %+v", second.Since)
	}
	if name := second.Deletions[0].Name; name != "deleted-stream-"+second.ID+".ndjson" {
		t.Errorf("the file of deletions is %s", name)
	}

	// The ledger's row is older than this watermark with its overlap.
	f.Exec("ALTER TABLE ingest_ledger UPDATE written_at = written_at - toIntervalHour(1) WHERE true")
	third := f.run(last)
	if got := subscriptions(t, dir, third.Files); got != "recent" || third.Since.Previous != second.Name {
		t.Errorf("rows of %s, since %+v", got, third.Since)
	}
	for name, other := range map[string]export.Arguments{
		"another format": {View: "stream", To: dir, Format: "csv", Since: "last"},
		"one month":      {View: "stream", To: dir, Format: "ndjson", Since: "last", Month: "2026-01"},
	} {
		if m := f.run(other); m.Since != nil || m.Rows != 4 {
			t.Errorf("%s is another chain: %+v", name, m.Since)
		}
	}
	again := f.run(export.Arguments{View: "stream", To: dir, Format: "ndjson", Since: "last", PartitionBy: "month"})
	if again.Since == nil || again.Since.Previous != third.Name || len(again.Deletions) != 1 || again.Deletions[0].Name != "deleted-stream-"+again.ID+"-2026-01.ndjson" {
		t.Errorf("files by month: %+v", again)
	}
}

// TestExporter_SinceTime: exactly from the time on.
func TestExporter_SinceTime(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	dir := t.TempDir()
	at := time.Now().UTC().Add(-time.Hour).Truncate(time.Millisecond)
	for id, synced := range map[string]time.Time{"before": at.Add(-time.Millisecond), "at": at, "after": at.Add(time.Millisecond)} {
		f.Exec(fmt.Sprintf("INSERT INTO subscription_events (event_id, subscription_id, event_timestamp, subscription_action, synced_at, version) "+
			"SELECT generateUUIDv4(), '%s', '2026-01-31 12:00:00', 'Created', '%s', 1", id, synced.Format("2006-01-02 15:04:05.000")))
	}
	m := f.run(export.Arguments{View: "stream", To: dir, Format: "ndjson", Since: at.In(time.FixedZone("", 7200)).Format(time.RFC3339Nano)})
	if got := subscriptions(t, dir, m.Files); got != "after at" && got != "at after" {
		t.Errorf("rows of %s", got)
	}
	m = f.run(export.Arguments{View: "stream", To: dir, Format: "ndjson", Since: time.Now().UTC().Format(time.RFC3339)})
	if len(m.Files) != 0 || m.Rows != 0 {
		t.Errorf("without changes there is no file: %+v", m.Files)
	}
}

// TestExporter_SinceLastRefuses manifests that cannot be right.
func TestExporter_SinceLastRefuses(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	for name, c := range map[string]struct{ old, new, want string }{
		"a watermark in the future": {`"watermark": "2`, `"watermark": "3`, "watermark in the future"},
		"another version":           {`"manifest_version": 1`, `"manifest_version": 2`, "is damaged or of another version"},
		"a cut file":                {"\n}\n", "", "is damaged or of another version"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			last := export.Arguments{View: "stream", To: dir, Format: "csv", Since: "last"}
			path := filepath.Join(dir, f.run(last).Name)
			text, err := os.ReadFile(path)
			f.Must(err)
			changed := strings.Replace(string(text), c.old, c.new, 1)
			if changed == string(text) {
				t.Fatal("nothing to change")
			}
			f.Must(os.WriteFile(path, []byte(changed), 0o600))
			if _, err := f.exporter().Run(t.Context(), f.request(last)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestExporter_NothingSinceLast: the ledger has counted events, and no row came: a finding,
// and the earlier manifest stays the newest.
func TestExporter_NothingSinceLast(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	f.config.Overlap = 0
	last := export.Arguments{View: "stream", To: t.TempDir(), Format: "csv", Since: "last"}
	first := f.run(last)
	f.ledger(0, 0)
	m, err := f.exporter().Run(t.Context(), f.request(last))
	if err != nil || !strings.Contains(m.NothingExported, "the ledger counts stored events") {
		t.Errorf("%+v, %v", m, err)
	}
	newest, err := f.exporter().Latest(t.Context(), f.request(last))
	if err != nil || newest.Name != first.Name {
		t.Errorf("the newest is %+v, %v", newest, err)
	}
}

// TestExporter_OlderDeliveriesSinceLast: the ledger has counted an event, and its row lost to
// a higher version that was exported before. Nothing is wrong, and there is nothing to export.
func TestExporter_OlderDeliveriesSinceLast(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	f.config.Overlap = 0
	last := export.Arguments{View: "stream", To: t.TempDir(), Format: "csv", Since: "last"}
	f.event("one", 2, false, time.Hour)
	first := f.run(last)
	f.event("one", 1, false, 0)
	f.ledger(0, 0)
	second := f.run(last)
	if second.Rows != 0 || second.Since.Previous != first.Name {
		t.Errorf("%+v", second)
	}
}
