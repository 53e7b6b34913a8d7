package replaying

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/schemas"
)

// chunkRows is the setting for the size of a chunk.
const chunkRows = "batch.max_rows"

// Trial is a replay in place under kills.
func Trial() harness.Trial {
	return harness.Trial{
		Name: "replay", Fault: "kill -9 of the replay at work, and resume", Times: 20,
		// A process that was killed is known as such after a few heartbeats. Chunks are
		// small, so that a kill finds many moments.
		Settings: map[string]string{"replay.heartbeat": "250ms", chunkRows: "100"},
		New: func(r *harness.Round) harness.Scenario {
			s := &scenario{Round: r}
			return harness.Scenario{Run: s.run, Publish: s.publish}
		},
	}
}

// changes are those of the rules. The rounds take them in turn.
var changes = []world.Rules{
	{SourceTimezone: "Europe/Copenhagen", ActionSynonyms: map[string]string{"Paused": schemas.AutoRenewDisabled}},
	{SourceTimezone: "America/St_Johns", ActionSynonyms: map[string]string{"Refund issued": schemas.Canceled}},
	{SourceTimezone: "Australia/Lord_Howe", ActionSynonyms: map[string]string{"Paused": schemas.Expired, "Refund issued": schemas.Canceled}},
}

// scenario is one round.
type scenario struct {
	*harness.Round
	quota   harness.Quota // of the publisher
	until   []int64       // where the consumer continued under the later rules
	support *support      // acts from the change of the rules to the end of the replay
	job     string        // id of the replay; empty before it has started
	step    int64         // messages that the publisher sends for each kill
}

func (s *scenario) publish(ctx context.Context) error { return s.PublishWhen(ctx, s.quota.Allows) }

// run reads most of the world, changes the rules, and replays while the rest is published
// and support acts.
func (s *scenario) run(ctx context.Context, b harness.Bounds) (kills int, err error) {
	total := int64(s.World.Total())
	first := total * 4 / 5
	s.step = max(1, (total-first)/10)
	if err := s.ingest(ctx, first); err != nil {
		return 0, err
	}
	after := changes[s.Seed%uint64(len(changes))]
	moves, err := s.World.Moves(world.Rules{}, after)
	if err != nil {
		return 0, err
	}
	reader, moved := newReader(s.Conn, moves, s.until)
	if moved == 0 {
		return 0, errors.New("no message moves under the later rules")
	}
	s.Count("messages moved", moved)
	if err := s.change(after); err != nil {
		return 0, err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	group, replaying := errgroup.WithContext(watching)
	group.Go(func() error { return reader.run(replaying) })
	group.Go(func() error { return s.support.run(replaying) })
	group.Go(func() error {
		defer stop() // the reader has seen everything
		if err := s.StartConsumer(replaying); err != nil {
			return err
		}
		kills, err = s.replay(replaying, b)
		return err
	})
	if err := group.Wait(); err != nil {
		return kills, err
	}
	s.Count("polls of the view", reader.polls)
	if reader.polls == 0 {
		return kills, errors.New("the view was never polled")
	}
	if err := s.setTruth(after); err != nil {
		return kills, err
	}
	s.quota.Lift()
	if err := s.Until(ctx, "the end of the stream", []*harness.Process{s.Consumer}, s.AllCovered); err != nil {
		return kills, err
	}
	// The stream and the API agree: what support has done is in both.
	_, err = s.Pianola(ctx, harness.StatusDone, "reconcile")
	return kills, err
}

// ingest has the consumer read the first messages under the default rules.
func (s *scenario) ingest(ctx context.Context, messages int64) error {
	s.quota.Add(messages)
	if err := s.StartConsumer(ctx); err != nil {
		return err
	}
	committed := func(ctx context.Context) (bool, error) {
		at, err := s.Offsets(ctx)
		if err != nil {
			return false, nil //nolint:nilerr // the coordinator may be moving: asked again
		}
		sum := int64(0)
		for _, offset := range at {
			sum += max(0, offset)
		}
		s.until = at
		return sum == messages, nil
	}
	if err := s.Until(ctx, "the first messages committed", []*harness.Process{s.Consumer}, committed); err != nil {
		return err
	}
	for p := range s.until {
		s.until[p] = max(0, s.until[p])
	}
	return s.Consumer.Drain(ctx)
}

// change sets the later rules for all processes and the audit, and opens support.
func (s *scenario) change(after world.Rules) error {
	s.Config.Transform.SourceTimezone, s.Config.Transform.ActionSynonyms = after.SourceTimezone, after.ActionSynonyms
	var pairs []string
	for _, text := range slices.Sorted(maps.Keys(after.ActionSynonyms)) {
		pairs = append(pairs, text+":"+after.ActionSynonyms[text])
	}
	s.Settings["transform.source_timezone"], s.Settings["transform.action_synonyms"] = after.SourceTimezone, strings.Join(pairs, ",")
	truth, err := s.World.TruthAfterReplay(world.Replay{After: after, Until: s.until})
	if err != nil {
		return fmt.Errorf("the truth before support acts: %w", err)
	}
	s.support, err = openSupport(s.Round, truth)
	return err
}

// setTruth sets the truth after the replay. Support must have ended.
func (s *scenario) setTruth(after world.Rules) error {
	truth, err := s.World.TruthAfterReplay(world.Replay{After: after, Until: s.until, Additions: s.support.additions()})
	if err != nil {
		return fmt.Errorf("the truth after the replay: %w", err)
	}
	s.SetTruth(truth)
	return nil
}
