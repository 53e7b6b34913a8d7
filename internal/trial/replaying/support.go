package replaying

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/care"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
)

// support acts for subscribers through the simulated Piano, with the commands of the binary
// and with the actions of customer care. Each action adds events to the topic, between the
// messages of the world.
type support struct {
	*harness.Round
	publisher *pianoapi.Publisher
	desk      *care.Desk
	producer  *kgo.Client
	ids       []string // of subscriptions that nobody has acted on, in random order

	mu    sync.Mutex
	added []world.Addition // to the topic; complete when run has returned

	resumed, upgraded, cared atomic.Int64
}

// openSupport starts a Piano whose subscriptions are those of the truth, and sets it in the
// configuration of the processes.
func openSupport(r *harness.Round, truth *world.Truth) (*support, error) {
	s := &support{Round: r}
	var err error
	if s.producer, err = r.NewProducer(kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil))); err != nil {
		return nil, err
	}
	r.OnClose(s.producer.Close)
	s.publisher = pianoapi.NewPublisher(r.World, truth, pianoapi.PublisherConfig{Seed: r.Seed, Produce: s.produce})
	s.desk = care.New(s.publisher, care.Config{Seed: r.Seed})
	api, err := pianoapi.Start(pianoapi.Config{}, s.desk)
	if err != nil {
		return nil, err
	}
	r.OnClose(func() { _ = api.Close() }) // every command has ended
	for key, value := range map[string]string{
		"piano.base_url": api.BaseURL(), "piano.reports_url": api.ReportsURL(), "piano.aid": api.AID(), "piano.api_token": api.Token(),
		"piano.rate": "1000", "reconcile.interval": "0s", "reconcile.settle": "0s",
	} {
		r.Settings[key] = value
	}
	for k := range truth.Known() {
		// Of the others an event, the user or the state is not certain.
		certain := len(k.Facts) > 0 && k.ID == k.Stored && k.UserID != "" && k.RowUser == k.UserID && !strings.Contains(k.UserID, "@")
		if certain && !k.Internal && !k.Filtered && !k.Refused {
			s.ids = append(s.ids, k.ID)
		}
	}
	dice := rand.New(rand.NewPCG(r.Seed, 11))
	dice.Shuffle(len(s.ids), func(i, j int) { s.ids[i], s.ids[j] = s.ids[j], s.ids[i] })
	return s, nil
}

// produce sends one event, and notes where it stands in the topic.
func (s *support) produce(ctx context.Context, key, value []byte, at time.Time) error {
	event, err := pianoapi.ParseEvent(value)
	if err != nil {
		return err
	}
	record := &kgo.Record{Key: key, Value: value, Timestamp: at}
	if err := s.producer.ProduceSync(ctx, record).FirstErr(); err != nil {
		return fmt.Errorf("publish an event of support: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added = append(s.added, world.Addition{
		Position: world.Position{Partition: record.Partition, Offset: record.Offset}, Stamp: at.UnixMilli(), Event: event,
	})
	return nil
}

func (s *support) additions() []world.Addition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.added
}

