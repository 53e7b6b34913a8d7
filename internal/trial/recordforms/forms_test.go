package recordforms

import (
	"context"
	"maps"
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

func TestForms_Embedded(t *testing.T) {
	tier.Full(t, "runs processes under faults")
	e := open(t, harness.Embedded)
	wantForms(t, e)
	t.Run("uncommitted", func(t *testing.T) { wantUncommitted(t, e) })
}

// TestForms_Apache: the embedded broker's cleaner and its timestamps are not Kafka's.
func TestForms_Apache(t *testing.T) {
	tier.Full(t, "starts Apache Kafka")
	if err := apachekafka.Available(); err != nil {
		if os.Getenv("PIANOLA_TEST_NO_SKIP") != "" { // .ci/run: everything is there, or that is the failure
			t.Fatal(err)
		}
		t.Skipf("this test runs Apache Kafka: %v", err)
	}
	wantForms(t, open(t, harness.Apache))
}

// wantUncommitted is a consumer that reads what has not been committed. Aborted records
// come to the tables, and nothing else changes.
func wantUncommitted(t *testing.T, e *harness.Env) {
	uncommitted := Trial()
	uncommitted.Name, uncommitted.Settings = "uncommitted", maps.Clone(settings)
	uncommitted.Settings["kafka.isolation"] = "read_uncommitted"
	plan := harness.Plan{Seed: uint64(time.Now().UnixNano()), Times: 2, Subscribers: 200}
	result, err := e.Run(t.Context(), uncommitted, plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(result)
	if !result.Holds || result.Kinds["records aborted"] == 0 {
		t.Errorf("seed %d: the promise does not hold, or nothing was aborted", plan.Seed)
	}
}

// wantForms runs a short trial, and checks that it had every form that the broker allows.
// kfake keeps the producer's timestamps, and drops a batch that it has emptied.
func wantForms(t *testing.T, e *harness.Env) {
	plan := harness.Plan{Seed: uint64(time.Now().UnixNano()), Times: 3, Subscribers: 400}
	result, err := e.Run(t.Context(), Trial(), plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(result)
	if !result.Holds || result.Times < plan.Times {
		t.Errorf("seed %d: the promise does not hold, or too little was tried", plan.Seed)
	}
	var want []string
	for _, c := range codecs {
		want = append(want, "batches "+c.name)
	}
	for _, k := range keyForms {
		want = append(want, "keys "+k.name)
	}
	for _, h := range headerForms {
		want = append(want, "headers "+h.name)
	}
	for _, v := range append(append([]invalidValue(nil), invalidValues...), largeValues...) {
		want = append(want, "values "+v.name)
	}
	if e.Kind == harness.Apache {
		want = append(want, "timestamps of the broker", "batches that compaction has emptied")
	}
	for _, form := range append(want, "batches of one record", "batches of a thousand and more", "markers",
		"transactions committed", "transactions aborted", "transactions left open for a while", "records aborted",
		"records that compaction took away", "timestamps absurd", "values with Confluent's prefix") {
		if result.Kinds[form] == 0 {
			t.Errorf("the stream has no %s", form)
		}
	}
}
