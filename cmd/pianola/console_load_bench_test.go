package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// BenchmarkConsole_Load sends 1,000 requests a second to the overview of a pianola console,
// while a pianola run consumes a topic, and then for a minute alone. The requests come from
// 40 addresses, so that the usual limit of rate lets them through. Console, consumer, servers
// and client share the cores.
//
// It reports the throughput of the consumer as a share of that without requests, the median of
// the rounds. Of the minute it reports the CPU of the console for a request, and its resident
// memory before and after. In the end one address sends all requests, and most are refused.
//
//	go test -run '^$' -bench Console_Load -benchtime 5x -timeout 1h ./cmd/pianola
//
// PIANOLA_BENCH_MESSAGES is about how many messages the consumer reads each time (default
// 1,000,000).
func BenchmarkConsole_Load(b *testing.B) {
	messages := 1_000_000
	if text := os.Getenv("PIANOLA_BENCH_MESSAGES"); text != "" {
		var err error
		if messages, err = strconv.Atoi(text); err != nil {
			b.Fatal("PIANOLA_BENCH_MESSAGES is not a number")
		}
	}
	servers := testbed.Start(b)
	const messagesOfOne = 5.25 // of a subscriber
	s := servers.Fixture(b, testbed.Config{Protocol: "native", Seed: 1, Subscribers: int(float64(messages) / messagesOfOne), State: true})
	s.Publish()
	s.Ingest()
	rates := &fileRates{B: b, servers: servers, stream: s, binary: build(b), rate: map[string]float64{}}
	c := startConsoleProcess(b, rates.binary, environment(s.Settings))
	requests := &consoleLoad{TB: b, host: c.host, addresses: 40, each: 25}
	requests.during(10 * time.Second) // the first answers of all queries

	var shares []float64
	for b.Loop() {
		rates.live("before")
		stop := requests.start()
		rates.live("loaded")
		stop()
		rates.live("after")
		shares = append(shares, 2*rates.rate["loaded"]/(rates.rate["before"]+rates.rate["after"]))
	}
	slices.Sort(shares)
	b.Logf("throughput of the consumer under load, as shares of that without: %.3f", shares)
	b.ReportMetric(shares[len(shares)/2], "consumer-share")

	for _, one := range []struct {
		name string
		load *consoleLoad
	}{{"40 addresses", requests}, {"one address", &loadOfOne}} {
		one.load.TB, one.load.host = b, c.host
		kib, cpu := c.memory(), c.cpu()
		got := one.load.during(time.Minute)
		sent := got.served + got.refused
		each := (c.cpu() - cpu) / time.Duration(sent)
		b.Logf("%s: %d requests in a minute, %d served, %d refused, %v of CPU each, %.1f MiB before and %.1f MiB after, p95 %v",
			one.name, sent, got.served, got.refused, each, float64(kib)/1024, float64(c.memory())/1024, got.p95)
		if one.load == requests {
			b.ReportMetric(float64(sent)/60, "requests/s")
			b.ReportMetric(float64(each.Microseconds()), "console-CPU-µs/request")
			b.ReportMetric(float64(kib)/1024, "MiB-before")
			b.ReportMetric(float64(c.memory())/1024, "MiB-after")
			b.ReportMetric(float64(got.p95.Microseconds())/1000, "p95-ms")
		}
		if got.failed > 0 || one.load == requests && got.refused > 0 {
			b.Errorf("%s: %d requests failed, %d were refused", one.name, got.failed, got.refused)
		}
	}
}

var loadOfOne = consoleLoad{addresses: 1, each: 1000}

// consoleProcess is a pianola console of its own.
type consoleProcess struct {
	testing.TB
	host string
	pid  int
}

func startConsoleProcess(b *testing.B, binary string, environment []string) *consoleProcess {
	b.Helper()
	command := exec.Command(binary, "console")
	command.Env = append(environment, "PIANOLA_CONSOLE_LISTEN=127.0.0.1:0", "PIANOLA_LOG_FORMAT=json", "PIANOLA_LOG_LEVEL=info")
	stderr, err := command.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt) // it may have ended
		_ = command.Wait()                       // it was asked to end
	})
	c := &consoleProcess{TB: b, pid: command.Process.Pid}
	lines := bufio.NewScanner(stderr)
	var all strings.Builder
	for lines.Scan() {
		var line struct{ Msg, Address string }
		all.WriteString(lines.Text() + "\n")
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "console listening" {
			c.host = line.Address
			go func() { _, _ = io.Copy(io.Discard, stderr) }() // it ends with the process
			return c
		}
	}
	b.Fatalf("the console has ended: %s", all.String())
	return nil
}

// memory is its resident memory in KiB.
func (c *consoleProcess) memory() (kib int) {
	c.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	if err != nil {
		c.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		c.Fatal(err)
	}
	return kib
}

// cpu is the time that it has used.
func (c *consoleProcess) cpu() time.Duration {
	c.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid))
	if err != nil {
		c.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:])) // from the third one on
	user, errUser := strconv.Atoi(fields[11])
	system, errSystem := strconv.Atoi(fields[12])
	if errUser != nil || errSystem != nil {
		c.Fatal(errUser, errSystem)
	}
	return time.Duration(user+system) * time.Second / 100 // clock ticks of Linux
}

// consoleLoad sends requests for the overview at a rate, from several addresses of this machine.
type consoleLoad struct {
	testing.TB
	host      string
	addresses int
	each      int // requests a second from an address
}

// loadResult is what came back.
type loadResult struct {
	served, refused, failed int64
	p95                     time.Duration
}

func (l *consoleLoad) during(d time.Duration) loadResult {
	l.Helper()
	stop := l.start()
	<-time.After(d)
	return stop()
}

// start sends until stop is called.
func (l *consoleLoad) start() (stop func() loadResult) {
	l.Helper()
	ended := make(chan struct{})
	var clients sync.WaitGroup
	var served, refused, failed atomic.Int64
	times := make([][]time.Duration, l.addresses)
	for i := range l.addresses {
		clients.Go(func() {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))}}
			conn, err := dialer.DialContext(l.Context(), "tcp", l.host)
			if err != nil {
				l.Error(err)
				return
			}
			defer func() { _ = conn.Close() }() // the answers were read
			request := []byte("GET / HTTP/1.1\r\nHost: " + l.host + "\r\nAccept-Encoding: gzip\r\n\r\n")
			answers := bufio.NewReaderSize(conn, 64<<10)
			ticker := time.NewTicker(time.Second / time.Duration(l.each))
			defer ticker.Stop()
			for {
				select {
				case <-ended:
					return
				case <-ticker.C:
				}
				begun := time.Now()
				status, err := ask(conn, answers, request)
				switch {
				case err != nil:
					failed.Add(1)
					return
				case status == http.StatusOK:
					served.Add(1)
					times[i] = append(times[i], time.Since(begun))
				case status == http.StatusTooManyRequests:
					refused.Add(1)
				default:
					failed.Add(1)
				}
			}
		})
	}
	return func() loadResult {
		close(ended)
		clients.Wait()
		all := slices.Concat(times...)
		slices.Sort(all)
		result := loadResult{served: served.Load(), refused: refused.Load(), failed: failed.Load()}
		if len(all) > 0 {
			result.p95 = all[len(all)*95/100]
		}
		return result
	}
}

// ask sends a request and reads its answer.
func ask(conn net.Conn, answers *bufio.Reader, request []byte) (status int, err error) {
	if _, err := conn.Write(request); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(answers, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}
