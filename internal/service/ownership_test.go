package service

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pianola/pianola/consumer"
)

const topic = "events"

var (
	first  = []consumer.Assignment{{Topic: topic, Partition: 1}, {Topic: topic, Partition: 0}}
	others = []consumer.Assignment{{Topic: topic, Partition: 1}, {Topic: "another", Partition: 0}}
)

func TestOwnership_OnlyPartition0OfTheFirstTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOwnership(topic, time.Minute)
		holds := func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, release, err := o.hold(ctx)
			if err == nil {
				release()
			}
			return err == nil
		}
		if holds() {
			t.Error("it is ours before anything was assigned")
		}
		for _, assignments := range [][]consumer.Assignment{nil, others} {
			if o.assigned(assignments); holds() {
				t.Errorf("%v makes it ours", assignments)
			}
		}
		if o.assigned(first); !holds() {
			t.Errorf("%v does not make it ours", first)
		}
	})
}

func TestOwnership_LossCancelsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOwnership(topic, time.Minute)
		go func() { o.assigned(first) }()
		held, release, err := o.hold(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		state := func(want error) {
			t.Helper()
			synctest.Wait()
			if got := context.Cause(held); !errors.Is(got, want) {
				t.Fatalf("ended by %v, want %v", got, want)
			}
		}
		// Rebalances that give it back do not end anything, however many.
		for range 3 {
			o.startGrace()
			pass(59 * time.Second)
			state(nil)
			o.assigned(first)
			pass(time.Hour)
			state(nil)
		}
		o.startGrace()
		o.assigned(others)
		state(errLost)

		// Gained again, and lost because no generation follows.
		o.assigned(first)
		held, release, err = o.hold(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		o.startGrace()
		pass(61 * time.Second)
		state(errLost)
	})
}

func TestOwnership_CallsWrappedHooks(t *testing.T) {
	o := newOwnership(topic, time.Minute)
	var started, ended int
	hooks := o.watch(consumer.Hooks{
		OnGenerationStart: func(_ int32, a []consumer.Assignment) { started += len(a) },
		OnGenerationEnd:   func(int32, time.Duration) { ended++ },
	})
	hooks.OnGenerationStart(1, others)
	hooks.OnGenerationEnd(1, 0)
	if started != len(others) || ended != 1 {
		t.Errorf("%d assignments and %d ends were reported", started, ended)
	}
	hooks = o.watch(consumer.Hooks{})
	hooks.OnGenerationStart(2, nil)
	hooks.OnGenerationEnd(2, 0)
}

// pass lets so much of a bubble's time go by.
func pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}
