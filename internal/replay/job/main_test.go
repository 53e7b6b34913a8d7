package job_test

import (
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

var services testbed.Servers

func TestMain(m *testing.M) { os.Exit(services.Run(m)) }

var testTime = time.Date(2026, 11, 29, 22, 15, 30, 123_000_000, time.UTC)

// env is a database and stores of it, each as another process has one.
type env struct {
	*testbed.Fixture
}

func newEnv(t *testing.T) *env {
	t.Helper()
	testbed.NoLeaks(t)
	return &env{services.Fixture(t, testbed.Config{Protocol: "native"})}
}

// store is of a process on another machine. Its heartbeat is long enough that none comes
// during a test, unless the test makes it shorter.
func (e *env) store(instance string, heartbeat time.Duration) *job.Store {
	e.Helper()
	conn, err := clickhouse.Open(e.Settings.ClickHouseOptions())
	e.Must(err)
	e.Cleanup(func() { _ = conn.Close() })
	return job.NewStore(job.Deps{Conn: conn, Database: e.Topic, Instance: instance, Heartbeat: heartbeat, Grace: 20 * time.Second,
		Now: func() time.Time { return testTime }, Log: zap.NewNop()})
}

// spec is a job over one range of partition 1.
func spec(from, to int64) job.Spec {
	return job.Spec{Source: schemas.SourceKafka, Planned: uint64(to - from), Rules: job.RulesOf(transform.Defaults(), "v1"),
		Plan: job.Plan{Ranges: []job.Range{{Name: "t", Partition: 1, From: from, To: to}}}}
}

// checkpoint writes what a chunk writes last.
func (e *env) checkpoint(job string, partition int32, from, next int64) {
	e.Helper()
	e.Must(e.Analyst.Exec(e.Context(), `INSERT INTO ingest_ledger (source, source_name, source_partition, kind, job_id, start_offset, next_offset, messages, stored, last_offset, written_at)
		VALUES ('kafka', 't', ?, 'replay', ?, ?, ?, ?, ?, ?, now64(3))`, partition, job, from, next, uint64(next-from), uint64(next-from), next-1))
}
