package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func holds(context.Context) error { return nil }

// start serves until the test ends, and fails it when the server does not end
// cleanly.
func start(t *testing.T, c Config) string {
	t.Helper()
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	c.Listen = "127.0.0.1:0"
	s, err := Listen(t.Context(), c, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return "http://" + s.Addr().String()
}

func get(t *testing.T, url string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestReadyz(t *testing.T) {
	broken := errors.New("no answer from clickhouse, check clickhouse.addr")
	url := start(t, Config{
		Live:  []Check{{"loop", holds}},
		Ready: []Check{{"assignment", holds}, {"clickhouse", func(context.Context) error { return broken }}},
	})

	t.Run("names_what_failed_and_why", func(t *testing.T) {
		status, body := get(t, url+"/readyz")
		want := "not ok\n  ok      loop\n  ok      assignment\n  FAILED  clickhouse: " + broken.Error() + "\n"
		if status != http.StatusServiceUnavailable || body != want {
			t.Errorf("got %d\n%s\nwant 503\n%s", status, body, want)
		}
	})
	t.Run("is_json_for_machines", func(t *testing.T) {
		for _, ask := range [][]string{{"/readyz?format=json"}, {"/readyz", "Accept", "application/json"}} {
			status, body := get(t, url+ask[0], ask[1:]...)
			var report Report
			if err := json.Unmarshal([]byte(body), &report); err != nil {
				t.Fatal(err)
			}
			if status != http.StatusServiceUnavailable || report.OK || len(report.Checks) != 3 || report.Checks[2].Error != broken.Error() {
				t.Errorf("%v: got %d %+v", ask, status, report)
			}
		}
	})
	t.Run("liveness_asks_nothing_outside", func(t *testing.T) {
		if status, body := get(t, url+"/livez"); status != http.StatusOK || body != "ok\n  ok      loop\n" {
			t.Errorf("got %d %q", status, body)
		}
	})
}

// A server's text reaches the terminal of who runs curl.
func TestReadyz_ActsOnNoTerminal(t *testing.T) {
	const hostile = "a\x1b[2J\u009b31m\u202eb"
	url := start(t, Config{Ready: []Check{{"check", func(context.Context) error { return errors.New(hostile) }}}})
	text := func(page string) string {
		_, body := get(t, url+page)
		if strings.ContainsAny(body, "\x1b\u009b\u202e") || !strings.Contains(body, `\u009b`) {
			t.Errorf("%s: got %+q", page, body)
		}
		return body
	}
	text("/readyz")
	var report Report
	if err := json.Unmarshal([]byte(text("/readyz?format=json")), &report); err != nil || report.Checks[0].Error != hostile {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestReadyz_HangingCheckTimesOut(t *testing.T) {
	url := start(t, Config{
		Ready:        []Check{{"kafka", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}},
		CheckTimeout: time.Millisecond,
	})
	status, body := get(t, url+"/readyz")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "FAILED  kafka: no answer within 1ms") {
		t.Errorf("got %d %q", status, body)
	}
}

func TestReadyz_ConcurrentProbesShareOneRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rounds atomic.Int32
		leave := make(chan struct{})
		p := &prober{timeout: time.Minute, checks: []Check{{"clickhouse", func(context.Context) error {
			rounds.Add(1)
			<-leave
			return nil
		}}}}
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				if !p.report().OK {
					t.Error("a caller that joined the round got another answer")
				}
			})
		}
		synctest.Wait() // every caller waits for a round now
		if n := rounds.Load(); n != 1 {
			t.Errorf("%d rounds for callers at the same time, want 1", n)
		}
		close(leave)
		callers.Wait()
	})
}

func TestMetrics_ServesGivenRegistry(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "pianola_tests_total", Help: "One."})
	registry.MustRegister(c)
	c.Inc()
	url := start(t, Config{Metrics: registry})
	status, body := get(t, url+"/metrics")
	if status != http.StatusOK || !strings.Contains(body, "pianola_tests_total 1") || strings.Contains(body, "go_goroutines") {
		t.Errorf("got %d\n%s", status, body)
	}
}

func TestIndex_ListsThePages(t *testing.T) {
	url := start(t, Config{})
	_, body := get(t, url+"/")
	for _, page := range []string{"/livez", "/readyz", "/metrics"} {
		if !strings.Contains(body, page) {
			t.Errorf("index does not name %s", page)
		}
		if status, _ := get(t, url+page); status != http.StatusOK {
			t.Errorf("%s is named and answers %d", page, status)
		}
	}
	if status, _ := get(t, url+"/secrets"); status != http.StatusNotFound {
		t.Errorf("an unknown page answers %d", status)
	}
}

func TestListen_PortConflictNamesAddressAndSetting(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = Listen(t.Context(), Config{Listen: taken.Addr().String(), Metrics: prometheus.NewRegistry()}, zaptest.NewLogger(t))
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()+" is in use") || !strings.Contains(err.Error(), "http.listen") {
		t.Errorf("got %v, want an error that names the address and http.listen", err)
	}
}

func TestRun_FinishesActiveRequests(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s, err := Listen(t.Context(), Config{
		Listen: "127.0.0.1:0", Metrics: prometheus.NewRegistry(), CheckTimeout: time.Minute,
		Live: []Check{{"loop", func(context.Context) error { close(entered); <-leave; return nil }}},
	}, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	answered := make(chan int, 1)
	go func() {
		status, _ := get(t, "http://"+s.Addr().String()+"/livez")
		answered <- status
	}()
	<-entered
	stop()
	close(leave)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the request under way got %d", status)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}
