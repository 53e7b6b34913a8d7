package trial_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/apachekafka"
	"github.com/pianola/pianola/internal/trial"
)

// tiny is a trial that takes seconds, of a world of about 2,000 messages.
func tiny(seed uint64) trial.Plan { return trial.Plan{Seed: seed, Times: 3, Subscribers: 400} }

func open(t *testing.T, kafka trial.Kafka) *trial.Stage {
	t.Helper()
	// A first start may have to fetch what it runs.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	stage, err := trial.Open(ctx, kafka, func(sentence string) { t.Log(sentence) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stage.Close(); err != nil {
			t.Error(err)
		}
	})
	return stage
}

// wantHolds makes every trial that the broker allows, in its smallest form.
func wantHolds(t *testing.T, kafka trial.Kafka) {
	stage := open(t, kafka)
	for _, one := range trial.All() {
		if !one.Runs(kafka) {
			continue
		}
		t.Run(one.Name, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			result, err := stage.Run(t.Context(), one, tiny(seed))
			if err != nil {
				t.Fatal(err)
			}
			t.Log(result)
			if !result.Holds || result.Times < 3 || result.Messages == 0 {
				t.Errorf("seed %d: the promise does not hold, or nothing was tried", seed)
			}
		})
	}
}

func TestTrials_Embedded(t *testing.T) { wantHolds(t, trial.Embedded) }

func TestTrials_Apache(t *testing.T) {
	if err := apachekafka.Available(); err != nil {
		if os.Getenv("PIANOLA_TEST_NO_SKIP") != "" { // .ci/run: everything is there, or that is the failure
			t.Fatal(err)
		}
		t.Skipf("this test runs Apache Kafka: %v", err)
	}
	wantHolds(t, trial.Apache)
}
