package export

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func write(t *testing.T, d Destination, name string) {
	t.Helper()
	f, err := d.Create(context.Background(), name, CSV)
	if err == nil {
		_, err = f.Write([]byte("content"))
	}
	if err == nil {
		err = f.Keep()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func listed(t *testing.T, dir string) []string {
	t.Helper()
	names, err := listDirectory(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestDirectory_NamesComeAtTheEnd: until the manifest is there, no file has its name.
func TestDirectory_NamesComeAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	d, err := openDirectory(dir, "stream-20261129t221530123z-aaaa.csv.manifest.json", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	write(t, d, "stream-20261129t221530123z-aaaa-2026-09.csv")
	write(t, d, "stream-20261129t221530123z-aaaa-2026-10.csv")
	for _, name := range listed(t, dir) {
		if !strings.HasPrefix(name, ".") {
			t.Errorf("%s has its name before the end", name)
		}
	}
	if err := d.Publish(t.Context(), "stream-20261129t221530123z-aaaa.csv.manifest.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	d.Discard()
	want := []string{"stream-20261129t221530123z-aaaa-2026-09.csv", "stream-20261129t221530123z-aaaa-2026-10.csv", "stream-20261129t221530123z-aaaa.csv.manifest.json"}
	if got := listed(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// TestDirectory_RemovesLeftovers of dead exports, also files that had their names already,
// and nothing else: a lock that is held, complete exports and files of others stay.
func TestDirectory_RemovesLeftovers(t *testing.T) {
	dir := t.TempDir()
	const dead, alive, complete = "20261129t221530123z-dead", "20261129t221530123z-live", "20261129t221530123z-done"
	keep := []string{"stream-" + complete + ".csv", "stream-" + complete + ".csv.manifest.json", ".stream-" + alive + ".csv.part", ".stream-" + alive + ".csv.manifest.json.part",
		"stream-" + dead + ".txt", "notes", ".hidden", "stream-20261129t221530123z-dead2.csv"}
	for _, name := range append(keep, ".stream-"+dead+".csv.manifest.json.part", "stream-"+dead+"-2026-10.csv", ".stream-"+dead+"-2026-11.csv.part", "deleted-stream-"+dead+".csv") {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	held, err := os.Open(filepath.Join(dir, ".stream-"+alive+".csv.manifest.json.part"))
	if err == nil {
		err = syscall.Flock(int(held.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	core, logs := observer.New(zapcore.WarnLevel)
	if err := removeLeftovers(dir, zap.New(core)); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keep)
	if got := listed(t, dir); !slices.Equal(got, keep) {
		t.Errorf("got  %v\nwant %v", got, keep)
	}
	if logs.FilterMessage(LogLeftovers).Len() != 1 {
		t.Errorf("logged: %v", logs.All())
	}
}

// TestDirectory_RefusesBadPlaces before anything is asked of ClickHouse.
func TestDirectory_RefusesBadPlaces(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"a file": file, "below a file": filepath.Join(file, "x"), "a place of the system": "/proc/exports"} {
		if _, err := openDirectory(path, "stream-20261129t221530123z-aaaa.csv.manifest.json", zap.NewNop()); err == nil || !strings.Contains(err.Error(), "give a directory that this user can write") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDirectory_Discard removes everything of the export.
func TestDirectory_Discard(t *testing.T) {
	dir := t.TempDir()
	d, err := openDirectory(dir, "stream-20261129t221530123z-aaaa.csv.manifest.json", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	write(t, d, "stream-20261129t221530123z-aaaa-2026-10.csv")
	f, err := d.Create(t.Context(), "stream-20261129t221530123z-aaaa-2026-11.csv", CSV)
	if err != nil {
		t.Fatal(err)
	}
	f.Drop()
	d.Discard()
	if got := listed(t, dir); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}

// TestDirectory_DoesNotOpenNamedPipes: it would wait for the other end for ever.
func TestDirectory_DoesNotOpenNamedPipes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".stream-20261129t221530123z-bbbb.csv.manifest.json.part", "stream-20261129t221530123z-cccc.csv.manifest.json"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := openDirectory(dir, "stream-20261129t221530123z-aaaa.csv.manifest.json", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	if names := listed(t, dir); len(names) != 1 { // its own
		t.Errorf("listed: %v", names)
	}
}

// TestParseTarget_RefusesHalfAURL: a directory of that name is not what was meant.
func TestParseTarget_RefusesHalfAURL(t *testing.T) {
	for _, text := range []string{"s3:/bucket/prefix", "gs:bucket"} {
		if _, err := parseTarget(text); err == nil || !strings.Contains(err.Error(), "s3://BUCKET/PREFIX") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
