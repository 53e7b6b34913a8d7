package piano_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/piano"
)

// TestEndpoints_AreAsPublished compares each call with the list that was written from
// Piano's SDKs. The verb says nothing: several calls that change something are GET.
func TestEndpoints_AreAsPublished(t *testing.T) {
	text, err := os.ReadFile("testdata/calls.csv")
	if err != nil {
		t.Fatal(err)
	}
	published := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if verb, rest, ok := strings.Cut(strings.TrimSpace(line), ","); ok && !strings.HasPrefix(verb, "#") {
			path, effect, _ := strings.Cut(rest, ",")
			published[path] = verb + " " + effect
		}
	}
	source, err := os.ReadFile("endpoints.go")
	if err != nil {
		t.Fatal(err)
	}
	all := piano.Endpoints()
	if paths := regexp.MustCompile(`"/[a-zA-Z/]+"`).FindAllString(string(source), -1); len(paths) != len(all) || len(all) == 0 {
		t.Errorf("endpoints.go has %d paths, and this test knows %d calls", len(paths), len(all))
	}
	known := map[string]string{}
	for name, e := range all {
		if other, twice := known[e.Path()]; twice {
			t.Errorf("%s is defined as %s and as %s", e.Path(), other, name)
		}
		known[e.Path()] = name
		effect := "reads"
		if e.Changes() {
			effect = "changes"
		}
		if got := e.Method() + " " + effect; got != published[e.Path()] {
			t.Errorf("%s %s: %s, published is %q", name, e.Path(), got, published[e.Path()])
		}
		// An export is the only change that may be asked for again.
		if mayRepeat := !e.Changes() || name == "scheduleExport"; piano.Repeats(e) != mayRepeat {
			t.Errorf("%s %s: may be repeated: %v", name, e.Path(), piano.Repeats(e))
		}
	}
}
