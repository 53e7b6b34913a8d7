package audit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/audit"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

func TestAudit_CleanRun(t *testing.T) {
	for _, protocol := range []string{"native", "http"} {
		t.Run(protocol, func(t *testing.T) {
			s := newEnv(t, protocol, 150)
			s.Publish()
			s.Ingest()
			r := s.audit(true)
			s.wantClean(r)
			var sum audit.Partition
			var again audit.Reread
			for _, p := range r.Partitions {
				sum.Messages, sum.Stored, sum.Filtered = sum.Messages+p.Messages, sum.Stored+p.Stored, sum.Filtered+p.Filtered
				sum.DeadLettered, sum.Skipped = sum.DeadLettered+p.DeadLettered, sum.Skipped+p.Skipped
				again.Messages, again.Stored, again.Filtered = again.Messages+p.Reread.Messages, again.Stored+p.Reread.Stored, again.Filtered+p.Reread.Filtered
				again.DeadLettered, again.Skipped = again.DeadLettered+p.Reread.DeadLettered, again.Skipped+p.Reread.Skipped
				again.Otherwise += p.Reread.Otherwise
				if p.Kafka.Committed != p.Next || p.Kafka.Behind != 0 || p.Start != 0 || p.Next != p.Kafka.LogEnd {
					t.Errorf("%s: %+v, %+v", p.Key, p, p.Kafka)
				}
			}
			c := s.World.Truth().Counts
			if int(sum.Messages) != c.Messages || int(sum.Stored) != c.Stored || int(sum.Filtered) != c.Filtered ||
				int(sum.DeadLettered) != c.DeadLettered || int(sum.Skipped) != c.Skipped {
				t.Errorf("the ledger sums up to %+v, the truth is %+v", sum, c)
			}
			if want := (audit.Reread{Messages: sum.Messages, Stored: sum.Stored, Filtered: sum.Filtered, DeadLettered: sum.DeadLettered, Skipped: sum.Skipped}); again != want {
				t.Errorf("read again: %+v, want %+v", again, want)
			}
			for step, n := range map[string]uint64{"check partitions": testbed.Partitions, "read Kafka again": sum.Messages} {
				if got := s.steps[step]; got.Done != got.Total || got.Done < n {
					t.Errorf("progress %+v, want %d at least", got, n)
				}
			}
			if len(r.Partitions) != testbed.Partitions || r.Events == 0 || len(r.Notes) != 0 {
				t.Errorf("%d partitions, %d events, notes %v", len(r.Partitions), r.Events, r.Notes)
			}
		})
	}
}

func TestAudit_NothingWasEverConsumed(t *testing.T) {
	s := newEnv(t, "native", 5)
	s.produce(0, 0, 10)
	r := s.audit(true)
	s.wantOnly(r, audit.NoOffsets, "", "has committed no offset, and Kafka has 10 offsets")
	if k := r.Partitions[0].Kafka; k.Committed != -1 || k.Behind != 10 {
		t.Errorf("got %+v", k)
	}
}

