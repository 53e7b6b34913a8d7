package pianoapi_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// TestParseEvent_agrees_with_the_stages: the row of every kind of action is what the stages
// make of its event.
func TestParseEvent_agrees_with_the_stages(t *testing.T) {
	cfg := world.Defaults()
	cfg.Seed, cfg.Subscribers = 2, 600
	w, err := world.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	stages := rules.NewWorker()
	actions, trials, amounts := map[string]int{}, 0, 0
	publisher := pianoapi.NewPublisher(w, w.Truth(), pianoapi.PublisherConfig{
		Seed: 2, Lag: time.Millisecond,
		Produce: func(_ context.Context, _, value []byte, at time.Time) error {
			got, err := pianoapi.ParseEvent(value)
			if err != nil {
				return err
			}
			result := stages.Apply(value, at.Add(time.Hour))
			if result.Outcome != transform.Stored {
				t.Fatalf("%s is not stored: %+v", value, result)
			}
			want := result.Event.Clone()
			want.ID = schemas.EventID{}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\ngot  %+v\nwant %+v", value, got, want)
			}
			actions[string(got.SubscriptionAction)]++
			if got.TrialPeriodEndedAt.Valid {
				trials++
			}
			if got.TransactionValue.Valid {
				amounts++
			}
			return nil
		},
	})
	for range 1500 {
		if err := publisher.Act(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := publisher.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(actions) < 10 || trials == 0 || amounts == 0 {
		t.Errorf("actions %v, %d trials, %d amounts: want more kinds", actions, trials, amounts)
	}
	if _, err := pianoapi.ParseEvent([]byte(`{"event_timestamp":"yesterday"}`)); err == nil {
		t.Error("a timestamp that the publisher does not write")
	}
}
