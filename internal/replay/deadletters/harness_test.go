package deadletters_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

var services testbed.Servers

func TestMain(m *testing.M) { os.Exit(services.Run(m)) }

// env is a testbed fixture without a world: the tests write their own messages.
type env struct {
	*testbed.Fixture
	timeout time.Duration
	sent    [testbed.Partitions]int  // records
	steps   map[string]progress.Step // each as it was reported last
}

func newEnv(t *testing.T, protocol string) *env {
	t.Helper()
	testbed.NoLeaks(t)
	return &env{Fixture: services.Fixture(t, testbed.Config{Protocol: protocol}), timeout: 20 * time.Second, steps: map[string]progress.Step{}}
}

// recordTime is the timestamp of the record at an offset.
func recordTime(offset int) time.Time { return time.UnixMilli(1_750_000_000_000 + int64(offset)) }

// The messages of the tests. what names another field for the instant: refused
// as missing_field until the alias is configured.
func good(id string) string {
	return `{"subscription_id":"` + id + `","event_timestamp":1750000000,"subscription_action":"Renewed"}`
}

func aliased(id string) string {
	return `{"subscription_id":"` + id + `","what":1750000000,"subscription_action":"Renewed"}`
}

func internal(id string) string {
	return `{"subscription_id":"` + id + `","what":1750000000,"subscription_action":"Renewed","is_internal_user":true}`
}

const hopeless = `{"subscription_id":"hopeless`

// send produces values to a partition.
func (s *env) send(partition int32, values ...string) {
	s.Helper()
	records := make([]kafka.Record, len(values))
	for i, value := range values {
		records[i] = kafka.Record{Partition: partition, Value: []byte(value), Time: recordTime(s.sent[partition] + i)}
	}
	s.Produce(records...)
	s.sent[partition] += len(values)
}

func (s *env) rules() *transform.Rules {
	s.Helper()
	rules, err := transform.New(s.Settings.TransformConfig())
	s.Must(err)
	return rules
}

// alias lets the messages of aliased and internal pass from now on.
func (s *env) alias() {
	s.Settings.Transform.FieldAliases = map[string]string{"what": "event_timestamp"}
}

// redriver creates one with the current configuration.
func (s *env) redriver(hooks sink.Hooks) *deadletters.Redriver {
	s.Helper()
	return s.redriverTelling(hooks, zaptest.NewLogger(s, zaptest.Level(zap.WarnLevel)))
}

func (s *env) redriverTelling(hooks sink.Hooks, log *zap.Logger) *deadletters.Redriver {
	s.Helper()
	writer, err := sink.Open(s.Context(), s.Settings.SinkConfig(), log, hooks)
	s.Must(err)
	s.Cleanup(func() { _ = writer.Close() })
	return deadletters.New(deadletters.Deps{
		Kafka: s.Settings.ConsumerConfig(), Timeout: s.timeout, Rules: s.rules(), Writer: writer,
		Conn: s.Analyst, Database: s.Topic, Now: time.Now, Log: log,
		Progress: func(step progress.Step) { s.steps[step.Name] = step },
	})
}

func (s *env) plan(selection deadletters.Selection) *deadletters.Report {
	s.Helper()
	plan, err := s.redriver(sink.Hooks{}).Plan(s.Context(), selection)
	s.Must(err)
	return plan.Report()
}

// redrive plans and executes.
func (s *env) redrive(selection deadletters.Selection) *deadletters.Report {
	s.Helper()
	r := s.redriver(sink.Hooks{})
	plan, err := r.Plan(s.Context(), selection)
	s.Must(err)
	report, err := r.Redrive(s.Context(), plan)
	s.Must(err)
	if !report.Executed || !report.Complete {
		s.Errorf("the report says executed %v, complete %v", report.Executed, report.Complete)
	}
	return report
}

// wantGroups compares a report, each group as one line: reason, letters, then
// what is not zero.
func (s *env) wantGroups(r *deadletters.Report, want ...string) {
	s.Helper()
	var got []string
	var open uint64
	for _, g := range r.Groups {
		line := fmt.Sprintf("%s %d", g.Reason, g.Letters)
		for _, n := range []struct {
			name  string
			count uint64
		}{{"stored", g.Stored}, {"filtered", g.Filtered}, {"skipped", g.Skipped}, {"elsewhere", g.Elsewhere},
			{"failed", g.Failed}, {"gone", g.Gone}, {"unread", g.Unread}} {
			if n.count > 0 {
				line += fmt.Sprintf(" %s=%d", n.name, n.count)
			}
		}
		got = append(got, line)
		open += g.Failed + g.Gone + g.Unread
		if g.Topic != s.Topic {
			s.Errorf("a group of topic %q", g.Topic)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		s.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r.Open != open {
		s.Errorf("the report has %d open, its groups %d", r.Open, open)
	}
}

func (s *env) wantGone(r *deadletters.Report, want ...deadletters.Gone) {
	s.Helper()
	if fmt.Sprint(r.Gone) != fmt.Sprint(want) {
		s.Errorf("gone: got %v, want %v", r.Gone, want)
	}
}

// is fails unless the query's single row is this, as ClickHouse prints a tuple.
func (s *env) is(query, want string) {
	s.Helper()
	var got string
	s.One("SELECT toString(tuple(*)) FROM ("+query+")", &got)
	if got != want {
		s.Errorf("%s\ngot  %s\nwant %s", query, got, want)
	}
}

func (s *env) at(partition int32, offset int64) schemas.Coordinates {
	return schemas.Coordinates{Name: s.Topic, Partition: partition, Offset: offset}
}
