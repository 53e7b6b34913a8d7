package world

import (
	"errors"
	"fmt"
	"time"
)

// MaxMessageBytes is the contract's default limit. The world has messages of exactly
// this size, and larger ones.
const MaxMessageBytes = 1 << 20

// UnknownAction is the setting of the pipeline under test for an unknown action
// (contract §2, stage 5). The truth depends on it.
type UnknownAction string

// The values of UnknownAction.
const (
	KeepUnknown       UnknownAction = "keep"
	DeadLetterUnknown UnknownAction = "dead_letter"
	DropUnknown       UnknownAction = "drop"
)

// Config determines a world completely. A share is the part of all events, between 0
// and 1.
type Config struct {
	Seed        uint64
	Subscribers int
	Start, End  time.Time // events lie in [Start, End]
	// SentUntil is when the last message is sent. Later ones are sent then. Zero is no
	// limit: the last deliveries are sent up to three weeks after End.
	SentUntil time.Time

	Topic         string // as the tables name the source
	Partitions    int
	UnknownAction UnknownAction

	BadShare        float64 // with a fault in the first delivery; most have a good one later
	DuplicateShare  float64 // redelivered in the same bytes
	ReencodedShare  float64 // redelivered in other notations
	CorrectionShare float64 // redelivered with other attributes
	LateShare       float64 // delivered minutes to days late
	TombstoneShare  float64 // followed by a tombstone
}

// Defaults returns a year of 20,000 subscribers. It lies in the past for every clock
// that runs this code. EndAt moves it.
func Defaults() Config {
	end := time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	return Config{
		Seed:            1,
		Subscribers:     20_000,
		Start:           end.AddDate(-1, 0, 0),
		End:             end,
		Topic:           "piano.subscriber-events",
		Partitions:      4,
		UnknownAction:   KeepUnknown,
		BadShare:        0.02,
		DuplicateShare:  0.03,
		ReencodedShare:  0.01,
		CorrectionShare: 0.01,
		LateShare:       0.03,
		TombstoneShare:  0.003,
	}
}

// EndAt moves the year, so that it ends at this time. No message is sent more than an hour
// later, so an end that is an hour ago makes a topic without messages from the future.
func (c *Config) EndAt(end time.Time) {
	c.Start, c.End, c.SentUntil = end.AddDate(-1, 0, 0), end, end.Add(time.Hour)
}

// Validate reports every mistake at once.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("world: "+format, args...)) }
	if c.Subscribers < 1 || c.Subscribers > 10_000_000 {
		bad("subscribers is %d, must be between 1 and 10,000,000", c.Subscribers)
	}
	if !c.Start.Before(c.End) {
		bad("start %s is not before end %s", c.Start, c.End)
	}
	if !c.SentUntil.IsZero() && !c.SentUntil.After(c.End) {
		bad("the last message at %s is not after the end %s", c.SentUntil, c.End)
	}
	if c.Start.Year() < 2005 || c.End.Year() > 2150 {
		bad("years %d to %d: the notations of the contract cover 2005 to 2150", c.Start.Year(), c.End.Year())
	}
	if c.Topic == "" {
		bad("topic is empty")
	}
	if c.Partitions < 1 {
		bad("%d partitions, at low 1 is needed", c.Partitions)
	}
	switch c.UnknownAction {
	case KeepUnknown, DeadLetterUnknown, DropUnknown:
	default:
		bad("unknown_action is %q, must be keep, dead_letter or drop", c.UnknownAction)
	}
	for _, s := range []struct {
		name  string
		share float64
	}{
		{"bad", c.BadShare}, {"duplicate", c.DuplicateShare}, {"reencoded", c.ReencodedShare},
		{"correction", c.CorrectionShare}, {"late", c.LateShare}, {"tombstone", c.TombstoneShare},
	} {
		if !(s.share >= 0 && s.share <= 1) {
			bad("%s share is %v, must be between 0 and 1", s.name, s.share)
		}
	}
	return errors.Join(errs...)
}
