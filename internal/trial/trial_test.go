package trial

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/apachekafka"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/trial/harness"
)

func TestMain(m *testing.M) {
	clickhouse.ServeIfChild()
	os.Exit(m.Run())
}

func open(t *testing.T, kafka harness.Kafka) *harness.Env {
	t.Helper()
	// A first start may have to fetch what it runs.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	e, err := harness.Open(ctx, kafka, func(sentence string) { t.Log(sentence) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// wantHolds runs the chosen trials in a form that takes seconds: three faults, of a world
// of about 2,000 messages.
func wantHolds(t *testing.T, e *harness.Env, chosen func(harness.Trial) bool) {
	ran := 0
	for _, one := range All() {
		if !one.Runs(e.Kind) || !chosen(one) {
			continue
		}
		ran++
		t.Run(one.Name, func(t *testing.T) {
			plan := harness.Plan{Seed: uint64(time.Now().UnixNano()), Times: 3, Subscribers: 400}
			result, err := e.Run(t.Context(), one, plan)
			if errors.Is(err, harness.ErrUnavailable) {
				skip(t, err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Log(result)
			if !result.Holds || result.Times < plan.Times || result.Messages == 0 {
				t.Errorf("seed %d: the promise does not hold, or too little was tried", plan.Seed)
			}
		})
	}
	if ran == 0 {
		t.Error("no trial was chosen")
	}
}

// skip skips what this machine does not allow. In .ci/run everything is there, or that is
// the failure.
func skip(t *testing.T, why error) {
	t.Helper()
	if os.Getenv("PIANOLA_TEST_NO_SKIP") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// leftOut are the trials that this test does not run, and why.
var leftOut = map[string]string{
	"memory": "it reads a gigabyte; .ci/run runs it",
	"soak":   "growth shows only over minutes",
	"disk":   "it mounts a disk, which not every machine that runs tests allows",
	"broker": "each of its faults takes many seconds",
	"forms":  "the test of its package runs it",
}

// TestTrials_Embedded shares one environment, because its start takes longest.
func TestTrials_Embedded(t *testing.T) {
	tier.Full(t, "runs processes under faults")
	wantHolds(t, open(t, harness.Embedded), func(one harness.Trial) bool { return leftOut[one.Name] == "" })
}

// TestTrials_Apache runs one trial with the broker that users run. The command runs all of
// them with both.
func TestTrials_Apache(t *testing.T) {
	tier.Full(t, "starts Apache Kafka")
	if err := apachekafka.Available(); err != nil {
		skip(t, err)
	}
	wantHolds(t, open(t, harness.Apache), func(one harness.Trial) bool { return one.Name == "kill" })
}
