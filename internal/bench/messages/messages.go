// Package messages is the stream that every system of a comparison reads: events of the
// invented world in one plain notation, as Piano publishes them.
//
// The world itself writes each field in every notation that the contract accepts. No SQL
// statement and no simple consumer reads all of these. In the plain notation every system
// can store the same rows, so that their work can be compared. It spares the others what
// Pianola does for every message anyway: it looks for addresses in texts, trims, and
// checks names that occur twice.
package messages

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/transform"
)

// Config determines a stream completely.
type Config struct {
	Count       int     `json:"count"`
	Partitions  int     `json:"partitions"`
	Seed        uint64  `json:"seed"`
	Bytes       int     `json:"bytes"`        // smaller messages are padded to this size; 0: none
	Months      int     `json:"months"`       // consecutive messages lie in so many months; 0: as the world sends them
	Internal    float64 `json:"internal"`     // share of messages of internal users
	DeadLetters float64 `json:"dead_letters"` // share of messages that cannot be stored
}

// Defaults are two million messages of about 610 bytes in four partitions.
func Defaults() Config {
	return Config{Count: 2_000_000, Partitions: 4, Seed: 1, Internal: 0.01, DeadLetters: 0.005}
}

// Validate reports every mistake at once.
func (c Config) Validate() error {
	var errs []error
	for _, limit := range []struct {
		name               string
		value, least, most int
	}{
		{"count", c.Count, 1, 40_000_000},
		{"partitions", c.Partitions, 1, 1000},
		{"bytes", c.Bytes, 0, 1 << 20},
		{"months", c.Months, 0, 240},
	} {
		if limit.value < limit.least || limit.value > limit.most {
			errs = append(errs, fmt.Errorf("messages: %s is %d, must be between %d and %d", limit.name, limit.value, limit.least, limit.most))
		}
	}
	if !(c.Internal >= 0 && c.DeadLetters >= 0 && c.Internal+c.DeadLetters <= 1) {
		errs = append(errs, errors.New("messages: the shares of internal users and of dead letters must not be negative, nor above 1 together"))
	}
	return errors.Join(errs...)
}

// Message is one record of the topic.
type Message struct {
	Partition  int32
	Offset     int64 // of the record in its partition
	Key, Value []byte
	Time       time.Time
	Stored     bool   // becomes a row
	Event      uint64 // hash of the identity that the row has
}

// Stream is the messages of a Config.
type Stream struct {
	config Config
	world  *world.World
	rules  *transform.Rules
}

// New plans the stream. It takes a few seconds and 150 bytes a message.
func New(c Config) (*Stream, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	w := world.Defaults()
	// A subscriber has about five messages that can be stored. Three are certain enough,
	// and large shares of the world's other messages are left out.
	w.Seed, w.Partitions, w.Subscribers = c.Seed, c.Partitions, c.Count/3+100
	w.BadShare, w.TombstoneShare = 0, 0
	s := &Stream{config: c, rules: rules}
	if s.world, err = world.New(w); err != nil {
		return nil, err
	}
	if s.world.Total() < c.Count {
		return nil, fmt.Errorf("messages: the world of %d subscribers has %d messages, fewer than %d", w.Subscribers, s.world.Total(), c.Count)
	}
	return s, nil
}

// Config returns the configuration of the stream.
func (s *Stream) Config() Config { return s.config }

// All yields the messages in the order of sending. Every call yields the same bytes. The
// slices of a message belong to the receiver.
func (s *Stream) All() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		worker := s.rules.NewWorker()
		now := s.world.Config().End.AddDate(1, 0, 0)
		e := encoder{config: s.config, dice: rand.New(rand.NewPCG(s.config.Seed, 1))}
		next := make([]int64, s.config.Partitions)
		count := 0
		for m := range s.world.Messages() {
			result := worker.Apply(m.Value, now)
			if result.Outcome != transform.Stored {
				continue
			}
			out := Message{Partition: m.Partition, Offset: next[m.Partition], Key: m.Key, Time: m.Time}
			e.encode(&out, result.Event, count)
			if next[m.Partition]++; !yield(out) {
				return
			}
			if count++; count == s.config.Count {
				return
			}
		}
	}
}
