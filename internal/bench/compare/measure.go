// Package compare runs systems in turns and compares them.
//
// [Bench.Run] measures one run of one system: time, CPU time and memory of each process,
// what was stored, and how much CPU time other processes of the machine took meanwhile.
// [Compare] repeats the runs in interleaved rounds, so that a slow minute of the machine
// hits all systems alike. [Report] has medians, and the medians of each round's ratios.
package compare

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/pianola/pianola/internal/bench/lab"
	"github.com/pianola/pianola/internal/bench/messages"
	"github.com/pianola/pianola/internal/bench/meter"
	"github.com/pianola/pianola/internal/bench/system"
)

// Bench is a lab and a topic full of messages.
type Bench struct {
	Lab   *lab.Lab
	Topic *lab.Topic
	File  string // the same messages
}

// Prepare publishes a stream, and writes it to a file.
func Prepare(ctx context.Context, l *lab.Lab, c messages.Config) (*Bench, error) {
	stream, err := messages.New(c)
	if err != nil {
		return nil, err
	}
	b := &Bench{Lab: l}
	if b.Topic, err = l.Broker.Publish(ctx, l.Name("messages"), stream); err != nil {
		return nil, err
	}
	b.File = filepath.Join(l.Dir, b.Topic.Name+".ndjson")
	return b, system.WriteFile(b.File, stream)
}

// Variation is how a run differs from the default.
type Variation struct {
	Name     string            `json:"name"`
	Settings map[string]string `json:"settings,omitempty"` // of Pianola
	Cores    int               `json:"cores,omitempty"`    // of the system's process; 0: all
	Rows     int               `json:"rows,omitempty"`     // that the table has before
	Views    bool              `json:"views,omitempty"`    // Pianola's state and metrics are refreshed
}

// Seconds are CPU seconds of one run.
type Seconds struct {
	System     float64 `json:"system"` // its own process; 0 for systems within ClickHouse
	ClickHouse float64 `json:"clickhouse"`
	Merges     float64 `json:"merges"` // of ClickHouse, after the last commit
	Kafka      float64 `json:"kafka"`
}

// Bytes are peaks of resident memory of one run.
type Bytes struct {
	System     int64 `json:"system"`
	ClickHouse int64 `json:"clickhouse"`
	Kafka      int64 `json:"kafka"`
}

// Account is one run of one system.
type Account struct {
	System   string       `json:"system"`
	Messages int          `json:"messages"`
	StartUp  float64      `json:"start_up_seconds"` // until it reads; 0 where that is part of Wall
	Wall     float64      `json:"wall_seconds"`     // from then to the last commit
	CPU      Seconds      `json:"cpu_seconds"`
	Peak     Bytes        `json:"peak_bytes"`
	Inserts  uint64       `json:"inserts"`       // INSERT queries; the Kafka engine has none
	Written  uint64       `json:"parts_written"` // by inserts
	Contents lab.Contents `json:"contents"`      // after the merges
	Wanted   uint64       `json:"wanted_events"` // that the messages have
	Noise    float64      `json:"noise"`         // CPU of other processes, as a share of the machine
}

// Rate is messages a second.
func (a Account) Rate() float64 { return float64(a.Messages) / a.Wall }

// CPUPerMillion is the CPU seconds of all processes for a million messages.
func (a Account) CPUPerMillion() float64 {
	return a.perMillion(a.CPU.System + a.CPU.ClickHouse + a.CPU.Merges + a.CPU.Kafka)
}

func (a Account) perMillion(v float64) float64 { return v * 1e6 / float64(a.Messages) }

