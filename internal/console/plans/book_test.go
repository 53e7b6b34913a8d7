package plans_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/console/plans"
	"github.com/pianola/pianola/internal/progress"
)

// counter is a task that counts its executions.
type counter struct {
	executed   atomic.Int64
	fails      error
	release    chan struct{} // nil: the execution ends at once
	together   *atomic.Int64
	concurrent bool
}

func (c *counter) Plan(_ context.Context, report progress.Func) (any, error) {
	report.Report(progress.Step{Name: "look"})
	return "two rows", c.fails
}

func (c *counter) Execute(ctx context.Context, _ plans.Confirmation, _ progress.Func) (any, error) {
	if c.together != nil {
		c.concurrent = c.together.Add(1) > 1
		defer c.together.Add(-1)
	}
	c.executed.Add(1)
	if c.release != nil {
		select {
		case <-c.release:
		case <-ctx.Done():
			return "one row", ctx.Err()
		}
	}
	return "two rows changed", nil
}

func running(t *testing.T) (*plans.Book, func()) {
	b := plans.NewBook(time.Now, zap.NewNop(), func() {})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	return b, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func mustAdd(t *testing.T, b *plans.Book, task plans.Task) string {
	t.Helper()
	id, err := b.Add("somebody", task)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestBook_ConfirmedByManyIsExecutedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := running(t)
		defer stop()
		task := &counter{}
		id := mustAdd(t, b, task)
		synctest.Wait()
		if p, err := b.Find(id); err != nil || p.State != plans.Ready || p.Planned != "two rows" || task.executed.Load() != 0 {
			t.Fatalf("planned: %+v, %v", p, err)
		}
		var firsts atomic.Int64
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				first, err := b.Confirm(id, plans.Confirmation{By: strconv.Itoa(i), Why: "test"})
				if err != nil {
					t.Error(err)
				}
				if first {
					firsts.Add(1)
				}
			})
		}
		group.Wait()
		synctest.Wait()
		if p, err := b.Find(id); err != nil || p.State != plans.Done || p.Result != "two rows changed" || firsts.Load() != 1 || task.executed.Load() != 1 {
			t.Errorf("%+v, %v; %d first confirmations, %d executions", p, err, firsts.Load(), task.executed.Load())
		}
	})
}

func TestBook_WorkRunsOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := running(t)
		defer stop()
		release, together := make(chan struct{}), new(atomic.Int64)
		tasks := []*counter{{release: release, together: together}, {release: release, together: together}}
		ids := []string{mustAdd(t, b, tasks[0]), mustAdd(t, b, tasks[1])}
		synctest.Wait()
		for _, id := range ids {
			if first, err := b.Confirm(id, plans.Confirmation{}); !first || err != nil {
				t.Fatal(first, err)
			}
		}
		synctest.Wait()
		if p, _ := b.Find(ids[1]); p.State != plans.Waiting {
			t.Errorf("the second is %s", p.State)
		}
		close(release)
		synctest.Wait()
		for i, id := range ids {
			if p, _ := b.Find(id); p.State != plans.Done || tasks[i].concurrent {
				t.Errorf("%+v, together with another: %t", p, tasks[i].concurrent)
			}
		}
	})
}

func TestBook_RefusesWhatIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := plans.NewBook(time.Now, zap.NewNop(), func() {})
		id := mustAdd(t, b, &counter{fails: errors.New("kafka does not answer")})
		if _, err := b.Confirm(id, plans.Confirmation{}); !errors.Is(err, plans.ErrNotReady) {
			t.Errorf("not yet planned: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		synctest.Wait()
		if _, err := b.Confirm(id, plans.Confirmation{}); !errors.Is(err, plans.ErrNotReady) {
			t.Errorf("the plan has failed: %v", err)
		}
		if p, _ := b.Find(id); p.State != plans.Failed || p.Problem != "kafka does not answer" {
			t.Errorf("%+v", p)
		}
		if _, err := b.Confirm("unknown", plans.Confirmation{}); !errors.Is(err, plans.ErrUnknown) {
			t.Errorf("unknown: %v", err)
		}
		cancel()
		<-ended
	})
}

func TestBook_ForgetsOldPlansAndHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := running(t)
		defer stop()
		old := mustAdd(t, b, &counter{})
		synctest.Wait()
		timer := time.NewTimer(61 * time.Minute)
		<-timer.C
		for range 100 {
			mustAdd(t, b, &counter{})
		}
		if _, err := b.Find(old); !errors.Is(err, plans.ErrUnknown) {
			t.Errorf("an old plan: %v", err)
		}
		if _, err := b.Add("somebody", &counter{}); !errors.Is(err, plans.ErrFull) {
			t.Errorf("too many: %v", err)
		}
	})
}

func TestBook_EndOfTheProcessEndsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := running(t)
		id := mustAdd(t, b, &counter{release: make(chan struct{})})
		synctest.Wait()
		if _, err := b.Confirm(id, plans.Confirmation{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop()
		if p, err := b.Find(id); err != nil || p.State != plans.Failed || p.Result != "one row" {
			t.Errorf("%+v, %v", p, err)
		}
	})
}
