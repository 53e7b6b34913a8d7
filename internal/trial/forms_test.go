package trial

import (
	"testing"
	"time"
)

// wantUncommitted is what becomes of a consumer that is told to read what has not
// been committed: all that was aborted comes to the tables, and nothing else is
// other than it is without.
func wantUncommitted(t *testing.T, stage *Stage) {
	settings := formsSettings()
	settings["kafka.isolation"] = "read_uncommitted"
	uncommitted := Trial{Name: "uncommitted", run: forms, tell: tellForms, settings: settings}
	plan := Plan{Seed: uint64(time.Now().UnixNano()), Times: 2, Subscribers: 200}
	result, err := stage.Run(t.Context(), uncommitted, plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(result)
	if !result.Holds || result.Kinds["records aborted"] == 0 {
		t.Errorf("seed %d: the promise does not hold, or nothing was aborted", plan.Seed)
	}
}

// wantForms asks that even a short stream had every form that the broker allows.
// kfake leaves timestamps to the producer, and drops a batch that it has emptied.
func wantForms(t *testing.T, kafka Kafka, told map[string]int) {
	t.Helper()
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
	for _, s := range append(append([]strayForm(nil), strays...), largeStrays...) {
		want = append(want, "values "+s.name)
	}
	if kafka == Apache {
		want = append(want, "timestamps of the broker", "batches that compaction has emptied")
	}
	for _, form := range append(want, "batches of one record", "batches of a thousand and more", "markers",
		"transactions committed", "transactions aborted", "transactions left open for a while", "records aborted",
		"records that compaction took away", "timestamps absurd", "values with Confluent's prefix") {
		if told[form] == 0 {
			t.Errorf("nobody has told %s", form)
		}
	}
}
