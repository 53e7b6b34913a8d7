package audit_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/audit"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/transform"
)

var services testbed.Servers

func TestMain(m *testing.M) { os.Exit(services.Run(m)) }

// env is a testbed fixture and the audit of it.
type env struct {
	*testbed.Fixture
	steps map[string]progress.Step // of the last audit, each as it was reported last
}

func newEnv(t *testing.T, protocol string, subscribers int) *env {
	t.Helper()
	testbed.NoLeaks(t)
	s := &env{Fixture: services.Fixture(t, testbed.Config{Protocol: protocol, Seed: 4, Subscribers: subscribers})}
	s.Settings.Batch.MaxRows = 100 // many rows of the ledger
	return s
}

// in is the environment for a subtest.
func (s *env) in(t *testing.T) *env { return &env{Fixture: s.In(t)} }

// produce sends n good messages to one partition, numbered from first.
func (s *env) produce(partition int32, first, n int) {
	s.Helper()
	records := make([]kafka.Record, n)
	for k := range records {
		i := first + k
		records[k] = kafka.Record{Partition: partition, Time: time.UnixMilli(1_750_000_000_000 + int64(i)),
			Value: fmt.Appendf(nil, `{"subscription_id":"S'%d\\?{a:b}","event_timestamp":%d,"subscription_action":"Renewed"}`, i, 1_750_000_000+i)}
	}
	s.Produce(records...)
}

func (s *env) audit(deep bool) *audit.Report {
	s.Helper()
	source, err := consumer.New(s.Settings.ConsumerConfig(), zap.NewNop(), consumer.Hooks{})
	s.Must(err)
	defer source.Close()
	rules, err := transform.New(s.Settings.TransformConfig())
	s.Must(err)
	conn, err := clickhouse.Open(s.Settings.ClickHouseOptions())
	s.Must(err)
	defer conn.Close()
	s.steps = map[string]progress.Step{}
	report, err := audit.New(audit.Deps{Kafka: source, Group: s.Settings.Kafka.Group, Isolation: consumer.ReadCommitted, Conn: conn,
		Database: s.Settings.ClickHouse.Database, Rules: rules, Now: time.Now, Log: zap.NewNop(),
		Progress: func(step progress.Step) { s.steps[step.Name] = step }}).Run(s.Context(), deep)
	s.Must(err)
	return report
}

// wantClean fails with everything that was found.
func (s *env) wantClean(r *audit.Report) {
	s.Helper()
	if r.Clean && len(r.Findings) == 0 {
		return
	}
	for _, f := range r.Findings {
		s.Errorf("%s: %s", f.Kind, f.Text)
	}
	s.FailNow()
}

// wantOnly takes the one finding that there is to be.
func (s *env) wantOnly(r *audit.Report, kind audit.Kind, cause audit.Cause, text string) audit.Finding {
	s.Helper()
	for _, f := range r.Findings {
		s.Logf("%s (%s): %s", f.Kind, f.Cause, f.Text)
	}
	if len(r.Findings) != 1 || r.Clean {
		s.Fatalf("%d findings, want one", len(r.Findings))
	}
	if f := r.Findings[0]; f.Kind != kind || f.Cause != cause || !strings.Contains(f.Text, text) {
		s.Fatalf("got %s (%s), want %s (%s) that says %q", f.Kind, f.Cause, kind, cause, text)
	}
	return r.Findings[0]
}
