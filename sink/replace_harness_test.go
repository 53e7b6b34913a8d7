package sink_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/twmb/murmur3"

	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// gives is what the rules make of a message: an event, or the name of another outcome.
type gives struct {
	event string // the identity; empty for no event
	text  string // another column of the event, or the reason of a dead letter
	other string // dead, filtered or skipped; empty for an event
}

func (g gives) String() string { return strings.TrimSpace(g.other + " " + g.event + " " + g.text) }

// replayed is a stream whose messages are known, and what the table must show of it.
type replayed struct {
	*database
	now     map[schemas.Coordinates]gives // by the rules of the last reading of each
	jobs    int
	reads   int                            // of single messages
	missing map[schemas.Coordinates]bool   // that Kafka no longer has
	deliver map[schemas.Coordinates]uint64 // versions
}

func replaying(d *database) *replayed {
	return &replayed{database: d, now: map[schemas.Coordinates]gives{}, missing: map[schemas.Coordinates]bool{}, deliver: map[schemas.Coordinates]uint64{}}
}

// in is the database for a subtest.
func (d *database) in(t *testing.T) *database {
	sub := *d
	sub.t = t
	return &sub
}

// empty removes all rows.
func (d *database) empty() {
	d.t.Helper()
	for _, table := range []string{"subscription_events", "dead_letters", "filtered_subscriptions", "ingest_ledger", "replay_claims"} {
		d.exec("TRUNCATE TABLE $." + table)
	}
}

// identity is an event of one of a few months, so that a chunk spans months.
func identity(name string) *schemas.Event {
	month := schemas.Millis(len(name)+int(name[0])) % 3
	return identityOf("sub-"+name, 1_700_000_000_000+31*24*3_600_000*month)
}

func identityOf(subscription string, at schemas.Millis) *schemas.Event {
	e := &schemas.Event{
		SubscriptionID: []byte(subscription), UserID: []byte("user"), EventTimestamp: at,
		SubscriptionAction:    []byte(schemas.Renewed),
		TransactionValue:      schemas.NullDecimal4{Decimal4: -12_3400, Valid: true},
		SubscriptionActionRaw: []byte("renewed"),
	}
	h1, h2 := murmur3.StringSum128(fmt.Sprintf("%s\x1f%d\x1f%s", e.SubscriptionID, e.EventTimestamp, e.SubscriptionAction))
	binary.BigEndian.PutUint64(e.ID[:8], h1)
	binary.BigEndian.PutUint64(e.ID[8:], h2)
	return e
}

func (g gives) asEvent() *schemas.Event {
	e := identity(g.event)
	e.TermName = []byte(g.text)
	return e
}

// version is the message's: later offsets have later timestamps, unless a test sets it.
func (s *replayed) version(c schemas.Coordinates) uint64 {
	if v, set := s.deliver[c]; set {
		return v
	}
	return schemas.KafkaVersion(1_740_000_000_000+schemas.Millis(c.Offset), c.Offset)
}

// read is a part with what the rules make of offsets [from, to) of a partition. Offsets
// that the rules do not name are not decided.
func (s *replayed) read(partition int32, from, to int64, rules map[schemas.Coordinates]gives) (*sink.Part, []int64) {
	p := &sink.Part{Chunk: sink.NewChunk(), Recheck: true, Ledger: schemas.LedgerRow{
		Source: schemas.SourceKafka, Name: topic, Partition: partition, StartOffset: from, NextOffset: to, LastOffset: to - 1,
	}}
	var dropped []int64
	for offset := from; offset < to; offset++ {
		c := at(partition, offset)
		g, known := rules[c]
		if !known || s.missing[c] {
			continue
		}
		p.Ledger.Messages++
		switch g.other {
		case "":
			p.Chunk.Append(g.asEvent(), c, s.version(c))
			p.Ledger.Stored++
		case "dead":
			p.DeadLetters = append(p.DeadLetters, schemas.DeadLetter{At: c, Reason: schemas.InvalidValue, Detail: g.text,
				Payload: "{}", PayloadSHA256: make([]byte, 32), MessageTime: 1_740_000_000_000, Attempts: 1})
			p.Ledger.DeadLettered++
		case "filtered":
			p.Filtered = append(p.Filtered, schemas.FilteredSubscription{SubscriptionID: "sub-" + g.text, Version: s.version(c)})
			dropped = append(dropped, offset)
			p.Ledger.Filtered++
		default:
			dropped = append(dropped, offset)
			p.Ledger.Skipped++
		}
	}
	return p, dropped
}

