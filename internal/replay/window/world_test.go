package window_test

import (
	"testing"

	"github.com/pianola/pianola/internal/replay/window"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

// A world is ingested by wrong rules and replayed by the right ones: the views and the
// tables equal the truth. The ledger still says what the consumer did.
func TestExecute_BecomesTheTruth(t *testing.T) {
	tier.Full(t, "ingests a world twice")
	testbed.NoLeaks(t)
	e := &env{Fixture: services.Fixture(t, testbed.Config{Protocol: "native", Seed: 5, Subscribers: 1500}), heartbeat: never, timeout: patience}
	e.Publish()
	right := e.Settings
	e.Settings.Transform.SourceTimezone = "America/New_York"
	e.Settings.Transform.InternalEmailDomains = nil
	e.Ingest()
	e.Settings = right
	e.Settings.Batch.MaxRows = 700 // so that there are many chunks
	compared := e.compare(e.everything(), window.Limits{})
	j := e.replay(e.everything(), window.Limits{})
	e.wantTruth()
	for _, change := range []sink.Change{sink.Altered, sink.Moved, sink.ToFiltered} {
		if planned, done := compared.Changes[change], j.Counts[string(change)]; planned != done || planned == 0 {
			t.Errorf("%s: the dry run has %d, the job %d", change, planned, done)
		}
	}
	if again := e.compare(e.everything(), window.Limits{}); again.Any() {
		t.Errorf("a second replay would change %v: %v", again.Changes, again.Samples)
	}
}

// wantTruth compares everything but the ledger with the world.
func (e *env) wantTruth() {
	e.Helper()
	report, err := e.World.Truth().Compare(e.Context(), e.Analyst)
	e.Must(err)
	for _, check := range report.Checks {
		if !check.Equal() && check.Name != "table ingest_ledger" {
			e.Errorf("seed %d: %s", e.World.Config().Seed, check.String())
		}
	}
	if len(report.Checks) < 5 {
		e.Errorf("only %d checks", len(report.Checks))
	}
}
