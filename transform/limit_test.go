package transform

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/pianola/pianola/schemas"
)

// TestApply_LimitAndPrefix: the limit is measured on the value as Kafka has it,
// and goes before what the value says.
func TestApply_LimitAndPrefix(t *testing.T) {
	const prefix = "\x00\x00\x00\x00\x07"
	message := `{` + least + `}`
	cases := []struct {
		note, message string
		limit         int
		want          schemas.Reason // or stored
	}{
		{"exactly the limit, prefix included", prefix + message, len(prefix + message), ""},
		{"over it by the prefix alone", prefix + message, len(message), schemas.TooLarge},
		{"too large and no JSON", message + "}", len(message), schemas.TooLarge},
		{"too large and white space", strings.Repeat(" ", 9), 8, schemas.TooLarge},
		{"a space between prefix and brace", prefix + " " + message, 1000, schemas.InvalidJSON},
		{"a prefix and nothing", prefix, 1000, schemas.InvalidJSON},
		{"a prefix of four bytes", prefix[1:] + message, 1000, schemas.InvalidJSON},
		{"a prefix twice", prefix + prefix + message, 1000, schemas.InvalidJSON},
		{"an id that looks like an object", "\x00{{{{" + message, 1000, ""},
		{"another first byte", "\x01\x00\x00\x00\x07" + message, 1000, schemas.InvalidJSON},
	}
	for _, c := range cases {
		t.Run(c.note, func(t *testing.T) {
			config := Defaults()
			config.MaxMessageBytes = c.limit
			if r := newWorker(t, config).Apply([]byte(c.message), sampleNow); r.Reason != c.want || r.Field != "" {
				t.Errorf("got %s %q %q, want %q", r.Outcome, r.Reason, r.Field, c.want)
			}
		})
	}
}

// TestWorker_Release: hundreds of workers wait for their next message, and what they
// hold must not depend on the last one.
func TestWorker_Release(t *testing.T) {
	const workers = 10
	for name, text := range map[string]string{
		"addresses":                 strings.Repeat("a@b.co ", 140_000),
		"not in the normal form":    "%" + strings.Repeat("e\u0301", 330_000),
		"normal form of 120 KB":     "%" + strings.Repeat("e\u0301", 40_000),
		"a large one without guard": strings.Repeat("x", 1_000_000),
	} {
		t.Run(name, func(t *testing.T) {
			message := fmt.Appendf(nil, `{%s,"term_name":"%s"}`, least, text)
			waiting := make([]*Worker, workers)
			before := heap()
			for i := range waiting {
				waiting[i] = newWorker(t, Defaults())
				own := append([]byte(nil), message...)
				if r := waiting[i].Apply(own, sampleNow); r.Outcome != Stored {
					t.Fatal(r.Outcome, r.Reason)
				}
				waiting[i].Release()
			}
			if each := (heap() - before) / workers; each > 2*maxArena {
				t.Errorf("a worker that waits holds %d KiB", each>>10)
			}
			if r := waiting[0].Apply(message, sampleNow); r.Outcome != Stored || len(r.Event.TermName) == 0 {
				t.Errorf("after Release: %s %s", r.Outcome, r.Reason)
			}
			runtime.KeepAlive(waiting)
		})
	}
}

// heap is the size of what is reachable, in bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
