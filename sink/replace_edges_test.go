package sink_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// TestWriter_Replace_Refused: the table refuses the new rows of some messages. They become
// dead letters, and their old rows go, as if they had been read for the first time.
func TestWriter_Replace_Refused(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		s := replaying(d)
		stored := func(event, text string) gives { return gives{event: event, text: text} }
		// A is altered, B moves, C moves to an event that D gives too, E takes over from F.
		before := events(stored("A", "1"), stored("B", "2"), stored("C", "3"), stored("D", "4"), stored("F", "5"), stored("F", "6"))
		after := events(stored("A", "free"), stored("b", "free"), stored("D", "3"), stored("D", "free"), stored("F", "5"), stored("f", "6"))
		s.consume(0, 0, 6, before)
		d.exec("ALTER TABLE $.subscription_events ADD CONSTRAINT paid CHECK ifNull(term_name, '') != 'free'")
		j := s.job(after, span{0, 0, 6})
		stats := j.run(100)
		if stats.Refused != 3 || stats.Opened != 3 {
			t.Errorf("%+v", stats)
		}
		for _, offset := range []int64{0, 1, 3} {
			delete(s.now, at(0, offset))
		}
		if got, want := fmt.Sprint(s.shown()), fmt.Sprint(s.truth()); got != want {
			t.Errorf("the view shows %s, want %s", got, want)
		}
		d.is("SELECT source_offset, reason, subscription_id FROM $.dead_letters FINAL WHERE resolved_at IS NULL ORDER BY 1",
			"(0,'rejected_by_server','sub-A')", "(1,'rejected_by_server','sub-b')", "(3,'rejected_by_server','sub-D')")
		d.is("SELECT messages, stored, dead_lettered FROM $.ingest_ledger WHERE kind = 'replay'", "(6,3,3)")
		s.unchanged(t, j, 100)
		// Without the constraint they pass.
		d.exec("ALTER TABLE $.subscription_events DROP CONSTRAINT paid")
		if stats := s.job(after, span{0, 0, 6}).run(2); stats.Resolved != 3 {
			t.Errorf("%+v", stats)
		}
		s.check(t, "without the constraint")
	})
}

// TestWriter_Replace_TableRefusesEverything: the table is wrong, not the rows.
func TestWriter_Replace_TableRefusesEverything(t *testing.T) {
	d := open(t, sink.Native, nil)
	s := replaying(d)
	rules := map[schemas.Coordinates]gives{}
	for i := range int64(40) {
		rules[at(0, i)] = gives{event: fmt.Sprintf("E%d", i), text: "free"}
	}
	d.exec("ALTER TABLE $.subscription_events ADD CONSTRAINT paid CHECK ifNull(term_name, '') != 'free'")
	j := s.job(rules, span{0, 0, 40})
	if _, err := d.Replace(t.Context(), j.replacement(d.Writer, span{0, 0, 40})); !errors.Is(err, sink.ErrTooManyRefused) {
		t.Errorf("got %v, want %v", err, sink.ErrTooManyRefused)
	}
	d.is("SELECT (SELECT count() FROM $.dead_letters), (SELECT count() FROM $.ingest_ledger)", "(0,0)")
}

// TestWriter_Replace_SuccessorGone: the message that is to take over is gone from Kafka. The
// row stays as it is, and the next replay, which finds no claim, removes it.
func TestWriter_Replace_SuccessorGone(t *testing.T) {
	d := open(t, sink.Native, nil)
	s := replaying(d)
	before := events(gives{event: "A", text: "1"}, gives{event: "A", text: "2"}, gives{event: "B", text: "3"})
	s.consume(0, 0, 3, before)
	d.exec("OPTIMIZE TABLE $.subscription_events FINAL")
	j := s.job(with(before, map[int64]gives{1: {event: "C", text: "2"}}), span{0, 0, 3})
	claimed := j.replacement(d.Writer, span{0, 1, 3})
	claimed.Read = func(context.Context, []sink.Claim, *sink.Chunk) error { return nil } // retention was faster
	d.tick++
	stats, err := d.Replace(t.Context(), claimed)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Kept != 1 || stats.Markers != 0 || stats.Rows != 1 {
		t.Errorf("%+v", stats)
	}
	d.is("SELECT subscription_id, term_name, source_offset FROM $.subscription_events FINAL ORDER BY 1", "('sub-A','2',1)", "('sub-B','3',2)", "('sub-C','2',1)")

	s.missing[at(0, 0)] = true
	delete(s.now, at(0, 0))
	s.learn(0, 1, 3, j.rules)
	again := s.job(j.rules, span{0, 1, 3})
	if stats := again.run(100); stats.Kept != 0 || stats.Markers != 1 {
		t.Errorf("%+v", stats)
	}
	s.check(t, "replayed from what is left")
}

// TestWriter_Replace_OtherSources: a row from a file, one from another topic and one from an
// earlier epoch take over where the message of the range leaves.
func TestWriter_Replace_OtherSources(t *testing.T) {
	d := open(t, sink.Native, nil)
	s := replaying(d)
	d.exec("SYSTEM STOP MERGES $.subscription_events")
	others := map[string]schemas.Coordinates{
		"A": {Source: schemas.SourceFile, Name: "a.ndjson", Offset: 7},
		"B": {Source: schemas.SourceKafka, Name: "other", Offset: 3},
		"C": {Source: schemas.SourceKafka, Name: topic, Epoch: 1, Offset: 2},
	}
	p := &sink.Part{Chunk: sink.NewChunk(), Ledger: schemas.LedgerRow{Source: schemas.SourceFile, Name: "all"}}
	for event, at := range others {
		version := uint64(0)
		if at.Source == schemas.SourceKafka {
			version = schemas.KafkaVersion(1_700_000_000_000, at.Offset)
		}
		p.Chunk.Append(gives{event: event, text: "other"}.asEvent(), at, version)
	}
	d.flush(&sink.Batch{Token: "others", Parts: []*sink.Part{p}})
	before := events(gives{event: "A", text: "1"}, gives{event: "B", text: "2"})
	s.consume(0, 0, 2, before)
	before[at(0, 5)] = gives{event: "C", text: "3"}
	s.consume(0, 5, 6, before)
	after := map[schemas.Coordinates]gives{at(0, 0): {event: "a", text: "1"}, at(0, 1): {other: "filtered", text: "B"}, at(0, 5): {other: "dead", text: "bad"}}
	j := s.job(after, span{0, 0, 6})
	d.tick++
	stats, err := d.Replace(t.Context(), j.replacement(d.Writer, span{0, 0, 6}))
	if err != nil {
		t.Fatal(err)
	}
	if stats.Successors != 3 || stats.Markers != 0 {
		t.Errorf("%+v", stats)
	}
	d.is("SELECT subscription_id, term_name, source, source_name, source_offset FROM $.subscription_events FINAL WHERE subscription_id != 'sub-a' ORDER BY 1",
		"('sub-A','other','file','a.ndjson',7)", "('sub-B','other','kafka','other',3)", "('sub-C','other','kafka','piano.subscriber-events',2)")
	s.unchanged(t, j, 3)
}
