package window_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/window"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// planOf plans, and describes each partition as from, to, removed and not consumed.
func (e *env) planOf(w window.Window) (plan *window.Plan, partitions string) {
	e.Helper()
	plan, err := e.replayer(sink.Hooks{}).Plan(e.Context(), w, window.Limits{})
	e.Must(err)
	var all []string
	for _, p := range plan.Partitions {
		all = append(all, fmt.Sprintf("%d [%d,%d) %d %d", p.Partition, p.From, p.To, p.Removed, p.NotConsumed))
	}
	return plan, strings.Join(all, ", ")
}

func TestPlan_Windows(t *testing.T) {
	e := newEnv(t, "native")
	var values []string
	for i := range 10 { // one an hour, from 12:00 on
		values = append(values, message(fmt.Sprint("s", i), "2025-06-15T12:00:00Z", "Renewed"))
	}
	e.send(0, values...)
	e.send(1, values[:4]...)
	e.Ingest()
	e.send(0, values[:2]...) // offsets 10 and 11, which nobody has consumed
	at := func(hour, minute int) time.Time { return time.Date(2025, 6, 15, hour, minute, 0, 0, time.UTC) }
	topic := []string{e.Topic}
	for name, c := range map[string]struct {
		window window.Window
		want   string
	}{
		"times":                  {window.Window{Topics: topic, From: at(13, 0), To: at(15, 0)}, "0 [1,3) 0 0, 1 [1,3) 0 0, 2 [0,0) 0 0"},
		"times between records":  {window.Window{Topics: topic, From: at(13, 30), To: at(15, 30)}, "0 [2,4) 0 0, 1 [2,4) 0 0, 2 [0,0) 0 0"},
		"from a time on":         {window.Window{Topics: topic, From: at(20, 0)}, "0 [8,12) 0 2, 1 [4,4) 0 0, 2 [0,0) 0 0"},
		"one partition":          {window.Window{Topics: topic, From: at(20, 0), Partitions: []int32{0}}, "0 [8,12) 0 2"},
		"before the first":       {window.Window{Topics: topic, From: at(1, 0), To: at(11, 0)}, "0 [0,0) 0 0, 1 [0,0) 0 0, 2 [0,0) 0 0"},
		"after the last":         {window.Window{Topics: topic, From: at(23, 59)}, "0 [12,12) 0 0, 1 [4,4) 0 0, 2 [0,0) 0 0"},
		"offsets":                {window.Window{Topics: topic, Starts: map[int32]int64{0: 9, 1: 2}, Ends: map[int32]int64{0: 11}}, "0 [9,11) 0 1, 1 [2,4) 0 0"},
		"offsets of a partition": {window.Window{Topics: topic, Starts: map[int32]int64{0: 9, 1: 2}, Partitions: []int32{1}}, "1 [2,4) 0 0"},
		"an end behind the log":  {window.Window{Topics: topic, Starts: map[int32]int64{1: 2}, Ends: map[int32]int64{1: 99}}, "1 [2,4) 0 0"},
		"at the end of the log":  {window.Window{Topics: topic, Starts: map[int32]int64{1: 4}}, "1 [4,4) 0 0"},
	} {
		t.Run(name, func(t *testing.T) {
			plan, got := e.planOf(c.window)
			if got != c.want || plan.Empty() != (plan.Messages == 0) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			notes := strings.Join(plan.Notes, "\n")
			for text, wanted := range map[string]bool{
				"has not consumed": plan.NotConsumed > 0, "the window has no messages; Kafka has the offsets " + e.Topic: plan.Empty(),
				"--to-offsets is past the end of the log": name == "an end behind the log",
			} {
				if strings.Contains(notes, text) != wanted {
					t.Errorf("notes: %q", notes)
				}
			}
		})
	}
	t.Run("times of records", func(t *testing.T) {
		plan, _ := e.planOf(window.Window{Topics: topic, From: at(13, 0), To: at(15, 0), Partitions: []int32{0}})
		if p := plan.Partitions[0]; p.First == nil || !p.First.Equal(at(13, 0)) || p.Last == nil || !p.Last.Equal(at(14, 0)) {
			t.Errorf("got %v to %v", p.First, p.Last)
		}
	})
	t.Run("an end in the future", func(t *testing.T) {
		plan, _ := e.planOf(window.Window{Topics: topic, From: at(13, 0), To: time.Now().Add(time.Hour)})
		if !strings.Contains(plan.Notes[0], "--to is in the future") {
			t.Errorf("notes: %q", plan.Notes)
		}
	})
	t.Run("what does not exist", func(t *testing.T) {
		for want, w := range map[string]window.Window{
			"topic other does not exist":                {Topics: []string{"other"}, From: at(1, 0)},
			"has no partition 3":                        {Topics: topic, From: at(1, 0), Partitions: []int32{0, 3}},
			"offset 13 of --from-offsets is past":       {Topics: topic, Starts: map[int32]int64{0: 13}},
			"has no partition 7; it has the partitions": {Topics: topic, Starts: map[int32]int64{7: 0}},
		} {
			_, err := e.replayer(sink.Hooks{}).Plan(t.Context(), w, window.Limits{})
			if !errors.As(err, new(*window.UnknownError)) || !strings.Contains(err.Error(), want) {
				t.Errorf("want %q, got %v", want, err)
			}
		}
	})
	t.Run("a sample and the last replay", func(t *testing.T) {
		r := e.replayer(sink.Hooks{})
		plan, _ := e.planOf(window.Window{Topics: topic, From: at(1, 0)})
		e.Must(r.Estimate(t.Context(), plan))
		if plan.Estimate == nil || plan.Estimate.Rate <= 0 || !strings.Contains(plan.Estimate.Source, "a sample of 16 messages") {
			t.Errorf("got %+v", plan.Estimate)
		}
		plan, err := r.Plan(t.Context(), window.Window{Topics: topic, From: at(1, 0)}, window.Limits{Rate: 0.5})
		e.Must(err)
		e.Must(r.Estimate(t.Context(), plan))
		if plan.Estimate.Seconds != 32 || plan.Estimate.Source != "the limit of --rate" {
			t.Errorf("got %+v", plan.Estimate)
		}

		// A job of the size that counts, without its messages.
		last, err := e.jobs().Start(t.Context(), job.Spec{Source: schemas.SourceKafka, Planned: 20000, Rules: job.RulesOf(e.Settings.TransformConfig(), "test"),
			Plan: job.Plan{Ranges: []job.Range{{Name: "other", To: 20000}}}})
		e.Must(err)
		e.Exec(`INSERT INTO ingest_ledger (source, source_name, source_partition, kind, job_id, start_offset, next_offset, messages, stored, last_offset, written_at)
			VALUES ('kafka', 'other', 0, 'replay', '` + last.ID() + `', 0, 20000, 20000, 20000, 19999, now64(3))`)
		e.Must(last.Done(job.Counts{job.Messages: 20000}))
		_, err = last.Finish(nil)
		e.Must(err)
		plan, _ = e.planOf(window.Window{Topics: topic, From: at(1, 0)})
		e.Must(e.replayer(sink.Hooks{}).Estimate(t.Context(), plan))
		if plan.Estimate.Rate != 2000 || plan.Estimate.Source != "job "+last.ID() { // 20,000 in one span of ten seconds
			t.Errorf("got %+v", plan.Estimate)
		}
	})
}

