package usage

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pianola/pianola/internal/bench/meter"
)

// sample is what a process uses at one moment, by its own metrics.
type sample [len(gauges)]float64

// Process is what a watch needs to know about a running process.
type Process struct {
	ID    int
	Ended <-chan struct{} // closed once it has ended
	Pages func() string   // URL of its pages; empty before it listens
}

// Watch samples the metrics page of a running process repeatedly, and reads its peak of
// memory from the system.
type Watch struct {
	process Process
	end     context.CancelFunc
	done    sync.WaitGroup

	mu      sync.Mutex
	samples []sample // in order of time
	peak    int64    // resident bytes
}

// Start samples at an interval until the process or ctx ends, or Stop is called.
func Start(ctx context.Context, p Process, every time.Duration) *Watch {
	ctx, end := context.WithCancel(ctx)
	w := &Watch{process: p, end: end}
	w.done.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			w.look(ctx)
			select {
			case <-ticker.C:
			case <-p.Ended:
				return
			case <-ctx.Done():
				return
			}
		}
	})
	return w
}

// Stop ends the watch after a last sample, and returns what was measured.
func (w *Watch) Stop(ctx context.Context) Usage {
	w.end()
	w.done.Wait()
	select {
	case <-w.process.Ended:
	default:
		w.look(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return Usage{samples: w.samples, Peak: w.peak}
}

// Count is how many samples there are.
func (w *Watch) Count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.samples)
}

// look takes one sample. A page that does not answer is not an error: the scenario checks
// whether the process lives.
func (w *Watch) look(ctx context.Context) {
	// The peak first: it is lost when the process ends.
	peak := peakOf(w.process.ID)
	var samples []sample
	if pages := w.process.Pages(); pages != "" { // empty: it does not listen yet
		metrics, err := Metrics(ctx, pages)
		if s, missing := newSample(metrics); err == nil && missing == nil {
			samples, peak = []sample{s}, max(peak, int64(s[resident]))
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.samples, w.peak = append(w.samples, samples...), max(w.peak, peak)
}

// client bounds one request. The pages are small, and the machine is busy: a sample that
// takes longer is left out.
var client = http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// Page gets a page of a process.
func Page(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("get %s: %w", url, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("get %s: %w", url, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", url, err)
	}
	return string(text), nil
}

// Metrics are the metrics of a process, by series. pages is the URL of its pages.
func Metrics(ctx context.Context, pages string) (map[string]float64, error) {
	page, err := Page(ctx, pages+"/metrics")
	if err != nil {
		return nil, err
	}
	return parseMetrics(page)
}

// parseMetrics reads Prometheus' text format.
func parseMetrics(page string) (map[string]float64, error) {
	all := map[string]float64{}
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		behind := strings.LastIndexByte(line, ' ') // a label may contain blanks
		if behind < 0 || line[0] == '#' {
			continue
		}
		value, err := strconv.ParseFloat(line[behind+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("read metric %s: %w", line[:behind], err)
		}
		all[line[:behind]] = value
	}
	return all, nil
}

func newSample(metrics map[string]float64) (s sample, err error) {
	for i, gauge := range gauges {
		value, found := metrics[gauge.metric]
		if !found {
			return s, fmt.Errorf("the page lacks %s", gauge.metric)
		}
		s[i] = value
	}
	return s, nil
}

// peakOf is the peak of a process's resident memory in bytes. 0: unknown.
func peakOf(pid int) int64 {
	peak, err := meter.Peak(pid)
	if err != nil {
		return 0
	}
	return peak
}