// consume flushes offsets as a consumer does.
func (s *replayed) consume(partition int32, from, to int64, rules map[schemas.Coordinates]gives) {
	s.t.Helper()
	part, _ := s.read(partition, from, to, rules)
	part.Ledger.Kind = schemas.LedgerFlush
	s.tick++
	s.flush(&sink.Batch{Token: fmt.Sprintf("flush-%d-%d", partition, from), Parts: []*sink.Part{part}})
	s.learn(partition, from, to, rules)
}

func (s *replayed) learn(partition int32, from, to int64, rules map[schemas.Coordinates]gives) {
	for offset := from; offset < to; offset++ {
		c := at(partition, offset)
		if g, known := rules[c]; known && !s.missing[c] {
			s.now[c] = g
		}
	}
}

// span is the offsets [from, to) of a partition.
type span struct {
	partition int32
	from, to  int64
}

// job is a replay of some ranges under new rules.
type job struct {
	*replayed
	id     string
	window []span
	rules  map[schemas.Coordinates]gives
	left   map[schemas.Coordinates]bool // which its filter leaves alone
	scans  int
}

func (j *job) leave(c schemas.Coordinates) { j.left[c] = true }

// selected are the rules of the messages that the filter selects.
func (j *job) selected() map[schemas.Coordinates]gives {
	rules := maps.Clone(j.rules)
	maps.DeleteFunc(rules, func(c schemas.Coordinates, _ gives) bool { return j.left[c] })
	return rules
}

func (s *replayed) job(rules map[schemas.Coordinates]gives, window ...span) *job {
	s.jobs++
	return &job{replayed: s, id: fmt.Sprintf("job-%d", s.jobs), window: window, rules: rules, left: map[schemas.Coordinates]bool{}}
}

func (j *job) reads(c schemas.Coordinates) bool {
	return slices.ContainsFunc(j.window, func(w span) bool {
		return c.Source == schemas.SourceKafka && c.Partition == w.partition && c.Offset >= w.from && c.Offset < w.to
	})
}

// claims scans the window once, then answers from the table, as the job of Kafka does.
func (j *job) claims(ctx context.Context, w *sink.Writer, departures []sink.Departure) (map[schemas.EventID][]sink.Claim, error) {
	if j.scans++; j.scans == 1 {
		var all []sink.Claim
		for c, g := range j.selected() {
			if j.reads(c) && g.other == "" {
				all = append(all, sink.Claim{EventID: identity(g.event).ID, Version: j.version(c), At: c})
			}
		}
		if err := w.WriteClaims(ctx, j.id, all); err != nil {
			return nil, err
		}
	}
	return w.Claims(ctx, j.id, departures)
}

func (j *job) readClaims(_ context.Context, claims []sink.Claim, to *sink.Chunk) error {
	for _, c := range claims {
		if g := j.rules[c.At]; !j.missing[c.At] && g.other == "" {
			j.replayed.reads++
			to.Append(g.asEvent(), c.At, c.Version)
		}
	}
	return nil
}

func (j *job) replacement(w *sink.Writer, chunk span) *sink.Replacement {
	part, dropped := j.read(chunk.partition, chunk.from, chunk.to, j.selected())
	part.Ledger.JobID = j.id
	return &sink.Replacement{Part: part, Dropped: dropped,
		Claims: func(ctx context.Context, d []sink.Departure) (map[schemas.EventID][]sink.Claim, error) {
			return j.claims(ctx, w, d)
		},
		Read: j.readClaims,
	}
}

