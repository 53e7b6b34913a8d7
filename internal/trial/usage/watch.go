package usage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sample is what a process uses at one moment, by its own metrics.
type sample struct {
	goroutines int
	files      int   // open file descriptors
	resident   int64 // bytes
}

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
	client  http.Client
	end     context.CancelFunc
	done    sync.WaitGroup

	mu      sync.Mutex
	samples []sample // in order of time
	peak    int64    // resident bytes
}

// sampleWithin bounds one sample. The page is small, and the machine is busy: a sample that
// takes longer is left out.
const sampleWithin = 5 * time.Second

// Start samples at an interval until the process or ctx ends, or Stop is called.
func Start(ctx context.Context, p Process, every time.Duration) *Watch {
	ctx, end := context.WithCancel(ctx)
	w := &Watch{process: p, end: end, client: http.Client{Timeout: sampleWithin, Transport: &http.Transport{DisableKeepAlives: true}}}
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
	w.keep(nil, peakOf(w.process.ID))
	pages := w.process.Pages()
	if pages == "" {
		return // it does not listen yet
	}
	s, err := w.ask(ctx, pages+"/metrics")
	if err != nil {
		return
	}
	w.keep([]sample{s}, s.resident)
}

func (w *Watch) keep(samples []sample, resident int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.samples, w.peak = append(w.samples, samples...), max(w.peak, resident)
}

func (w *Watch) ask(ctx context.Context, url string) (sample, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return sample{}, err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return sample{}, fmt.Errorf("get metrics: %w", err)
	}
	defer response.Body.Close()
	return parseMetrics(response.Body)
}

var errNoMetrics = errors.New("the page lacks goroutines, open files or resident memory")

// parseMetrics reads the three gauges from Prometheus' text format.
func parseMetrics(page io.Reader) (sample, error) {
	wanted := map[string]float64{"go_goroutines": -1, "process_open_fds": -1, "process_resident_memory_bytes": -1}
	lines := bufio.NewScanner(page)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if _, is := wanted[name]; !is {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return sample{}, fmt.Errorf("read metric %s: %w", name, err)
		}
		wanted[name] = number
	}
	if err := lines.Err(); err != nil {
		return sample{}, fmt.Errorf("read metrics: %w", err)
	}
	for _, number := range wanted {
		if number < 0 {
			return sample{}, errNoMetrics
		}
	}
	return sample{
		goroutines: int(wanted["go_goroutines"]), files: int(wanted["process_open_fds"]),
		resident: int64(wanted["process_resident_memory_bytes"]),
	}, nil
}

// peakOf is the peak of a process's resident memory in bytes: VmHWM of Linux's /proc
// (proc_pid_status(5)). 0: unknown.
func peakOf(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, is := strings.CutPrefix(line, "VmHWM:"); is {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return kilobytes << 10
		}
	}
	return 0
}
