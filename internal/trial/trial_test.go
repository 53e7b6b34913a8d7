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
	"github.com/pianola/pianola/internal/trial/faults"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/trial/recordforms"
	"github.com/pianola/pianola/internal/trial/replaying"
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

// wantHolds runs a trial in a form that takes seconds: three faults, of a world of about
// 2,000 messages.
func wantHolds(t *testing.T, e *harness.Env, one harness.Trial) {
	t.Helper()
	plan := harness.Plan{Seed: tier.Seed(), Times: 3, Subscribers: 400}
	result, err := e.Run(t.Context(), one, plan)
	if errors.Is(err, harness.ErrUnavailable) {
		tier.Needs(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Log(result)
	if !result.Holds || result.Times < plan.Times || result.Messages == 0 {
		t.Errorf("seed %d: the promise does not hold, or too little was tried", plan.Seed)
	}
	var forms []string
	switch one.Name {
	case "forms":
		forms = recordforms.Forms(e.Kind)
	case "uncommitted":
		forms = []string{"records aborted"}
	}
	for _, form := range forms {
		if result.Kinds[form] == 0 {
			t.Errorf("the stream has no %s", form)
		}
	}
}

// leftOut are the trials that this test does not run, and why.
var leftOut = map[string]string{
	"memory": "its backlogs are not small in any form",
	"soak":   "growth shows only over minutes",
	"disk":   "it mounts a disk, which not every machine that runs tests allows",
	"broker": "each of its faults takes many seconds",
}

// TestTrials_Embedded shares one environment, because its start takes longest. Trials that
// put faults on the shared broker's connections run alone; the others mostly wait.
func TestTrials_Embedded(t *testing.T) {
	tier.Full(t, "runs processes under faults")
	e := open(t, harness.Embedded)
	for _, one := range append(All(), recordforms.Uncommitted()) {
		if leftOut[one.Name] != "" {
			continue
		}
		t.Run(one.Name, func(t *testing.T) {
			if one.Name != "kafka" && one.Name != "network" {
				t.Parallel()
			}
			wantHolds(t, e, one)
		})
	}
}

// TestTrials_Apache runs three trials with the broker that users run: the embedded one's
// cleaner and its timestamps are not Kafka's. The command runs all of them with both.
func TestTrials_Apache(t *testing.T) {
	tier.Full(t, "starts Apache Kafka")
	tier.Needs(t, apachekafka.Available())
	e := open(t, harness.Apache)
	for _, one := range []harness.Trial{faults.Kill(), recordforms.Trial(), replaying.Trial()} {
		t.Run(one.Name, func(t *testing.T) { wantHolds(t, e, one) })
	}
}
