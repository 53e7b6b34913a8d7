package deadletters_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

var decided = schemas.Dismissal{By: "J. Doe", Why: "older than retention"}

func (s *env) dismiss(selection deadletters.Selection, execute bool) *deadletters.DismissReport {
	s.Helper()
	r := s.redriver(sink.Hooks{})
	plan, err := r.Plan(s.Context(), selection)
	s.Must(err)
	report, err := r.Dismiss(s.Context(), plan, decided, execute)
	s.Must(err)
	if report.Executed != execute || !report.Complete {
		s.Errorf("executed %v, complete %v", report.Executed, report.Complete)
	}
	return report
}

// wantDismissed compares a report with one line: the groups as reason, letters, gone,
// readable and unread; then what was dismissed and what stays open.
func (s *env) wantDismissed(r *deadletters.DismissReport, want string) {
	s.Helper()
	var got []string
	for _, g := range r.Groups {
		got = append(got, fmt.Sprintf("%s %d %d %d %d", g.Reason, g.Letters, g.Gone, g.Readable, g.Unread))
	}
	if text := fmt.Sprintf("%s; dismissed %d, open %d", strings.Join(got, ", "), r.Dismissed, r.Open); text != want {
		s.Errorf("got  %s\nwant %s", text, want)
	}
}

const closedLetters = "SELECT groupArray((source_partition, source_offset, dismissed_by, dismissed_why)) FROM (SELECT * FROM dead_letters FINAL WHERE resolved_at IS NOT NULL ORDER BY source_partition, source_offset)"

// Only dead letters whose message is gone are closed, for each cause, and a
// plan closes none.
func TestDismiss_ClosesWhatIsGone(t *testing.T) {
	for _, protocol := range []string{"native", "http"} {
		t.Run(protocol, func(t *testing.T) {
			s := newEnv(t, protocol)
			s.send(0, aliased("a"), hopeless, aliased("b"), aliased("c"))
			s.send(1, aliased("d"))
			s.Ingest()
			s.DeleteBefore(0, 2)
			s.letter("file", 5, 100)
			// Another record is at the offset of c.
			s.Exec("INSERT INTO dead_letters SELECT * REPLACE (repeat('0', 64) AS payload_sha256, decided_at + INTERVAL 1 SECOND AS decided_at) FROM dead_letters FINAL WHERE source_partition = 0 AND source_offset = 3")
			for range 2 {
				s.wantDismissed(s.dismiss(deadletters.Selection{}, false), "invalid_json 1 1 0 0, missing_field 5 3 2 0; dismissed 0, open 2")
			}
			s.is(closedLetters, "([])")

			s.wantDismissed(s.dismiss(deadletters.Selection{Reason: "invalid_json"}, true), "invalid_json 1 1 0 0; dismissed 1, open 0")
			s.is(closedLetters, "([(0,1,'J. Doe','older than retention')])")
			s.wantDismissed(s.dismiss(deadletters.Selection{}, true), "missing_field 5 3 2 0; dismissed 3, open 2")
			s.is("SELECT groupArray((source_partition, source_offset)) FROM (SELECT * FROM dead_letters FINAL WHERE dismissed_by = 'J. Doe' ORDER BY source_partition, source_offset)",
				"([(0,0),(0,1),(0,3),(5,100)])")
			s.wantDismissed(s.dismiss(deadletters.Selection{}, true), "missing_field 2 0 2 0; dismissed 0, open 2")

			// What stays open passes later, and is no dismissal.
			s.alias()
			s.wantGroups(s.redrive(deadletters.Selection{}), "missing_field 2 stored=2")
			s.is("SELECT countIf(resolved_at IS NOT NULL), countIf(dismissed_by IS NOT NULL) FROM dead_letters FINAL", "(6,4)")
		})
	}
}

// A topic that no longer exists, or is another one, does not have the messages.
func TestDismiss_OfALostTopic(t *testing.T) {
	tier.Full(t, "recreates a topic")
	s := newEnv(t, "native")
	s.send(0, aliased("a"))
	s.send(1, aliased("b"))
	s.Ingest()
	s.DeleteTopic()
	s.wantDismissed(s.dismiss(deadletters.Selection{At: []schemas.Coordinates{s.at(1, 0)}}, true), "missing_field 1 1 0 0; dismissed 1, open 0")
	s.CreateTopic()
	s.wantDismissed(s.dismiss(deadletters.Selection{}, true), "missing_field 1 1 0 0; dismissed 1, open 0")
	s.wantDismissed(s.dismiss(deadletters.Selection{}, true), "; dismissed 0, open 0")
}

// Kafka's silence does not show that a message is gone.
func TestDismiss_NotWhatKafkaDoesNotReturn(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	s := newEnv(t, "native")
	s.timeout = 300 * time.Millisecond
	s.send(0, aliased("a"))
	s.Ingest()
	s.letter("kafka", 7, 0)
	s.wantDismissed(s.dismiss(deadletters.Selection{}, true), "missing_field 2 0 1 1; dismissed 0, open 2")
	s.is(closedLetters, "([])")
}
