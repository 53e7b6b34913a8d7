package trial

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/apachekafka"
)

func openStage(t *testing.T, kafka Kafka) *Stage {
	t.Helper()
	// A first start may have to fetch what it runs.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	stage, err := Open(ctx, kafka, func(sentence string) { t.Log(sentence) })
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

// wantHolds makes the chosen trials in a form that takes seconds: three faults, of
// a world of about 2,000 messages.
func wantHolds(t *testing.T, stage *Stage, chosen func(Trial) bool) {
	for _, one := range All() {
		if !one.Runs(stage.kind) || !chosen(one) {
			continue
		}
		t.Run(one.Name, func(t *testing.T) {
			plan := Plan{Seed: uint64(time.Now().UnixNano()), Times: 3, Subscribers: 400}
			result, err := stage.Run(t.Context(), one, plan)
			if errors.Is(err, ErrNotHere) {
				leaveOut(t, err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Log(result)
			if !result.Holds || result.Times < plan.Times || result.Messages == 0 {
				t.Errorf("seed %d: the promise does not hold, or too little was tried", plan.Seed)
			}
			if one.Name == "forms" {
				wantForms(t, stage.kind, result.Kinds)
			}
		})
	}
}

// leaveOut skips what this machine does not allow. In .ci/run everything is there,
// or that is the failure.
func leaveOut(t *testing.T, why error) {
	t.Helper()
	if os.Getenv("PIANOLA_TEST_NO_SKIP") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// withTheCommandOnly are the trials that the test leaves to the command, and why.
var withTheCommandOnly = map[string]string{
	"memory": "its backlogs are not small in any form",
	"soak":   "growth shows only over minutes",
	"disk":   "it mounts a disk, which not every machine that runs tests allows",
	"broker": "each of its faults takes many seconds",
}

// TestStage_Embedded shares one stage, for its start is the dearest part of it.
func TestStage_Embedded(t *testing.T) {
	stage := openStage(t, Embedded)
	wantHolds(t, stage, func(one Trial) bool { return withTheCommandOnly[one.Name] == "" })
	t.Run("forms_uncommitted", func(t *testing.T) { wantUncommitted(t, stage) })
	t.Run("broken", func(t *testing.T) { wantBroken(t, stage) })
	t.Run("process_ends", func(t *testing.T) { wantEnded(t, stage) })
}

// TestStage_Apache makes those that the embedded broker cannot, or not wholly (its
// cleaner and its timestamps are not Kafka's), and one beside, with the broker that
// people run. The command makes all of them with both.
func TestStage_Apache(t *testing.T) {
	if err := apachekafka.Available(); err != nil {
		if os.Getenv("PIANOLA_TEST_NO_SKIP") != "" { // .ci/run: everything is there, or that is the failure
			t.Fatal(err)
		}
		t.Skipf("this test runs Apache Kafka: %v", err)
	}
	wantHolds(t, openStage(t, Apache), func(one Trial) bool {
		return one.Name == "kill" || one.Name == "forms"
	})
}
