package audit_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/audit"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// TestAudit_Job replays what was never consumed, as one job, and audits the job: it is proven
// until a ledger row, an event or a dead letter of it is gone.
func TestAudit_Job(t *testing.T) {
	tier.Full(t, "audits one job many times")
	s := newEnv(t, "native", 0)
	s.produce(0, 0, 20)
	rules, err := transform.New(s.Settings.TransformConfig())
	s.Must(err)
	source, err := consumer.New(s.Settings.ConsumerConfig(), zap.NewNop(), consumer.Hooks{})
	s.Must(err)
	defer source.Close()
	conn, err := clickhouse.Open(s.Settings.ClickHouseOptions())
	s.Must(err)
	defer conn.Close()
	w, err := sink.Open(t.Context(), s.Settings.SinkConfig(), zap.NewNop(), sink.Hooks{})
	s.Must(err)
	defer w.Close()
	j := &job.Job{ID: "20261129t221530-x7k2", Source: schemas.SourceKafka, State: job.Complete,
		Plan: job.Plan{Ranges: []job.Range{{Name: s.Topic, Partition: 0, From: 0, To: 20}}}}

	reader, worker := source.NewReader(s.Topic, 0, 0), rules.NewWorker()
	defer reader.Close()
	var records []consumer.Record
	for len(records) < 20 {
		set, err := reader.Next(t.Context())
		s.Must(err)
		for _, r := range set.Records {
			r.Value = append([]byte(nil), r.Value...)
			records = append(records, r)
		}
	}
	replace := func(from, to int64) {
		p := &sink.Part{Chunk: sink.NewChunk(), Ledger: schemas.LedgerRow{Source: schemas.SourceKafka, Name: s.Topic, JobID: j.ID,
			StartOffset: from, NextOffset: to, LastOffset: to - 1}}
		for _, r := range records[from:to] {
			result := worker.Apply(r.Value, time.Now())
			if result.Outcome != transform.Stored {
				t.Fatalf("message %d is %s", r.Offset, result.Outcome)
			}
			at, _ := schemas.RecordTime(r.Timestamp)
			p.Chunk.Append(result.Event, schemas.Coordinates{Source: schemas.SourceKafka, Name: s.Topic, Offset: r.Offset}, schemas.KafkaVersion(at, r.Offset))
			p.Ledger.Messages++
			p.Ledger.Stored++
		}
		_, err := w.Replace(t.Context(), &sink.Replacement{Part: p, Claims: func(context.Context, []sink.Departure) (map[schemas.EventID][]sink.Claim, error) { return nil, nil }})
		s.Must(err)
	}
	check := func(deep bool) *audit.JobReport {
		t.Helper()
		report, err := audit.New(audit.Deps{Kafka: source, Group: s.Settings.Kafka.Group, Isolation: consumer.ReadCommitted, Conn: conn,
			Database: s.Settings.ClickHouse.Database, Rules: rules, Now: time.Now, Log: zap.NewNop()}).Job(t.Context(), j, deep)
		s.Must(err)
		return report
	}
	want := func(when string, report *audit.JobReport, kinds ...audit.Kind) {
		t.Helper()
		var got []audit.Kind
		for _, f := range report.Findings {
			got = append(got, f.Kind)
		}
		if len(got) != len(kinds) || len(got) > 0 && got[0] != kinds[0] || report.Clean != (len(kinds) == 0) {
			t.Errorf("%s: findings %v, want %v: %+v", when, got, kinds, report.Findings)
		}
	}
	replace(0, 8)
	want("interrupted", check(false), audit.JobIncomplete)
	replace(8, 20)
	report := check(true)
	want("complete", report)
	if r := report.Ranges[0]; r.Chunks != 2 || r.Messages != 20 || r.Stored != 20 || r.Reread == nil || r.Reread.Stored != 20 {
		t.Errorf("%+v", r)
	}
	s.Exec("ALTER TABLE subscription_events DELETE WHERE source_offset = 5")
	want("an event is gone", check(true), audit.EventMissing)
	s.Exec("INSERT INTO ingest_ledger SELECT * REPLACE (stored + 1 AS stored, written_at + INTERVAL 1 SECOND AS written_at) FROM ingest_ledger WHERE start_offset = 8")
	want("a row does not balance", check(false), audit.Unbalanced)
	s.Exec("ALTER TABLE ingest_ledger DELETE WHERE start_offset = 8")
	want("a ledger row is gone", check(false), audit.JobIncomplete)
}

// TestAudit_GapReadByJob: of a range that the group was moved past, the part that a job has
// read is not lost, and the finding says so. What the job found removed stays unread.
func TestAudit_GapReadByJob(t *testing.T) {
	s := newEnv(t, "native", 0)
	s.produce(0, 0, 5)
	s.Ingest()
	s.produce(0, 5, 30)
	s.MoveGroup(0, 35)
	s.produce(0, 35, 5)
	s.Settings.Consumer.OnDataLoss = "continue"
	s.Ingest()
	s.Exec("ALTER TABLE ingest_ledger DELETE WHERE kind = 'lost' SETTINGS mutations_sync = 2")
	read := func(cause string, from, to, messages int64) {
		s.Exec(fmt.Sprintf(`INSERT INTO ingest_ledger (source, source_name, source_epoch, source_partition, kind, cause, start_offset, next_offset,
			messages, stored, last_offset, job_id, insert_token, written_at)
			VALUES ('kafka', '%s', 0, 0, 'replay', '%s', %d, %d, %d, %d, %d, 'j', 'j%d', now64(3))`, s.Topic, cause, from, to, messages, messages, to-1, from))
	}
	read("retention", 5, 10, 0)
	read("", 10, 20, 10)
	read("", 20, 30, 10)
	type found struct {
		cause     audit.Cause
		from, end int64
	}
	var got []found
	for _, f := range s.audit(false).Findings {
		t.Log(f.Text)
		got = append(got, found{f.Cause, f.Start, f.Next})
		if f.Kind != audit.Gap || (f.Cause == audit.ReadByJob) != strings.Contains(f.Text, "a job of pianola replay has read it") {
			t.Errorf("got %+v", f)
		}
	}
	if want := []found{{audit.OffsetReset, 5, 10}, {audit.ReadByJob, 10, 30}, {audit.OffsetReset, 30, 35}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
