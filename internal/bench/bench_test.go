package bench_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/bench"
	"github.com/pianola/pianola/internal/bench/compare"
	"github.com/pianola/pianola/internal/bench/lab"
	"github.com/pianola/pianola/internal/bench/messages"
	"github.com/pianola/pianola/internal/bench/probe"
	"github.com/pianola/pianola/internal/bench/system"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

func TestMain(m *testing.M) {
	bench.ServeRole()
	os.Exit(m.Run())
}

// TestBench runs every system and every probe once, on one lab, with few messages.
func TestBench(t *testing.T) {
	tier.Full(t, "it builds pianola and starts a dozen processes")
	l, err := lab.Open(t.Context(), lab.Embedded, func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	binary := filepath.Join(l.Dir, "pianola")
	if err := system.Build(t.Context(), "", binary); err != nil {
		t.Fatal(err)
	}
	c := messages.Defaults()
	c.Count, c.Internal, c.DeadLetters = 3000, 0.05, 0.05
	b, err := compare.Prepare(t.Context(), l, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("all systems store the same", func(t *testing.T) { allSystems(t, b, system.All(binary, "")) })
	t.Run("a difference is reported", func(t *testing.T) { differences(t, b) })
	// Another system than Pianola saves its migration, which is most of the CPU time here.
	t.Run("latency", func(t *testing.T) { latency(t, l, system.Afternoon{}) })
	t.Run("memory", func(t *testing.T) { memory(t, b, system.Afternoon{}) })
	t.Run("lifecycle", func(t *testing.T) { lifecycle(t, l, system.Pianola{Binary: binary, Protocol: "native"}) })
}

func allSystems(t *testing.T, b *compare.Bench, systems []system.System) {
	var contenders []compare.Contender
	for _, s := range systems {
		contenders = append(contenders, compare.Contender{Name: s.Name(), Bench: b, System: s})
	}
	r, err := compare.Rounds(t.Context(), contenders, 1, func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	for i, line := range r.Lines {
		a := line.Rounds[0]
		if a.Wall <= 0 || a.CPU.ClickHouse <= 0 || a.Peak.ClickHouse < 1<<20 || a.Contents.Parts == 0 || a.Contents.RowBytes() < 1 || a.Written == 0 {
			t.Errorf("%s: a figure is missing: %+v", line.Name, a)
		}
		if own := system.HasProcess(systems[i]); own != (a.Peak.System > 1<<20) || own != (a.CPU.System > 0) {
			t.Errorf("%s: the figures of its process: %+v", line.Name, a)
		}
		if a.Noise < 0 || a.Noise > 1.1 {
			t.Errorf("%s: noise %v", line.Name, a.Noise)
		}
	}
	var table strings.Builder
	if err := r.Write(&table); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
}

// tampering is a system after whose work a statement changes the table.
type tampering struct {
	system.System
	statement string
}

type tamperedWork struct {
	system.Work
	run       *system.Run
	statement string
}

func (s tampering) Start(ctx context.Context, r *system.Run) (system.Work, error) {
	w, err := s.System.Start(ctx, r)
	return tamperedWork{w, r, s.statement}, err
}

func (w tamperedWork) Done(ctx context.Context) error {
	if err := w.Work.Done(ctx); err != nil {
		return err
	}
	return w.run.Database.Exec(ctx, fmt.Sprintf(w.statement, "`"+w.run.Database.Name+"`."+lab.Events))
}

// differences changes rows of one of two systems.
func differences(t *testing.T, b *compare.Bench) {
	honest := system.File{Unoptimized: true}
	const one = " WHERE (subscription_id, event_timestamp) = (SELECT subscription_id, event_timestamp FROM %[1]s LIMIT 1) SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1"
	contenders := []compare.Contender{{Name: "honest", Bench: b, System: honest}}
	cases := []struct {
		name, statement string
		broken          bool
	}{
		{"a changed text", "ALTER TABLE %[1]s UPDATE experience_name = 'changed'" + one, true},
		{"a missing row", "ALTER TABLE %[1]s DELETE" + one, true},
		{"a redelivery", "INSERT INTO %[1]s SELECT * FROM %[1]s LIMIT 100", false},
	}
	for _, c := range cases {
		contenders = append(contenders, compare.Contender{Name: c.name, Bench: b, System: tampering{honest, c.statement}})
	}
	all, err := compare.Rounds(t.Context(), contenders, 1, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		two := compare.Report{Lines: []compare.Line{all.Lines[0], all.Lines[i+1]}}
		if err := two.Check(); errors.Is(err, compare.ErrDiffer) != c.broken {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func latency(t *testing.T, l *lab.Lab, s system.System) {
	r, err := probe.Latency(t.Context(), l, s, probe.LatencyPlan{
		Rate: 500, MaxWait: 100 * time.Millisecond, Duration: time.Second, Messages: messages.Defaults(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Messages == 0 || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.P999 || r.PartsPerMinute <= 0 {
		t.Errorf("%+v", r)
	}
}

func memory(t *testing.T, b *compare.Bench, s system.System) {
	r, err := probe.Memory(t.Context(), b, s, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if r.Rest < 1<<20 || r.RestPeak < r.Rest/2 || r.Full < 1<<20 {
		t.Errorf("%+v", r)
	}
}

func lifecycle(t *testing.T, l *lab.Lab, s system.Pianola) {
	r, err := probe.Lifecycle(t.Context(), l, s, probe.LifecyclePlan{Rate: 200, Messages: messages.Defaults(), Settings: map[string]string{
		"kafka.session_timeout": "2s", "kafka.rebalance_timeout": "10s", "batch.max_wait": "100ms",
	}})
	if err != nil {
		t.Fatal(err)
	}
	for what, seconds := range map[string]float64{
		"start-up": r.StartUp, "first row": r.FirstRow, "join": r.Join, "pause": r.JoinPause, "drain": r.Drain,
		"takeover": r.Takeover, "kill": r.Kill, "ClickHouse": r.ClickHouse, "last drain": r.LastDrain,
	} {
		if seconds <= 0 {
			t.Errorf("%s: %v s", what, seconds)
		}
	}
}
