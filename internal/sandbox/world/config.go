package world

import (
	"errors"
	"fmt"
	"time"
)

// MaxMessageBytes is the contract's default limit, around which the world tells
// messages of exactly the limit and of more.
const MaxMessageBytes = 1 << 20

// UnknownAction is what the pipeline under test does with an action that is
// none of the twelve (contract §2, stage 5): the truth depends on it.
type UnknownAction string

// The three choices.
const (
	KeepUnknown       UnknownAction = "keep"
	DeadLetterUnknown UnknownAction = "dead_letter"
	DropUnknown       UnknownAction = "drop"
)

// Config decides a world completely. Shares are between 0 and 1, of the events
// of all lives.
type Config struct {
	Seed        uint64
	Subscribers int
	Start, End  time.Time // events lie in [Start, End]

	Topic         string // as the tables name the source
	Partitions    int
	UnknownAction UnknownAction

	BadShare        float64 // first delivered broken; most of them again, whole
	DuplicateShare  float64 // delivered again in the same bytes
	ReencodedShare  float64 // delivered again in other notations
	CorrectionShare float64 // delivered again with other attributes
	LateShare       float64 // delivered minutes to days late
	TombstoneShare  float64 // followed by a record without a value
}

// Defaults is a year of 20,000 subscribers that ends before any clock that runs
// this can show.
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

// Validate reports every mistake at once.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("world: "+format, args...)) }
	if c.Subscribers < 1 || c.Subscribers > 10_000_000 {
		bad("%d subscribers, 1 to 10,000,000 are possible", c.Subscribers)
	}
	if !c.Start.Before(c.End) {
		bad("the start %s is not before the end %s", c.Start, c.End)
	}
	if c.Start.Year() < 2005 || c.End.Year() > 2150 {
		bad("the years %d to %d reach beyond what the contract's notations can tell", c.Start.Year(), c.End.Year())
	}
	if c.Topic == "" {
		bad("the topic has no name")
	}
	if c.Partitions < 1 {
		bad("%d partitions, at low 1 is needed", c.Partitions)
	}
	switch c.UnknownAction {
	case KeepUnknown, DeadLetterUnknown, DropUnknown:
	default:
		bad("unknown_action %q is none of keep, dead_letter, drop", c.UnknownAction)
	}
	for _, s := range []struct {
		name  string
		share float64
	}{
		{"bad", c.BadShare}, {"duplicate", c.DuplicateShare}, {"retold", c.ReencodedShare},
		{"correction", c.CorrectionShare}, {"late", c.LateShare}, {"tombstone", c.TombstoneShare},
	} {
		if !(s.share >= 0 && s.share <= 1) {
			bad("the %s share %v is not between 0 and 1", s.name, s.share)
		}
	}
	return errors.Join(errs...)
}
