package job_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

const never = time.Hour // as a heartbeat

// The whole life of a job that is stopped once: what a record says, what remains, and the
// counts, which the ledger corrects.
func TestRun_StoppedAndResumed(t *testing.T) {
	e := newEnv(t)
	s := e.store("host-1", never)
	limit := uint64(7)
	want := spec(100, 200)
	want.Plan.Filter = job.Filter{Actions: []string{"Renewed"}, Subscriptions: []string{`o'th"er\`}}
	want.Plan.MaxErrors = &limit
	want.Plan.Options = []byte(`{"separator":"?","note":"line\nline\ttab"}`)
	ctx, interrupt := context.WithCancel(t.Context())
	run, err := s.Start(ctx, want)
	e.Must(err)
	j, err := s.Find(t.Context(), run.ID())
	e.Must(err)
	if j.State != job.Running || j.FinishedAt != nil || !strings.HasPrefix(j.Instance, "host-1/") || j.Planned != 100 || !j.StartedAt.Equal(testTime) ||
		!reflect.DeepEqual(j.Plan, want.Plan) || !reflect.DeepEqual(j.Rules, want.Rules) || j.RulesSHA256 != want.Rules.SHA256() {
		t.Errorf("after its start: %+v", j)
	}
	if got := run.Remaining(); !reflect.DeepEqual(got, want.Plan.Ranges) {
		t.Errorf("remaining: %v", got)
	}
	e.checkpoint(run.ID(), 1, 100, 130)
	e.Must(run.Done(job.Counts{job.Messages: 30, job.Progress: 30, "equal": 30}))
	e.checkpoint(run.ID(), 1, 130, 150) // and killed before the record
	interrupt()
	if err := run.Done(job.Counts{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the interrupt: %v", err)
	}
	if run.Writing().Err() != nil {
		t.Error("nothing can be written any more")
	}
	_, err = run.Finish(run.Done(nil))
	var stopped *job.StoppedError
	if !errors.As(err, &stopped) || !strings.Contains(err.Error(), "interrupted; finished work is durable, resume with pianola replay resume "+run.ID()) {
		t.Errorf("got %v", err)
	}
	if j, _ = s.Find(t.Context(), run.ID()); j.State != job.Stopped || j.Problem != "interrupted" || j.FinishedAt == nil {
		t.Errorf("stopped: %+v", j)
	}

	again, err := e.store("host-2", never).Resume(t.Context(), run.ID(), want.Rules, func(p *job.Plan) { p.Rate = 5 })
	e.Must(err)
	if got, want := again.Remaining(), []job.Range{{Name: "t", Partition: 1, From: 150, To: 200}}; !reflect.DeepEqual(got, want) {
		t.Errorf("remaining: got %v, want %v", got, want)
	}
	if again.Count(job.Messages) != 50 || again.Count("equal") != 30 || again.Plan().Rate != 5 || again.Covered().Offsets(again.Plan()) != 50 {
		t.Errorf("resumed with %d messages, %d equal, covered %d", again.Count(job.Messages), again.Count("equal"), again.Covered().Offsets(again.Plan()))
	}
	j, err = again.Finish(nil)
	if err != nil || j.State != job.Complete {
		t.Errorf("got %+v, %v", j, err)
	}
	_, err = s.Resume(t.Context(), run.ID(), want.Rules, nil)
	if over := new(job.NotResumableError); !errors.As(err, &over) || !strings.Contains(err.Error(), "complete") {
		t.Errorf("resumed after its end: %v", err)
	}
	if all, err := s.List(t.Context()); err != nil || len(all) != 1 || all[0].State != job.Complete {
		t.Errorf("list: %v, %v", all, err)
	}
}

// The process was killed, so that the record still says running.
func TestResume_AfterAKill(t *testing.T) {
	e := newEnv(t)
	killed, err := e.store("host-1", never).Start(t.Context(), spec(0, 10))
	e.Must(err)
	defer killed.Kill() // it writes nothing more
	s := e.store("host-2", 50*time.Millisecond)
	run, err := s.Resume(t.Context(), killed.ID(), spec(0, 10).Rules, nil)
	e.Must(err)
	if j, err := s.Find(t.Context(), run.ID()); err != nil || j.State != job.Running || !strings.HasPrefix(j.Instance, "host-2/") {
		t.Errorf("got %+v, %v", j, err)
	}

	t.Run("the old process was only asleep", func(t *testing.T) {
		if err := killed.Done(job.Counts{job.Messages: 5}); !errors.Is(err, job.ErrTakenOver) {
			t.Errorf("got %v", err)
		}
		if _, err := killed.Finish(context.Cause(killed.Reading())); !errors.Is(err, job.ErrTakenOver) {
			t.Errorf("got %v", err)
		}
		if j, err := s.Find(t.Context(), run.ID()); err != nil || j.State != job.Running || j.Counts[job.Messages] != 0 {
			t.Errorf("it has changed the record: %+v, %v", j, err)
		}
	})
	_, err = run.Finish(nil)
	e.Must(err)
}

// A process that slept through the takeover, and wakes up at its end, leaves the record and
// the claims to the other one.
func TestFinish_AfterATakeover(t *testing.T) {
	e := newEnv(t)
	for _, end := range []error{nil, errors.New("broken")} {
		asleep, err := e.store("host-1", never).Start(t.Context(), spec(0, 10))
		e.Must(err)
		s := e.store("host-2", 50*time.Millisecond)
		run, err := s.Resume(t.Context(), asleep.ID(), spec(0, 10).Rules, nil)
		e.Must(err)
		e.Must(e.Analyst.Exec(t.Context(), "INSERT INTO replay_claims (job_id, source_name) VALUES (?, 't')", run.ID()))
		if _, err := asleep.Finish(end); !errors.Is(err, job.ErrTakenOver) {
			t.Errorf("ended by %v: got %v", end, err)
		}
		var claims uint64
		e.One("SELECT count() FROM replay_claims WHERE job_id = '"+run.ID()+"'", &claims)
		if j, err := s.Find(t.Context(), run.ID()); err != nil || j.State != job.Running || claims == 0 {
			t.Errorf("ended by %v: %+v, %v, %d claims", end, j, err, claims)
		}
		_, err = run.Finish(nil)
		e.Must(err)
	}
}

func TestConfirm_FailsAfterCancelAndTakeover(t *testing.T) {
	e := newEnv(t)
	other := e.store("host-2", 50*time.Millisecond)
	silent, err := e.store("host-1", never).Start(t.Context(), spec(0, 10))
	e.Must(err)
	e.Must(silent.Confirm(t.Context()))
	_, err = other.Cancel(t.Context(), silent.ID())
	e.Must(err)
	if err := silent.Confirm(t.Context()); !errors.Is(err, job.ErrCanceled) {
		t.Errorf("canceled: got %v", err)
	}
	_, _ = silent.Finish(job.ErrCanceled)

	silent, err = e.store("host-1", never).Start(t.Context(), spec(0, 10))
	e.Must(err)
	run, err := other.Resume(t.Context(), silent.ID(), spec(0, 10).Rules, nil)
	e.Must(err)
	if err := silent.Confirm(t.Context()); !errors.Is(err, job.ErrTakenOver) {
		t.Errorf("taken over: got %v", err)
	}
	_, _ = silent.Finish(nil)
	_, err = run.Finish(nil)
	e.Must(err)
}

func TestResume_OfAJobThatIsAlive(t *testing.T) {
	e := newEnv(t)
	s := e.store("host-1", 20*time.Millisecond)
	run, err := s.Start(t.Context(), spec(0, 10))
	e.Must(err)
	_, err = e.store("host-2", time.Second).Resume(t.Context(), run.ID(), spec(0, 10).Rules, nil)
	var alive *job.AliveError
	if !errors.As(err, &alive) || !strings.Contains(err.Error(), "host-1/") || !strings.Contains(err.Error(), "pianola replay cancel "+run.ID()) {
		t.Errorf("got %v", err)
	}
	_, err = run.Finish(nil)
	e.Must(err)
}

func TestList_ShowsAKilledJobAsInterrupted(t *testing.T) {
	e := newEnv(t)
	killed, err := e.store("host-1", never).Start(t.Context(), spec(0, 10))
	e.Must(err)
	defer killed.Kill()
	s := e.store("host-2", time.Millisecond)
	e.Eventually("the silence", func() bool {
		all, err := s.List(t.Context())
		e.Must(err)
		return len(all) == 1 && all[0].State == job.Interrupted
	})
	t.Run("and it is in nobody's way", func(t *testing.T) {
		run, err := s.Start(t.Context(), spec(5, 7))
		e.Must(err)
		_, err = run.Finish(nil)
		e.Must(err)
	})
}

func TestResume_RulesChanged(t *testing.T) {
	e := newEnv(t)
	s := e.store("host-1", never)
	run, err := s.Start(t.Context(), spec(0, 10))
	e.Must(err)
	_, err = run.Finish(errors.New("insert: code 241"))
	if err == nil || !strings.HasPrefix(err.Error(), "insert: code 241; finished work is durable") {
		t.Errorf("got %v", err)
	}
	changed := transform.Defaults()
	changed.SourceTimezone, changed.InternalUserIDs = "Europe/Berlin", []string{"canary"}
	_, err = s.Resume(t.Context(), run.ID(), job.RulesOf(changed, "v1"), nil)
	var refused *job.RulesChangedError
	if !errors.As(err, &refused) || !reflect.DeepEqual(refused.Names, []string{"transform.source_timezone", "transform.internal_user_ids"}) || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
	if j, err := s.Find(t.Context(), run.ID()); err != nil || j.State != job.Failed || j.Problem != "insert: code 241" {
		t.Errorf("got %+v, %v", j, err)
	}
}

func TestStart_RefusesTheSameMessages(t *testing.T) {
	e := newEnv(t)
	s := e.store("host-1", never)
	run, err := s.Start(t.Context(), spec(0, 100))
	e.Must(err)
	_, err = e.store("host-2", never).Start(t.Context(), spec(99, 120))
	var overlap *job.OverlapError
	if !errors.As(err, &overlap) || overlap.Other.ID != run.ID() ||
		!strings.Contains(err.Error(), "job "+run.ID()+" is running on host-1/") || !strings.Contains(err.Error(), "t/1 [0, 100)") {
		t.Errorf("got %v", err)
	}
	other, err := s.Start(t.Context(), spec(100, 120))
	e.Must(err)
	_, err = other.Finish(nil)
	e.Must(err)
	_, err = run.Finish(errors.New("broken"))
	if err == nil {
		t.Error("no error")
	}
	between, err := s.Start(t.Context(), spec(50, 60))
	e.Must(err)
	if _, err := s.Resume(t.Context(), run.ID(), spec(0, 1).Rules, nil); !errors.As(err, &overlap) || overlap.Other.ID != between.ID() {
		t.Errorf("resumed beside another: %v", err)
	}
	_, err = between.Finish(nil)
	e.Must(err)
}

// Both look before either is written: at most one may run.
func TestStart_TwoAtTheSameMoment(t *testing.T) {
	e := newEnv(t)
	type result struct {
		run *job.Run
		err error
	}
	results := make(chan result)
	for _, instance := range []string{"host-1", "host-2"} {
		s := e.store(instance, never)
		go func() {
			run, err := s.Start(t.Context(), spec(0, 100))
			results <- result{run, err}
		}()
	}
	running := 0
	var ended []*job.Run
	for range 2 {
		r := <-results
		var overlap *job.OverlapError
		switch {
		case r.err == nil:
			running++
			ended = append(ended, r.run)
		case !errors.As(r.err, &overlap):
			t.Error(r.err)
		}
	}
	if running > 1 {
		t.Error("both run")
	}
	for _, run := range ended {
		_, err := run.Finish(nil)
		e.Must(err)
	}
}

func TestCancel(t *testing.T) {
	e := newEnv(t)
	s, other := e.store("host-1", 20*time.Millisecond), e.store("host-2", never)
	claim := func(id string) {
		e.Must(e.Analyst.Exec(t.Context(), "INSERT INTO replay_claims (job_id, source_name) VALUES (?, 't'), ('another', 't')", id))
	}
	claims := func() (rows uint64) {
		e.One("SELECT count() FROM replay_claims WHERE job_id != 'another'", &rows)
		return rows
	}
	t.Run("of a running job", func(t *testing.T) {
		run, err := s.Start(t.Context(), spec(0, 10))
		e.Must(err)
		claim(run.ID())
		was, err := other.Cancel(t.Context(), run.ID())
		if err != nil || was.State != job.Running || claims() == 0 {
			t.Errorf("got %+v, %v", was, err)
		}
		<-run.Reading().Done() // at a heartbeat
		j, err := run.Finish(run.Done(nil))
		if !errors.Is(err, job.ErrCanceled) || j.State != job.Canceled || claims() != 0 {
			t.Errorf("got %+v, %v, %d claims", j, err, claims())
		}
		_, err = s.Resume(t.Context(), run.ID(), spec(0, 10).Rules, nil)
		if over := new(job.NotResumableError); !errors.As(err, &over) {
			t.Errorf("resumed: %v", err)
		}
	})
	t.Run("of a stopped job", func(t *testing.T) {
		run, err := s.Start(t.Context(), spec(0, 10))
		e.Must(err)
		claim(run.ID())
		_, _ = run.Finish(errors.New("broken"))
		if claims() == 0 {
			t.Error("a job that may be resumed has lost its claims")
		}
		_, err = other.Cancel(t.Context(), run.ID())
		e.Must(err)
		if j, err := s.Find(t.Context(), run.ID()); err != nil || j.State != job.Canceled || claims() != 0 {
			t.Errorf("got %+v, %v, %d claims", j, err, claims())
		}
	})
	t.Run("of a complete job", func(t *testing.T) {
		run, err := s.Start(t.Context(), spec(0, 10))
		e.Must(err)
		_, err = run.Finish(nil)
		e.Must(err)
		if was, err := other.Cancel(t.Context(), run.ID()); err != nil || was.State != job.Complete {
			t.Errorf("got %+v, %v", was, err)
		}
		if j, err := s.Find(t.Context(), run.ID()); err != nil || j.State != job.Complete {
			t.Errorf("got %+v, %v", j, err)
		}
	})
	t.Run("of a job whose process was killed before it noticed", func(t *testing.T) {
		abandoned := func(from, to int64) string {
			killed, err := other.Start(t.Context(), spec(from, to))
			e.Must(err)
			claim(killed.ID())
			was, err := other.Cancel(t.Context(), killed.ID())
			if err != nil || was.State != job.Running || claims() == 0 {
				t.Errorf("got %+v, %v", was, err)
			}
			killed.Kill()
			return killed.ID()
		}
		later := e.store("host-3", time.Millisecond)
		id := abandoned(0, 10)
		e.Eventually("the silence", func() bool {
			was, err := later.Cancel(t.Context(), id)
			return err == nil && was.State == job.Canceled
		})
		if claims() != 0 {
			t.Error("a second cancellation leaves the claims")
		}
		id = abandoned(10, 20)
		e.Eventually("the silence", func() bool {
			j, err := later.Find(t.Context(), id)
			return err == nil && j.State == job.Canceled
		})
		run, err := later.Start(t.Context(), spec(20, 30))
		e.Must(err)
		if claims() != 0 {
			t.Error("the next job leaves the claims")
		}
		_, err = run.Finish(nil)
		e.Must(err)
	})
	if _, err := other.Cancel(t.Context(), "20261129t221530-none"); !errors.Is(err, job.ErrUnknown) {
		t.Errorf("of no job: %v", err)
	}
}

func TestRun_Limits(t *testing.T) {
	e := newEnv(t)
	s := e.store("host-1", never)
	t.Run("errors", func(t *testing.T) {
		limited := spec(0, 10)
		limited.Plan.MaxErrors = new(uint64)
		run, err := s.Start(t.Context(), limited)
		e.Must(err)
		e.Must(run.Done(job.Counts{job.NewDeadLetters: 0, job.DeadLettered: 3}))
		err = run.Done(job.Counts{job.NewDeadLetters: 1})
		if !errors.Is(err, job.ErrTooManyErrors) {
			t.Errorf("got %v", err)
		}
		j, err := run.Finish(err)
		if !errors.Is(err, job.ErrTooManyErrors) || j.State != job.Failed || !strings.Contains(err.Error(), "replay resume "+run.ID()) {
			t.Errorf("got %+v, %v", j, err)
		}
	})
	t.Run("rate", func(t *testing.T) {
		limited := spec(0, 10)
		limited.Plan.Rate = 1e-3
		ctx, interrupt := context.WithCancel(t.Context())
		run, err := s.Start(ctx, limited)
		e.Must(err)
		e.Must(run.Wait(1)) // the first is free
		waited := make(chan error)
		go func() { waited <- run.Wait(1) }()
		select {
		case err := <-waited:
			t.Errorf("the second did not wait: %v", err)
		default:
		}
		interrupt()
		if err := <-waited; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		_, _ = run.Finish(context.Canceled)
	})
}

// The source is part of what is compared: a file may have the name of a topic.
func TestStart_OtherSource(t *testing.T) {
	e := newEnv(t)
	s := e.store("host-1", never)
	run, err := s.Start(t.Context(), spec(0, 100))
	e.Must(err)
	file := spec(0, 100)
	file.Source = schemas.SourceFile
	other, err := s.Start(t.Context(), file)
	e.Must(err)
	_, err = other.Finish(nil)
	e.Must(err)
	_, err = run.Finish(nil)
	e.Must(err)
}

// TestStore_ManyFiles resumes a job whose names are larger than ClickHouse's usual limit of a
// statement.
func TestStore_ManyFiles(t *testing.T) {
	e := newEnv(t)
	s := e.store("h", never)
	of := spec(0, 1)
	of.Source, of.Plan.Ranges = schemas.SourceFile, nil
	for i := range 5000 {
		of.Plan.Ranges = append(of.Plan.Ranges, job.Range{Name: fmt.Sprintf("s3://archive/piano/subscriber-events/2025/01/part-%05d.parquet", i), To: 1})
	}
	ctx, interrupt := context.WithCancel(t.Context())
	run, err := s.Start(ctx, of)
	e.Must(err)
	interrupt()
	_, _ = run.Finish(context.Canceled)
	again, err := s.Resume(t.Context(), run.ID(), of.Rules, nil)
	e.Must(err)
	_, err = again.Finish(nil)
	e.Must(err)
}

// TestStore_StartBesideResume has one job that is resumed while another starts over the same
// messages. At most one of them may run.
func TestStore_StartBesideResume(t *testing.T) {
	e := newEnv(t)
	s := e.store("h", never)
	for try := range tier.Times(20, 200) {
		ctx, interrupt := context.WithCancel(t.Context())
		one := spec(0, 10)
		one.Plan.Ranges[0].Name = fmt.Sprint("t", try)
		run, err := s.Start(ctx, one)
		e.Must(err)
		interrupt()
		_, _ = run.Finish(context.Canceled)
		started := make(chan *job.Run)
		go func() {
			select { // each try begins at another moment of the resumption
			case <-time.After(time.Duration(try%10) * 3 * time.Millisecond):
			case <-t.Context().Done():
			}
			other, _ := e.store("g", never).Start(t.Context(), one)
			started <- other
		}()
		resumed, _ := s.Resume(t.Context(), run.ID(), one.Rules, nil)
		other := <-started
		if resumed != nil && other != nil {
			t.Fatalf("try %d: both run over the same messages", try)
		}
		for _, r := range []*job.Run{resumed, other} {
			if r != nil {
				_, err := r.Finish(nil)
				e.Must(err)
			}
		}
	}
}
