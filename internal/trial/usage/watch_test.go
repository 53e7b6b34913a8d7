package usage

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// TestWatch watches this very process, which begins to leak after a while: the
// page is a real one, and so are goroutines, descriptors and memory.
func TestWatch(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("only Linux tells the descriptors and the memory of a process")
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	looks := make(chan struct{}, 1000)
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		metrics.ServeHTTP(w, r)
		looks <- struct{}{}
	}))
	defer server.Close()
	p := Process{ID: os.Getpid(), Pages: func() string { return server.URL }}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	see := func(n int) {
		t.Helper()
		for range n {
			select {
			case <-looks:
			case <-ctx.Done():
				t.Fatal("nobody looks")
			}
		}
	}
	debug.FreeOSMemory() // what tests before this one have left would be given back in the middle
	w := Start(ctx, p, time.Millisecond)
	see(60)
	calm := w.Stop(ctx)
	g, err := calm.Trend(0.2)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Judge(); err != nil || calm.Peak < 1<<20 || g.first[goroutines] < 2 || g.first[files] < 3 || g.first[resident] < 1<<20 {
		t.Errorf("nothing grows: %v; peak %d, %s", err, calm.Peak, g)
	}

	for len(looks) > 0 {
		<-looks
	}
	stop := make(chan struct{})
	defer close(stop)
	w = Start(ctx, p, time.Millisecond)
	see(60)
	for range int(gauges[goroutines].allowed) + 8 {
		go func() { <-stop }()
	}
	for range int(gauges[files].allowed) + 8 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	// Not from Go's heap: that may have as much left over from the tests before, and
	// gives it back while this one looks.
	heap, err := syscall.Mmap(-1, 0, 4*int(gauges[resident].allowed), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(heap) }()
	for i := 0; i < len(heap); i += 4096 {
		heap[i] = 1
	}
	see(60)
	leaky := w.Stop(ctx)
	if g, err = leaky.Trend(0.2); err != nil {
		t.Fatal(err)
	}
	err = g.Judge()
	if err == nil || !strings.Contains(err.Error(), "grown in goroutines, open files, resident memory") {
		t.Errorf("a process that leaks: %v", err)
	}
	if leaky.Peak < int64(len(heap)) {
		t.Errorf("its peak was %d", leaky.Peak)
	}
}

func TestUsage_Trend(t *testing.T) {
	var u Usage
	for i := range 30 {
		s := sample{40, 20, 100 << 20}
		if i < 6 {
			s = sample{1, 1, 1} // warms up
		}
		if i == 15 || i == 28 {
			s[goroutines], s[resident] = 900, 1<<30 // a look into the middle of something
		}
		u.samples = append(u.samples, s)
	}
	g, err := u.Trend(0.2)
	if err != nil || g.first != g.last || g.Judge() != nil {
		t.Errorf("%s, %v: one look decides nothing, and a warm-up is no growth", g, err)
	}
	if _, err := (Usage{samples: u.samples[:10]}).Trend(0.2); err == nil {
		t.Error("ten samples are enough for nothing, and it says they are")
	}
}

func TestParseMetrics(t *testing.T) {
	parse := func(page string) (sample, error) {
		metrics, err := parseMetrics(page)
		if err != nil {
			return sample{}, err
		}
		return newSample(metrics)
	}
	page := "# HELP go_goroutines Number.\n# TYPE go_goroutines gauge\ngo_goroutines 41\nprocess_open_fds 17\n" +
		"process_resident_memory_bytes 1.34217728e+08\nother{go_goroutines=\"x y\"} 5\n"
	if s, err := parse(page); err != nil || s != (sample{41, 17, 128 << 20}) {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, page := range []string{"", "go_goroutines 41\nprocess_open_fds 17\n", "go_goroutines many\n"} {
		if s, err := parse(page); err == nil {
			t.Errorf("%q gives %+v", page, s)
		}
	}
}