// TestPlan_Retention has a log whose first records are gone. Of offsets the plan knows
// exactly what is missing, of times by the ledger.
func TestPlan_Retention(t *testing.T) {
	e := newEnv(t, "native")
	e.Settings.Batch.MaxRows = 5
	for i := range 20 {
		e.send(0, message(fmt.Sprint("s", i), "2025-06-15T12:00:00Z", "Renewed"))
	}
	e.Ingest()
	e.DeleteBefore(0, 12)
	topic := []string{e.Topic}
	_, got := e.planOf(window.Window{Topics: topic, Starts: map[int32]int64{0: 4}, Ends: map[int32]int64{0: 15}})
	if want := "0 [12,15) 8 0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	plan, got := e.planOf(window.Window{Topics: topic, Starts: map[int32]int64{0: 4}, Ends: map[int32]int64{0: 9}})
	if want := "0 [12,12) 5 0"; got != want || !plan.Empty() || !strings.Contains(strings.Join(plan.Notes, "\n"), "retention has removed 5 messages") {
		t.Errorf("got %s, want %s; %q", got, want, plan.Notes)
	}
	for hours, want := range map[[2]int][2]uint64{ // at least and at most
		{16, 0}:  {8, 12}, // from offset 4 on
		{16, 20}: {4, 12}, // up to offset 8
		{24, 0}:  {0, 0},
		{0, 4}:   {4, 12},
	} {
		w := window.Window{Topics: topic, Partitions: []int32{0}, From: recordTime(hours[0] - 12)}
		if hours[1] > 0 {
			w.To = recordTime(hours[1] - 12)
		}
		plan, got := e.planOf(w)
		if plan.Removed < want[0] || plan.Removed > want[1] {
			t.Errorf("%v: got %s, want %v", hours, got, want)
		}
		if plan.Removed > 0 && !strings.Contains(strings.Join(plan.Notes, "\n"), "retention has removed up to") {
			t.Errorf("%v: %q", hours, plan.Notes)
		}
	}
}

// TestPlan_TimesThatKafkaCannotFind has records without timestamps, and in microseconds.
func TestPlan_TimesThatKafkaCannotFind(t *testing.T) {
	tier.Full(t, "makes topics")
	for form, c := range map[string]struct {
		timestamp int64
		want      string
	}{
		"microseconds": {recordTime(0).UnixMicro(), "timestamps that are not in milliseconds"},
		"none":         {-1, "no timestamps"},
	} {
		t.Run(form, func(t *testing.T) {
			e := newEnv(t, "native")
			e.ProduceAt(0, c.timestamp, message("a", "2025-06-15T12:00:00Z", "Renewed"))
			plan, _ := e.planOf(window.Window{Topics: []string{e.Topic}, From: recordTime(0), To: recordTime(5)})
			if notes := strings.Join(plan.Notes, "\n"); !strings.Contains(notes, c.want) || !strings.Contains(notes, "use --from-offsets") {
				t.Errorf("notes: %q", notes)
			}
			j := e.replay(window.Window{Topics: []string{e.Topic}, Starts: map[int32]int64{0: 0}}, window.Limits{})
			e.wantCounts(j.Counts, "messages=1 stored=1 added=1")
		})
	}
}
