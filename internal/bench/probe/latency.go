package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pianola/pianola/internal/bench/lab"
	"github.com/pianola/pianola/internal/bench/messages"
	"github.com/pianola/pianola/internal/bench/meter"
	"github.com/pianola/pianola/internal/bench/system"
	"github.com/pianola/pianola/internal/wait"
)

// LatencyPlan is one measurement of Latency.
type LatencyPlan struct {
	Rate     int           // messages a second
	MaxWait  time.Duration // Pianola's batch.max_wait
	Duration time.Duration
	Messages messages.Config
}

// LatencyResult is how late rows are, in milliseconds from when a message was due to when a
// query has returned its row.
type LatencyResult struct {
	System         string  `json:"system"`
	Rate           int     `json:"rate"`
	MaxWait        float64 `json:"max_wait_seconds"`
	Messages       int     `json:"messages"`
	P50            float64 `json:"p50_ms"`
	P99            float64 `json:"p99_ms"`
	P999           float64 `json:"p999_ms"`
	PartsPerMinute float64 `json:"parts_per_minute"`
	CPU            float64 `json:"cpu"` // of the system's process, in processors
	ClickHouse     float64 `json:"clickhouse_cpu"`
	Noise          float64 `json:"noise"`
}

// maxStream is how many messages a flow repeats.
const maxStream = 200_000

// lookEvery is how often the table is queried. It is the resolution of the result.
const lookEvery = 20 * time.Millisecond

// Latency publishes at a rate while the system works, and queries the table all the time.
func Latency(ctx context.Context, l *lab.Lab, s system.System, p LatencyPlan) (result LatencyResult, err error) {
	c := p.Messages
	c.Internal, c.DeadLetters = 0, 0
	c.Months = 1 // events of now lie in one month
	c.Count = min(c.Count, maxStream)
	r, err := newRun(ctx, l, s, c, map[string]string{"batch.max_wait": p.MaxWait.String()})
	if err != nil {
		return result, err
	}
	defer func() {
		fresh := context.WithoutCancel(ctx)
		err = errors.Join(err, r.Database.Drop(fresh), l.Broker.DeleteTopic(fresh, r.Topic.Name))
	}()
	f, err := newFlow(l, r.Topic, p.Rate)
	if err != nil {
		return result, err
	}
	defer f.close()
	work, err := s.Start(ctx, r)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, work.Stop(context.WithoutCancel(ctx))) }()
	if err := work.Ready(ctx); err != nil {
		return result, err
	}
	result = LatencyResult{System: s.Name(), Rate: p.Rate, MaxWait: p.MaxWait.Seconds()}
	clocks, err := meter.New(map[string]int{"system": work.PID(), "clickhouse": l.ClickHouse.PID(), "kafka": l.Broker.PID})
	if err != nil {
		return result, err
	}
	before, err := clocks.Read()
	if err != nil {
		return result, err
	}
	countersBefore, err := l.Counters(ctx)
	if err != nil {
		return result, err
	}
	late, err := watch(ctx, r, f, p.Duration)
	if err != nil {
		return result, fmt.Errorf("latency of %s: %w", s.Name(), err)
	}
	after, err := clocks.Read()
	if err != nil {
		return result, err
	}
	countersAfter, err := l.Counters(ctx)
	if err != nil {
		return result, err
	}
	use := after.Since(before)
	result.Messages, result.Noise = len(late), use.Noise()
	result.CPU, result.ClickHouse = use.CPU["system"]/use.Wall.Seconds(), use.CPU["clickhouse"]/use.Wall.Seconds()
	result.PartsPerMinute = float64(countersAfter.Parts-countersBefore.Parts) / use.Wall.Minutes()
	slices.Sort(late)
	result.P50, result.P99, result.P999 = quantile(late, 0.5), quantile(late, 0.99), quantile(late, 0.999)
	return result, nil
}

// quantile is of sorted durations, in milliseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := int(q * float64(len(sorted)))
	return float64(sorted[min(at, len(sorted)-1)]) / float64(time.Millisecond)
}

// maxLate bounds the wait for the rows of the last messages.
const maxLate = time.Minute

// watch publishes for the duration, and returns how late each row was.
func watch(ctx context.Context, r *system.Run, f *flow, duration time.Duration) (late []time.Duration, err error) {
	publishing, stop := context.WithTimeout(ctx, duration)
	defer stop()
	var sent int
	var failed error
	published := make(chan struct{})
	go func() {
		defer close(published)
		sent, failed = f.run(publishing)
	}()
	defer func() {
		stop()
		<-published
		err = errors.Join(err, failed)
	}()
	bounded, cancel := context.WithTimeout(ctx, duration+maxLate)
	defer cancel()
	taken := make([]int, len(f.due))
	err = wait.Until(bounded, lookEvery, func() (bool, error) {
		at, err := r.Database.Ends(bounded)
		if err != nil {
			return false, err
		}
		now := time.Now()
		for partition, next := range at {
			for _, due := range f.take(partition, taken[partition], next) {
				late = append(late, now.Sub(due))
				taken[partition]++
			}
		}
		select {
		case <-published:
			return failed != nil || len(late) >= sent, nil
		default:
			return false, nil
		}
	})
	if err != nil {
		return nil, fmt.Errorf("wait for the rows, of which %d are visible: %w", len(late), err)
	}
	return late, nil
}