// run acts until ctx ends, which is no error. It completes an action that has begun.
func (s *support) run(ctx context.Context) error {
	for action := 0; ctx.Err() == nil; action++ {
		act := s.resume
		switch action % 3 {
		case 1:
			act = s.upgrade
		case 2:
			act = s.care
		}
		if err := act(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	s.Count("subscriptions resumed", int(s.resumed.Load()))
	s.Count("subscriptions upgraded", int(s.upgraded.Load()))
	s.Count("actions of customer care", int(s.cared.Load()))
	return nil
}

// hasActed says whether all kinds of actions have been done.
func (s *support) hasActed(context.Context) (bool, error) {
	return s.resumed.Load() > 0 && s.upgraded.Load() > 0 && s.cared.Load() > 0, nil
}

// care cancels a subscription: at once, with a refund, or at the end of its period.
func (s *support) care(ctx context.Context) error {
	one, err := s.take("to cancel", func(one pianoapi.Subscription) bool { return one.Active && one.Status == "active" })
	if err != nil {
		return err
	}
	off, kind := false, s.cared.Load()%2
	detailed, _ := s.desk.Get(one.ID)
	switch {
	case detailed.DeferredCancelable:
		_, err = s.desk.CancelDeferred(ctx, one.ID)
	case kind == 0 && detailed.AutoRenewChangeEnabled:
		_, err = s.desk.Update(ctx, one.ID, &off, nil)
	default:
		_, err = s.desk.Cancel(ctx, one.ID, detailed.Refundable)
	}
	if err != nil {
		return fmt.Errorf("cancel %s: %w", one.ID, err)
	}
	s.cared.Add(1)
	return nil
}

// resume resumes a dynamic subscription that has ended or will end, or a paying one whose
// subscriber has just turned off the renewal.
func (s *support) resume(ctx context.Context) error {
	one, err := s.take("to resume", func(one pianoapi.Subscription) bool {
		return one.CanBeResumed || one.AutoRenewChangeEnabled && one.AutoRenew && one.Status == "active"
	})
	if err != nil {
		return err
	}
	if !one.CanBeResumed {
		off := false
		if _, err := s.publisher.Update(ctx, one.ID, &off, nil); err != nil {
			return fmt.Errorf("turn off the renewal of %s: %w", one.ID, err)
		}
	}
	o, err := s.act(ctx, "subscription", "resume", "--subscription", one.ID, "--execute")
	if err != nil {
		return err
	}
	if o.Status != harness.StatusDone {
		return fmt.Errorf("resume %s: exit status %d: its output:\n%s\n%s", one.ID, o.Status, o.Stdout, o.Stderr)
	}
	s.resumed.Add(1)
	return nil
}

// upgrade changes the term of a subscription at once.
func (s *support) upgrade(ctx context.Context) error {
	one, err := s.take("to upgrade", func(one pianoapi.Subscription) bool {
		can, err := s.publisher.CanChange(one.ID)
		return err == nil && can && one.Active && len(one.Term.ChangeOptions) > 0
	})
	if err != nil {
		return err
	}
	o, err := s.act(ctx, "subscription", "upgrade", "--subscription", one.ID, "--from-term", one.Term.ID, "--to-term", one.Term.ChangeOptions[0].ToTerm,
		"--wait", "10s", "--execute")
	if err != nil {
		return err
	}
	// Piano may show an upgraded subscription as deleted. Then the outcome is unknown.
	now, _ := s.publisher.Get(one.ID)
	if o.Status != harness.StatusDone && (o.Status != harness.StatusFailed || now.Status != "deleted") {
		return fmt.Errorf("upgrade %s: exit status %d, and Piano says %s: its output:\n%s\n%s", one.ID, o.Status, now.Status, o.Stdout, o.Stderr)
	}
	s.upgraded.Add(1)
	return nil
}

// act runs a command that changes something in Piano. One that has sent nothing, since
// ClickHouse did not answer in time on a busy machine, is repeated, as a person would do.
func (s *support) act(ctx context.Context, arguments ...string) (o harness.Output, err error) {
	for range 3 {
		o, err = s.Command(ctx, arguments...)
		if err != nil || o.Status != harness.StatusFailed || !bytes.Contains(o.Stderr, []byte("no request was sent to Piano")) {
			break
		}
	}
	return o, err
}

// take returns a subscription that fits, and that nobody has acted on.
func (s *support) take(what string, fits func(pianoapi.Subscription) bool) (pianoapi.Subscription, error) {
	for i, id := range s.ids {
		if one, there := s.publisher.Get(id); there && fits(one) {
			s.ids = append(s.ids[:i], s.ids[i+1:]...)
			return one, nil
		}
	}
	return pianoapi.Subscription{}, fmt.Errorf("the world has no subscription %s: give it more subscribers", what)
}