// run replaces the window in chunks of some offsets.
func (j *job) run(size int64) (total sink.ReplaceStats) {
	j.t.Helper()
	for _, chunk := range j.chunks(size) {
		j.tick++
		stats, err := j.Replace(j.t.Context(), j.replacement(j.Writer, chunk))
		if err != nil {
			j.t.Fatal(err)
		}
		j.learn(chunk.partition, chunk.from, chunk.to, j.selected())
		total.Changes.Add(stats.Changes)
		total.Rows += stats.Rows
		total.Markers += stats.Markers
		total.Successors += stats.Successors
		total.Kept += stats.Kept
		total.DeadLetters += stats.DeadLetters
		total.Opened += stats.Opened
		total.Resolved += stats.Resolved
		total.Refused += stats.Refused
	}
	return total
}

func (j *job) chunks(size int64) (all []span) {
	for _, w := range j.window {
		for from := w.from; from < w.to; from += size {
			all = append(all, span{w.partition, from, min(from+size, w.to)})
		}
	}
	return all
}

// truth is what the view must show: of each event the delivery with the highest version.
func (s *replayed) truth() []string {
	best := map[string]schemas.Coordinates{}
	for c, g := range s.now {
		if g.other != "" {
			continue
		}
		if now, known := best[g.event]; !known || s.version(c) > s.version(now) {
			best[g.event] = c
		}
	}
	var rows []string
	for event, c := range best {
		rows = append(rows, event+"="+s.now[c].text)
	}
	sort.Strings(rows)
	return rows
}

// shown is what the view shows.
func (s *replayed) shown() []string {
	s.t.Helper()
	rows := s.rows("SELECT concat(substring(subscription_id, 5), '=', ifNull(term_name, '')) FROM $.piano_subscriber_event_stream")
	for i := range rows {
		rows[i] = strings.TrimSuffix(strings.TrimPrefix(rows[i], "('"), "')")
	}
	sort.Strings(rows)
	return rows
}

// check compares the view and the open dead letters with the truth.
func (s *replayed) check(t *testing.T, when string) {
	t.Helper()
	if got, want := s.shown(), s.truth(); !slices.Equal(got, want) {
		t.Fatalf("%s: the view shows\n%q, want\n%q", when, got, want)
	}
	var want []string
	for c, g := range s.now {
		if g.other == "dead" {
			want = append(want, fmt.Sprintf("(%d,%d,'%s')", c.Partition, c.Offset, g.text))
		}
	}
	sort.Strings(want)
	got := s.rows("SELECT source_partition, source_offset, detail FROM $.dead_letters FINAL WHERE resolved_at IS NULL")
	sort.Strings(got)
	if !slices.Equal(got, want) {
		t.Fatalf("%s: open dead letters\n%q, want\n%q", when, got, want)
	}
}

// everything is all rows of the tables that a replay writes, markers included, except the
// ledger.
func (s *replayed) everything() []string {
	s.t.Helper()
	var all []string
	for _, from := range []string{"subscription_events", "dead_letters FINAL", "filtered_subscriptions FINAL"} {
		rows := s.rows("SELECT * FROM $." + from)
		sort.Strings(rows)
		all = append(all, rows...)
	}
	return all
}

// unchanged runs a job again and fails if it changes anything.
func (s *replayed) unchanged(t *testing.T, j *job, size int64) {
	t.Helper()
	before := s.everything()
	again := s.job(j.rules, j.window...)
	again.left = j.left
	stats := again.run(size)
	if after := s.everything(); !slices.Equal(before, after) {
		t.Fatalf("a repetition changed the tables (%+v)\nbefore %s\nafter  %s", stats, strings.Join(before, "\n       "), strings.Join(after, "\n       "))
	}
}

// events are rules by which consecutive offsets of partition 0 give these.
func events(all ...gives) map[schemas.Coordinates]gives {
	rules := map[schemas.Coordinates]gives{}
	for i, g := range all {
		rules[at(0, int64(i))] = g
	}
	return rules
}

// with is the rules with some changed.
func with(rules map[schemas.Coordinates]gives, changed map[int64]gives) map[schemas.Coordinates]gives {
	out := maps.Clone(rules)
	for offset, g := range changed {
		out[at(0, offset)] = g
	}
	return out
}
