package reconcile

import (
	"strings"
	"testing"
	"time"
)

// TestRunCSV_ComparesAFile: what differs stays unverified, and what the file does
// not cover is not missing.
func TestRunCSV_ComparesAFile(t *testing.T) {
	s := newFastFixture(t)
	old := agreeing("before-the-file").absent()
	old.events[0].ago = 60 * aDay
	old.then(event{action: "Auto-renew disabled", ago: 59 * aDay}, event{action: "Auto-renew enabled", ago: 58 * aDay}) // the stream is older than the file reaches
	s.pairs(agreeing("agrees").absent(), agreeing("differs").absent(), agreeing("missing").absent(), old,
		(&pair{id: "start-unknown"}).then(event{user: "u", action: "Renewed", ago: 3 * aDay}))
	day := func(ago int) string { return noon.Add(-time.Duration(ago) * aDay).Format("2006-01-02 15:04:05 -0700") }
	line := func(id, status, started string) string {
		return "," + id + "," + status + "," + started + ",u,a@example.com,A,Payment,1 month,9.99,TRUE,,,,"
	}
	lines := []string{line("agrees", "Active", day(40)), line("differs", "Expired", day(40)), line("unknown", "Active", day(41)), line("later", "Active", day(39))}
	s.events(event{id: "later", user: "u", action: "Created", ago: 39 * aDay, next: aDay, term: "payment", period: "1 month", value: "9.99"})
	s.clock = noon.Add(aDay)
	report, err := s.reconciler().RunCSV(t.Context(), File{Log: csvLog(t, lines...), AsOf: noon, Until: noon, FirstDay: noon.Add(-50 * aDay), LastDay: noon})
	if err != nil {
		t.Fatal(err)
	}
	s.want("drift", s.drift(), []string{"differs status active→expired unverified", "missing missing_in_api active→- unverified", "unknown missing_in_stream -→active unverified"})
	s.want("not compared", counts(report.NotCompared), []string{"not_in_file 2"})
	if report.Snapshot.Source != sourceCSV || report.Verified != 0 || len(s.api.asked) != 0 || !report.AsOf.Equal(noon) {
		t.Errorf("got %+v", report)
	}
	if _, err := s.reconciler().RunCSV(t.Context(), File{Log: csvLog(t, lines...), AsOf: noon.Add(2 * aDay), Until: noon.Add(2 * aDay)}); err == nil || !strings.Contains(err.Error(), "lies in the future") {
		t.Errorf("a file of the future: %v", err)
	}
}