// TestAudit_NothingToCompare: an audit that has looked at nothing is not a pass.
func TestAudit_NothingToCompare(t *testing.T) {
	s := newEnv(t, "native", 5)
	t.Run("a topic that never held a record", func(t *testing.T) {
		s := s.in(t)
		s.wantClean(s.audit(true))
	})
	s.produce(0, 0, 20)
	s.Ingest()
	s.wantClean(s.audit(true))
	t.Run("a mistyped group", func(t *testing.T) {
		s := s.in(t)
		s.Settings.Kafka.Group += "-mistyped"
		f := s.wantOnly(s.audit(true), audit.NoOffsets, "", "-mistyped has committed no offset, and Kafka has 20 offsets; the ledger has rows of the topic: check kafka.group")
		if f.Partition != audit.WholeTopic || f.Messages != 20 {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("an empty database under a topic with records", func(t *testing.T) {
		s := s.in(t)
		s.Exec("TRUNCATE TABLE ingest_ledger")
		s.Exec("TRUNCATE TABLE subscription_events")
		s.wantOnly(s.audit(false), audit.CommittedBeyond, audit.OffsetReset, "/0 [0, 20)")
	})
	t.Run("an empty database, and retention has removed what was read", func(t *testing.T) {
		s := s.in(t)
		s.DeleteBefore(0, 20)
		s.wantOnly(s.audit(true), audit.EmptyLedger, "", "has committed offsets, and the ledger has no row of the topic")
	})
}

// TestAudit_ResolvedDeadLetter: a resolved dead letter says that the message has passed,
// so it does not account for a row that is gone.
func TestAudit_ResolvedDeadLetter(t *testing.T) {
	s := newEnv(t, "native", 5)
	s.Settings.Transform.UnknownAction = "dead_letter"
	s.Produce(kafka.Record{Time: time.UnixMilli(1_750_000_000_000), Value: []byte(`{"subscription_id":"S1","event_timestamp":1750000000,"subscription_action":"Pondered"}`)})
	s.Ingest()
	s.wantClean(s.audit(true))
	s.Settings.Transform.UnknownAction = "keep"
	s.wantClean(s.audit(true)) // an open one accounts for the row that today's rules would make
	const resolve = "INSERT INTO dead_letters SELECT * REPLACE (decided_at + INTERVAL 1 SECOND AS decided_at, now64(3) AS resolved_at) FROM dead_letters FINAL"
	s.Exec(resolve)
	s.wantOnly(s.audit(true), audit.EventMissing, "", "its event is neither a row of this version or a higher one, nor an open dead letter")
	s.Settings.Transform.UnknownAction = "dead_letter"
	s.wantOnly(s.audit(true), audit.DeadLetterMissing, "", "neither an open dead letter nor the origin of a row")
	// A dismissed one never passed, so it accounts for its message like an open one.
	s.Exec("INSERT INTO dead_letters SELECT * REPLACE (decided_at + INTERVAL 1 SECOND AS decided_at, 'J. Doe' AS dismissed_by) FROM dead_letters FINAL")
	s.wantClean(s.audit(true))
}

// TestAudit_OpenTransaction shows what a read_committed consumer cannot see.
func TestAudit_OpenTransaction(t *testing.T) {
	tier.Full(t, "waits behind a transaction")
	s := newEnv(t, "native", 5)
	s.produce(0, 0, 10)
	s.Ingest()
	producer, err := kgo.NewClient(kgo.SeedBrokers(s.Services.Kafka.Addr()), kgo.TransactionalID(s.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s.Must(err)
	defer producer.Close()
	s.Must(producer.BeginTransaction())
	s.Must(producer.ProduceSync(s.Context(), &kgo.Record{Topic: s.Topic, Value: []byte("{}")}).FirstErr())
	s.produce(0, 10, 5)
	r := s.audit(true)
	s.wantClean(r)
	if k := r.Partitions[0].Kafka; k.OpenTransaction != 6 || k.Behind != 0 || k.LogEnd != 16 {
		t.Errorf("got %+v", k)
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "/0: 6 offsets from 10 on wait for an open transaction") {
		t.Errorf("notes:\n%s", notes)
	}
	s.Must(producer.EndTransaction(s.Context(), kgo.TryCommit))
	s.Ingest()
	if r := s.audit(true); r.Partitions[0].Kafka.OpenTransaction != 0 || len(r.Notes) != 0 {
		t.Errorf("after its end: %+v, %v", r.Partitions[0].Kafka, r.Notes)
	}
}

// TestAudit_CommittedInsideOpenTransaction: the group has read uncommitted records
// before. The deep audit must not wait for the end of their transaction.
func TestAudit_CommittedInsideOpenTransaction(t *testing.T) {
	s := newEnv(t, "native", 5)
	s.produce(0, 0, 10)
	producer, err := kgo.NewClient(kgo.SeedBrokers(s.Services.Kafka.Addr()), kgo.TransactionalID(s.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s.Must(err)
	defer producer.Close()
	s.Must(producer.BeginTransaction())
	s.Must(producer.ProduceSync(s.Context(), &kgo.Record{Topic: s.Topic, Value: []byte("{}")}).FirstErr())
	s.Settings.Kafka.Isolation = "read_uncommitted"
	s.Ingest()
	s.Settings.Kafka.Isolation = "read_committed"
	r := s.audit(true)
	s.wantClean(r)
	if p := r.Partitions[0]; p.Kafka.Committed != 11 || p.Reread.Next != 10 || p.Reread.Messages != 10 {
		t.Errorf("got %+v, read again %+v", p.Kafka, p.Reread)
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "/0 [10, 11): committed, and not read again") {
		t.Errorf("notes:\n%s", notes)
	}
}

// TestAudit_Planted puts one thing wrong into the tables of a clean run, and wants
// exactly that to be found.
func TestAudit_Planted(t *testing.T) {
	tier.Full(t, "plants every kind of fault in turn")
	// Ranges large enough to hold messages that left rows behind, whenever the
	// consumer happened to flush.
	const middle = "source_partition = 1 AND start_offset = (SELECT argMax(start_offset, messages) FROM ingest_ledger WHERE source_partition = 1 AND start_offset > 0 " +
		"AND next_offset < (SELECT max(next_offset) FROM ingest_ledger WHERE source_partition = 1))"
	const first = "source_partition = 2 AND start_offset < 50"
	const last = "source_partition = 0 AND next_offset > (SELECT max(next_offset) FROM ingest_ledger WHERE source_partition = 0) - 50"
	// A dead letter, and an event, that the deep audit has to miss.
	const letter = "(source_partition, source_offset) = (SELECT source_partition, source_offset FROM dead_letters ORDER BY source_partition, source_offset LIMIT 1)"
	const event = "event_id = (SELECT event_id FROM subscription_events ORDER BY event_id LIMIT 1)"
	for name, c := range map[string]struct {
		plant []string
		deep  bool
		kind  audit.Kind
		cause audit.Cause
		text  string
		many  bool // one for each delivery
	}{
		"a ledger row removed": {plant: []string{"ALTER TABLE ingest_ledger DELETE WHERE " + middle},
			kind: audit.Gap, cause: audit.LedgerRowMissing, text: "no ledger row covers it"},
		"the first ledger row removed": {plant: []string{"ALTER TABLE ingest_ledger DELETE WHERE " + first},
			kind: audit.Gap, cause: audit.LedgerRowMissing, text: "/2 [0, "},
		"the last ledger row removed": {plant: []string{"ALTER TABLE ingest_ledger DELETE WHERE " + last},
			kind: audit.CommittedBeyond, cause: audit.LedgerRowMissing, text: "the ledger ends before it"},
		"an unbalanced row": {plant: []string{"ALTER TABLE ingest_ledger UPDATE stored = stored + 1 WHERE " + middle},
			kind: audit.Unbalanced, text: "does not balance"},
		"more messages than offsets": {plant: []string{"ALTER TABLE ingest_ledger UPDATE stored = stored + 100000, messages = messages + 100000 WHERE " + middle},
			kind: audit.Unbalanced, text: "do not fit into the range"},
		"a row that balances and counts too little": {plant: []string{"ALTER TABLE ingest_ledger UPDATE stored = stored - 1, messages = messages - 1 WHERE " + middle},
			deep: true, kind: audit.Unbalanced, text: "and the ledger counts"},
		"a tombstone too few": {plant: []string{"ALTER TABLE ingest_ledger UPDATE stored = stored + skipped, skipped = 0 WHERE skipped > 0"},
			deep: true, kind: audit.Unbalanced, text: "tombstones, and the ledger counts 0 in all", many: true},
		"a later row of the flush is the one that counts": {plant: []string{
			"INSERT INTO ingest_ledger SELECT * REPLACE (stored + 1 AS stored, written_at + INTERVAL 1 SECOND AS written_at) FROM ingest_ledger WHERE " + middle},
			kind: audit.Unbalanced, text: "does not balance"},
		"a wrong event id": {plant: []string{"INSERT INTO subscription_events SELECT * REPLACE (toUUID('00000000-0000-0000-0000-000000000001') AS event_id) FROM subscription_events ORDER BY event_id LIMIT 1"},
			kind: audit.WrongEventID, text: "the row's event id is 00000000-0000-0000-0000-000000000001, and ClickHouse computes "},
		"a dead letter removed": {plant: []string{"ALTER TABLE dead_letters DELETE WHERE " + letter},
			kind: audit.DeadLettersMissing, text: "--deep names them"},
		"a row removed": {plant: []string{"ALTER TABLE subscription_events DELETE WHERE " + event},
			deep: true, kind: audit.EventMissing, text: "neither a row of this version or a higher one, nor an open dead letter", many: true},
		"a row of an older version": {plant: []string{
			"INSERT INTO subscription_events SELECT * REPLACE (0 AS version, source_offset + 1000000 AS source_offset, 'x' AS term_name) FROM subscription_events WHERE " + event,
			"ALTER TABLE subscription_events DELETE WHERE version > 0 AND " + event},
			deep: true, kind: audit.EventOlder, text: "older version", many: true},
		"filtered subscriptions of older versions": {plant: []string{
			"INSERT INTO filtered_subscriptions SELECT subscription_id, 0, filtered_at FROM filtered_subscriptions",
			"ALTER TABLE filtered_subscriptions DELETE WHERE version > 0"},
			deep: true, kind: audit.FilteredMissing, text: "an older version", many: true},
		"the filtered subscriptions gone": {plant: []string{"ALTER TABLE filtered_subscriptions DELETE WHERE 1"},
			deep: true, kind: audit.FilteredMissing, text: "filtered_subscriptions", many: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newEnv(t, "native", 200)
			s.Publish()
			s.Ingest()
			s.wantClean(s.audit(false))
			for _, statement := range c.plant {
				s.Exec(statement)
			}
			r := s.audit(c.deep)
			if !c.many {
				s.wantOnly(r, c.kind, c.cause, c.text)
				return
			}
			if len(r.Findings) == 0 {
				t.Fatal("nothing was found")
			}
			for _, f := range r.Findings {
				if f.Kind != c.kind || (!strings.Contains(f.Text, c.text) && !strings.Contains(f.Text, "more findings")) {
					t.Errorf("got %s: %s", f.Kind, f.Text)
				}
			}
		})
	}
}

// TestAudit_SeveralVersionsInOnePart has deliveries of the same events in one flush, so
// that one part of the table holds several versions of each.
func TestAudit_SeveralVersionsInOnePart(t *testing.T) {
	s := newEnv(t, "native", 1)
	s.Exec("SYSTEM STOP MERGES subscription_events")
	for range 3 {
		s.produce(0, 1, 20)
	}
	s.Ingest()
	var events, rows uint64
	s.One("SELECT count() FROM piano_subscriber_event_stream", &events)
	s.One("SELECT count() FROM subscription_events", &rows)
	if events != 20 || rows != 60 {
		t.Errorf("%d events in %d rows, want 20 in 60", events, rows)
	}
	s.wantClean(s.audit(true))
	s.Exec("SYSTEM START MERGES subscription_events")
	s.Exec("OPTIMIZE TABLE subscription_events FINAL")
	s.wantClean(s.audit(true))
}

// TestAudit_DeepNamesTheDeadLetter finds out which one the shallow audit counts.
func TestAudit_DeepNamesTheDeadLetter(t *testing.T) {
	tier.Full(t, "ingests a world")
	s := newEnv(t, "http", 100)
	s.Publish()
	s.Ingest()
	var partition int32
	var offset int64
	s.One("SELECT source_partition, source_offset FROM dead_letters ORDER BY source_offset DESC LIMIT 1", &partition, &offset)
	s.Exec(fmt.Sprintf("ALTER TABLE dead_letters DELETE WHERE source_partition = %d AND source_offset = %d", partition, offset))
	r := s.audit(true)
	kinds := map[audit.Kind]audit.Finding{}
	for _, f := range r.Findings {
		kinds[f.Kind] = f
	}
	f := kinds[audit.DeadLetterMissing]
	if len(r.Findings) != 2 || kinds[audit.DeadLettersMissing].Messages != 1 || f.Partition != partition || f.Start != offset || f.Next != offset+1 || f.Messages != 1 {
		t.Errorf("got %+v", r.Findings)
	}
}

func TestAudit_OverlapsAndRepeatedRowsAreHarmless(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	s := newEnv(t, "native", 100)
	s.Publish()
	s.Ingest()
	// The same flush written twice, the range of one flush in another, and all of a
	// partition read again, as after a crash.
	const first = " FROM ingest_ledger WHERE start_offset = 0 AND source_partition = "
	var length uint64
	s.One("SELECT toUInt64(next_offset)"+first+"2", &length)
	s.Exec("INSERT INTO ingest_ledger SELECT * REPLACE (written_at + INTERVAL 1 SECOND AS written_at)" + first + "0")
	s.Exec("INSERT INTO ingest_ledger SELECT * REPLACE ('another' AS insert_token)" + first + "2")
	s.MoveGroup(1, 0)
	s.Ingest()
	r := s.audit(true)
	s.wantClean(r)
	if p := r.Partitions[0]; p.Repeated != 1 || p.Overlaps != 0 || p.ReadAgain != 0 {
		t.Errorf("a repeated row: %+v", *p)
	}
	// A flush that held the same ranges and no others has its token again.
	if p := r.Partitions[1]; p.Overlaps+p.Repeated == 0 {
		t.Errorf("a partition read again: %+v", *p)
	}
	if p := r.Partitions[2]; p.Repeated != 0 || p.Overlaps != 1 || p.ReadAgain != length {
		t.Errorf("an overlap of %d: %+v", length, *p)
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "were read again") || !strings.Contains(notes, "repeat another of the same flush") {
		t.Errorf("notes:\n%s", notes)
	}
}

func TestAudit_OffsetReset(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	s := newEnv(t, "native", 5)
	s.produce(0, 0, 30)
	s.Ingest()
	s.produce(0, 30, 30)
	s.MoveGroup(0, 40)
	t.Run("before_anything_is_read", func(t *testing.T) {
		s := s.in(t)
		f := s.wantOnly(s.audit(false), audit.CommittedBeyond, audit.OffsetReset, "/0 [30, 40)")
		if f.Start != 30 || f.Next != 40 {
			t.Errorf("got %+v", f)
		}
	})
	s.Settings.Consumer.OnDataLoss = "continue"
	s.Ingest()
	t.Run("accepted", func(t *testing.T) {
		s := s.in(t)
		r := s.audit(true)
		s.wantClean(r)
		if !strings.Contains(strings.Join(r.Notes, "\n"), "[30, 40): lost before it could be read (offset_moved), and accepted") {
			t.Errorf("notes %v", r.Notes)
		}
	})
	t.Run("nobody_says_that_it_was_accepted", func(t *testing.T) {
		s := s.in(t)
		s.Exec("ALTER TABLE ingest_ledger DELETE WHERE kind = 'lost'")
		s.wantOnly(s.audit(false), audit.Gap, audit.OffsetReset, "/0 [30, 40)")
		r := s.audit(true)
		if len(r.Findings) != 2 || r.Findings[0].Kind != audit.EventMissing || r.Findings[0].Messages != 10 || r.Findings[0].Start != 30 {
			t.Errorf("deep: %+v", r.Findings)
		}
	})
	t.Run("retention_takes_it", func(t *testing.T) {
		s := s.in(t)
		s.DeleteBefore(0, 45)
		s.wantOnly(s.audit(true), audit.Gap, audit.Retention, "/0 [30, 40)")
	})
	t.Run("moved_back_it_is_no_gap_while_it_waits", func(t *testing.T) {
		s := s.in(t)
		s.MoveGroup(0, 30)
		// What retention has passed meanwhile is lost to nobody: it was read from 40 on.
		s.wantClean(s.audit(true))
	})
}

func TestAudit_Loss(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	t.Run("retention", func(t *testing.T) {
		s := newEnv(t, "native", 5)
		s.produce(0, 0, 20)
		s.Ingest()
		s.produce(0, 20, 20)
		s.DeleteBefore(0, 33)
		s.wantOnly(s.audit(false), audit.UnreadLost, audit.Retention, "/0 [20, 33)")
		s.Settings.Consumer.OnDataLoss = "continue"
		s.Ingest()
		r := s.audit(true)
		s.wantClean(r)
		if lost := r.Partitions[0].Lost; len(lost) != 1 || lost[0].Start != 20 || lost[0].Next != 33 || !strings.Contains(strings.Join(r.Notes, "\n"), "[20, 33): lost before it could be read (retention), and accepted") {
			t.Errorf("lost %+v, notes %v", lost, r.Notes)
		}
		// Two lost ranges that look alike are two.
		s.Exec("INSERT INTO ingest_ledger SELECT * FROM ingest_ledger WHERE kind = 'lost'")
		if r := s.audit(false); len(r.Partitions[0].Lost) != 2 || r.Partitions[0].Repeated != 0 {
			t.Errorf("got %+v", r.Partitions[0])
		}
		s.Exec("ALTER TABLE ingest_ledger DELETE WHERE kind = 'lost'")
		s.wantOnly(s.audit(false), audit.Gap, audit.Retention, "no ledger row records the loss")
	})
	t.Run("retention_of_a_group_that_Kafka_has_forgotten", func(t *testing.T) {
		s := newEnv(t, "native", 5)
		s.produce(0, 0, 20)
		s.Ingest()
		s.produce(0, 20, 20)
		s.DeleteBefore(0, 33)
		_, err := s.Admin.DeleteGroup(t.Context(), s.Settings.Kafka.Group)
		s.Must(err)
		s.wantOnly(s.audit(false), audit.UnreadLost, audit.Retention, "/0 [20, 33)")
	})
	t.Run("a_recreated_topic", func(t *testing.T) {
		s := newEnv(t, "native", 5)
		s.produce(0, 0, 20)
		s.Ingest()
		s.DeleteTopic()
		s.CreateTopic()
		s.produce(0, 100, 25)
		s.wantOnly(s.audit(true), audit.TopicChanged, "", "recreated")
		s.Settings.Consumer.OnDataLoss = "continue"
		s.Ingest()
		r := s.audit(true)
		s.wantClean(r)
		old, current := r.Partitions[0], r.Partitions[1]
		if old.Epoch != 0 || old.Kafka != nil || old.Next != 20 || current.Epoch != 1 || current.Kafka == nil || current.Next != 25 || current.Reread.Messages != 25 {
			t.Errorf("got %+v and %+v", old, current)
		}
		s.Exec("ALTER TABLE ingest_ledger DELETE WHERE source_epoch = 1 AND kind = 'flush'")
		s.wantOnly(s.audit(false), audit.CommittedBeyond, audit.LedgerRowMissing, "@1/0 [0, 25)")
	})
}

// TestAudit_OtherRules reads again by rules that have changed since.
func TestAudit_OtherRules(t *testing.T) {
	tier.Full(t, "ingests a world")
	s := newEnv(t, "native", 150)
	s.Settings.Transform.UnknownAction = "dead_letter"
	s.Publish()
	s.Ingest()
	s.Settings.Transform.UnknownAction = "keep"
	r := s.audit(true)
	s.wantClean(r)
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "had another outcome at ingestion") {
		t.Errorf("notes:\n%s", notes)
	}
}

// TestAudit_WhileConsumersRun audits again and again while two instances share the
// topic, and while one of them comes and goes.
func TestAudit_WhileConsumersRun(t *testing.T) {
	tier.Full(t, "audits while consumers run")
	s := newEnv(t, "native", 600)
	s.Settings.Batch.MaxRows = 100
	s.Publish()
	stay := s.Serve()
	guest := s.Serve()
	s.Eventually("a first commit", func() bool { return len(s.Committed()) > 0 }, stay.Run)
	audits, running := 0, true
	for running {
		r := s.audit(audits%2 == 1)
		s.wantClean(r)
		running = false
		for _, p := range r.Partitions {
			running = running || p.Kafka.Behind > 0
		}
		if audits++; audits == 3 {
			guest.Drain()
		}
	}
	if audits < 3 {
		guest.Drain()
	}
	stay.Drain()
	s.wantClean(s.audit(true))
	t.Logf("%d audits while at work", audits)
}
