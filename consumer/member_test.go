package consumer_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/pianola/pianola/consumer"
)

// member is one Run, whose generations a test takes one after another.
type member struct {
	t    testing.TB
	stop context.CancelFunc
	gens chan *held
	done chan error
}

// held is a generation whose handler waits for the test to let it return.
type held struct {
	*consumer.Generation
	ctx context.Context
	ret chan error
}

func startMember(t testing.TB, cfg consumer.Config, hooks consumer.Hooks) *member {
	t.Helper()
	c := newConsumer(t, cfg, hooks)
	ctx, stop := context.WithCancel(context.Background())
	m := &member{t: t, stop: stop, gens: make(chan *held, 100), done: make(chan error, 1)}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		m.done <- c.Run(ctx, func(ctx context.Context, g *consumer.Generation) error {
			h := &held{g, ctx, make(chan error, 1)}
			m.gens <- h
			return <-h.ret
		})
	}()
	t.Cleanup(func() {
		stop()
		for {
			select {
			case h := <-m.gens:
				h.give(nil)
			case <-finished:
				return
			}
		}
	})
	return m
}

// give lets the handler return; a second time changes nothing.
func (h *held) give(err error) {
	select {
	case h.ret <- err:
	default:
	}
}

// generation waits for the next generation of that many partitions, and lets
// those before it go.
func (m *member) generation(partitions int) *held {
	m.t.Helper()
	for {
		h := await(m.t, m.gens)
		m.t.Cleanup(func() { h.give(nil) })
		if len(h.Assignments) == partitions {
			return h
		}
		h.give(nil)
	}
}

func positions(h *held, offset int64) []consumer.Position {
	var all []consumer.Position
	for _, a := range h.Assignments {
		all = append(all, consumer.Position{Topic: a.Topic, Partition: a.Partition, Offset: offset})
	}
	return all
}

func committed(t testing.TB, cluster *kfake.Cluster, topic string, partition int32) (offset int64, metadata string) {
	t.Helper()
	admin := kadm.NewClient(newProducer(t, cluster.ListenAddrs()))
	offsets, err := admin.FetchOffsets(testContext(t), "test-group")
	if err != nil {
		t.Fatal(err)
	}
	o, ok := offsets.Lookup(topic, partition)
	if !ok {
		return -1, ""
	}
	return o.At, o.Metadata
}

// kindList collects the error kinds that hooks receive.
type kindList struct {
	mu   sync.Mutex
	all  []consumer.ErrorKind
	wake chan struct{}
}

func (k *kindList) add(kind consumer.ErrorKind) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, kind)
	if k.wake != nil {
		close(k.wake)
		k.wake = nil
	}
}

func (k *kindList) await(t testing.TB, kind consumer.ErrorKind, n int) {
	t.Helper()
	for {
		k.mu.Lock()
		seen := 0
		for _, got := range k.all {
			if got == kind {
				seen++
			}
		}
		if k.wake == nil {
			k.wake = make(chan struct{})
		}
		wake := k.wake
		k.mu.Unlock()
		if seen >= n {
			return
		}
		await(t, wake)
	}
}

func (k *kindList) list() []consumer.ErrorKind {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.all)
}

func (k *kindList) has(kind consumer.ErrorKind) bool { return slices.Contains(k.list(), kind) }