// Run measures one run. Set-up and start-up are not part of its wall time: a run of a few
// seconds would say more about joining a group than about the work.
func (b *Bench) Run(ctx context.Context, s system.System, v Variation) (a Account, err error) {
	name := b.Lab.Name("run")
	r := &system.Run{
		Lab: b.Lab, Topic: b.Topic, Database: b.Lab.Database(name), Group: name, File: b.File,
		Settings: v.Settings, Cores: v.Cores, Views: v.Views,
	}
	// A fresh context: the database goes also after an interruption.
	defer func() { err = errors.Join(err, r.Database.Drop(context.WithoutCancel(ctx))) }()
	if err := s.SetUp(ctx, r); err != nil {
		return a, fmt.Errorf("set up %s: %w", s.Name(), err)
	}
	if v.Rows > 0 {
		if err := r.Database.Fill(ctx, v.Rows); err != nil {
			return a, err
		}
	}
	a = Account{System: s.Name(), Messages: b.Topic.Messages.Count, Wanted: b.Topic.Events + uint64(v.Rows)}
	if err := b.measure(ctx, s, r, &a); err != nil {
		return a, fmt.Errorf("run %s: %w", s.Name(), err)
	}
	return a, nil
}

func (b *Bench) measure(ctx context.Context, s system.System, r *system.Run, a *Account) (err error) {
	servers := []int{b.Lab.ClickHouse.PID(), b.Lab.Broker.PID}
	for _, pid := range servers {
		if err := meter.ResetPeak(pid); err != nil {
			return err
		}
	}
	countersBefore, err := b.Lab.Counters(ctx)
	if err != nil {
		return err
	}
	stored, err := r.Database.Count(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	work, err := s.Start(ctx, r)
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, work.Stop(context.WithoutCancel(ctx)))
		}
	}()
	clocks, err := meter.New(map[string]int{"system": work.PID(), "clickhouse": servers[0], "kafka": servers[1]})
	if err != nil {
		return err
	}
	ready, err := clocks.Read()
	if err != nil {
		return err
	}
	if err := work.Ready(ctx); err != nil {
		return err
	}
	startUp := time.Since(start).Seconds()
	late, err := clocks.Read()
	if err != nil {
		return err
	}
	// A system that has stored something before it was seen to read is measured from its start.
	switch now, err := r.Database.Count(ctx); {
	case err != nil:
		return err
	case now == stored:
		a.StartUp, ready = startUp, late
	}
	if err := work.Done(ctx); err != nil {
		return err
	}
	done, err := clocks.Read()
	if err != nil {
		return err
	}
	use := done.Since(ready)
	a.Wall, a.Noise = use.Wall.Seconds(), use.Noise()
	a.CPU = Seconds{System: use.CPU["system"], ClickHouse: use.CPU["clickhouse"], Kafka: use.CPU["kafka"]}
	if a.Peak, err = peaks(work.PID(), servers); err != nil {
		return err
	}
	merging, err := meter.New(map[string]int{"clickhouse": servers[0]})
	if err != nil {
		return err
	}
	before, err := merging.Read()
	if err != nil {
		return err
	}
	// The system ends first: what it does while it waits is not its work, nor are fetches.
	stopped = true
	if err := work.Stop(ctx); err != nil {
		return err
	}
	if err := r.Database.Settle(ctx); err != nil {
		return err
	}
	after, err := merging.Read()
	if err != nil {
		return err
	}
	a.CPU.Merges = after.Since(before).CPU["clickhouse"]
	countersAfter, err := b.Lab.Counters(ctx)
	if err != nil {
		return err
	}
	a.Inserts, a.Written = countersAfter.Inserts-countersBefore.Inserts, countersAfter.Parts-countersBefore.Parts
	a.Contents, err = r.Database.Contents(ctx)
	return err
}

// peaks reads the peaks of the processes.
func peaks(own int, servers []int) (p Bytes, err error) {
	if own != 0 {
		if p.System, err = meter.Peak(own); err != nil {
			return p, err
		}
	}
	if p.ClickHouse, err = meter.Peak(servers[0]); err != nil {
		return p, err
	}
	p.Kafka, err = meter.Peak(servers[1])
	return p, err
}
