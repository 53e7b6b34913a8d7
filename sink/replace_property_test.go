package sink_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// chance is a random stream, and what happens to it.
type chance struct {
	*rand.Rand
	s       *replayed
	offsets [2]int64 // of each partition, that were produced
	clock   schemas.Millis
}

// given is a random outcome. Few events, so that deliveries meet.
func (c *chance) given() gives {
	switch n := c.IntN(12); {
	case n < 9:
		return gives{event: string(rune('A' + c.IntN(6))), text: fmt.Sprint(c.IntN(3))}
	case n < 10:
		return gives{other: "dead", text: fmt.Sprint(c.IntN(2))}
	case n < 11:
		return gives{other: "filtered", text: string(rune('A' + c.IntN(6)))}
	default:
		return gives{other: "skipped"}
	}
}

// produce adds messages. late: a third has a timestamp before that of earlier messages.
func (c *chance) produce(partition int32, n int64, late bool, rules map[schemas.Coordinates]gives) {
	for range n {
		at := at(partition, c.offsets[partition])
		c.offsets[partition]++
		rules[at] = c.given()
		c.clock++
		sent := c.clock
		if late && c.IntN(3) == 0 {
			sent = 1 + schemas.Millis(c.IntN(int(c.clock)))
		}
		// The partition keeps the versions apart.
		c.s.deliver[at] = schemas.KafkaVersion(1_740_000_000_000+2*sent+schemas.Millis(partition), at.Offset)
	}
}

// consume reads what was produced in flushes of random size.
func (c *chance) consume(partition int32, from int64, rules map[schemas.Coordinates]gives) {
	for from < c.offsets[partition] {
		to := min(c.offsets[partition], from+1+c.Int64N(5))
		c.s.consume(partition, from, to, rules)
		from = to
	}
}

// change gives some messages another outcome.
func (c *chance) change(rules map[schemas.Coordinates]gives, window ...span) map[schemas.Coordinates]gives {
	out := map[schemas.Coordinates]gives{}
	for at, g := range rules {
		out[at] = g
	}
	for _, w := range window {
		for offset := w.from; offset < w.to; offset++ {
			if c.IntN(3) == 0 {
				out[at(w.partition, offset)] = c.given()
			}
		}
	}
	return out
}

func (c *chance) merge() {
	if c.IntN(3) == 0 {
		c.s.exec("OPTIMIZE TABLE $.subscription_events FINAL")
	}
}

// replay runs a job in chunks of random size. Sometimes it is interrupted after a write
// and repeats the chunk. between happens between two chunks.
func (c *chance) replay(j *job, between func()) {
	for _, chunk := range j.chunks(1 + c.Int64N(6)) {
		j.tick++
		if c.IntN(3) == 0 {
			c.interrupt(j, chunk, 1+c.IntN(5))
		}
		stats, err := j.Replace(j.t.Context(), j.replacement(j.Writer, chunk))
		if err != nil {
			j.t.Fatal(err)
		}
		if stats.Kept != 0 {
			j.t.Fatalf("%d rows were kept", stats.Kept)
		}
		j.learn(chunk.partition, chunk.from, chunk.to, j.selected())
		between()
	}
}

// interrupt replaces a chunk and ends after some INSERT.
func (c *chance) interrupt(j *job, chunk span, after int) {
	ctx, cancel := context.WithCancel(j.t.Context())
	defer cancel()
	inserts := 0
	w, err := sink.Open(ctx, j.cfg, zap.NewNop(), sink.Hooks{
		Now: func() time.Time { return time.UnixMilli(int64(j.tick)) },
		OnInsert: func(string, int, int, time.Duration) {
			if inserts++; inserts == after {
				cancel()
			}
		},
	})
	if err != nil {
		j.t.Fatal(err)
	}
	defer w.Close()
	_, _ = w.Replace(ctx, j.replacement(w, chunk)) // fewer INSERTs may be needed
}

// TestWriter_Replace_EqualsModel replays a random stream by changing rules, with merges,
// interruptions and a consumer in between, and compares the tables with the model: of each
// event the delivery with the highest version, by the last rules.
//
// The default is three streams of each kind. The long form is 60:
//
//	PIANOLA_TEST_LONG=1 go test -timeout 1h -run EqualsModel ./sink
func TestWriter_Replace_EqualsModel(t *testing.T) {
	tier.Full(t, "replays many random streams")
	d := open(t, sink.Native, nil)
	for seed := range uint64(tier.Times(3, 60)) {
		t.Run(fmt.Sprintf("whole stream, seed %d", seed), func(t *testing.T) {
			s := replaying(d.in(t))
			s.empty()
			c := &chance{Rand: rand.New(rand.NewPCG(seed, 1)), s: s}
			rules := map[schemas.Coordinates]gives{}
			for p := range int32(2) {
				c.produce(p, 4+c.Int64N(8), true, rules)
				c.consume(p, 0, rules)
			}
			c.merge()
			s.check(t, "ingested")
			for round := range 3 {
				window := []span{{0, 0, c.offsets[0]}, {1, 0, c.offsets[1]}}
				rules = c.change(rules, window...)
				j := s.job(rules, window...)
				c.replay(j, func() {
					c.merge()
					if c.IntN(4) == 0 { // the consumer continues by the same rules
						p := int32(c.IntN(2))
						from := c.offsets[p]
						c.produce(p, 1+c.Int64N(2), false, rules) // a marker hides what is sent late
						c.consume(p, from, rules)
					}
				})
				s.check(t, fmt.Sprintf("round %d", round))
				s.unchanged(t, j, 1+c.Int64N(9))
				c.merge()
				s.check(t, fmt.Sprintf("round %d, merged", round))
			}
		})
		t.Run(fmt.Sprintf("windows and filters, seed %d", seed), func(t *testing.T) {
			s := replaying(d.in(t))
			s.empty()
			s.exec("SYSTEM STOP MERGES $.subscription_events") // what a merge removes outside of the window is unknown
			defer s.exec("SYSTEM START MERGES $.subscription_events")
			c := &chance{Rand: rand.New(rand.NewPCG(seed, 2)), s: s}
			rules := map[schemas.Coordinates]gives{}
			for p := range int32(2) {
				c.produce(p, 4+c.Int64N(8), true, rules)
				c.consume(p, 0, rules)
			}
			from := c.Int64N(c.offsets[0])
			window := []span{{0, from, from + 1 + c.Int64N(c.offsets[0]-from)}, {1, 0, c.Int64N(c.offsets[1])}}
			rules = c.change(rules, window...)
			j := s.job(rules, window...)
			for at := range rules { // a filter leaves some alone
				if c.IntN(6) == 0 {
					j.leave(at)
				}
			}
			c.replay(j, func() {})
			s.check(t, "replayed")
			s.unchanged(t, j, 1+c.Int64N(9))
		})
	}
}
