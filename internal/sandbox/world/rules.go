package world

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pianola/pianola/schemas"
)

// Rules are settings of the pipeline under test that decide what a message means. The
// zero Rules are Pianola's defaults. They do not change the messages.
type Rules struct {
	// SourceTimezone is transform.source_timezone; empty is UTC.
	SourceTimezone string
	// ActionSynonyms is transform.action_synonyms. Its texts are of mappableActions.
	ActionSynonyms map[string]string
}

var errRules = errors.New("invalid rules of the world")

// mappableActions are the texts of unknown actions that a synonym can map. Another letter
// or a digit prevents it for the other unknown actions.
func mappableActions() []string { return []string{unknownPaused, unknownRefund} }

// compiledRules are Rules in the form that the oracle uses. The zero value is the
// defaults.
type compiledRules struct {
	zone     *time.Location // nil is UTC
	synonyms map[string]string
}

func (r Rules) compile() (*compiledRules, error) {
	c := &compiledRules{synonyms: r.ActionSynonyms}
	if r.SourceTimezone != "" {
		zone, err := time.LoadLocation(r.SourceTimezone)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRules, err)
		}
		c.zone = zone
	}
	for _, text := range slices.Sorted(maps.Keys(r.ActionSynonyms)) {
		if !slices.Contains(mappableActions(), text) || !slices.Contains(schemas.Actions(), r.ActionSynonyms[text]) {
			return nil, fmt.Errorf("%w: the synonym %q of %q", errRules, text, r.ActionSynonyms[text])
		}
	}
	return c, nil
}

// isDefault reports whether every delivery of an event has the same identity.
func (r *compiledRules) isDefault() bool { return r.zone == nil && len(r.synonyms) == 0 }

// meaning returns the canonical action that a synonym gives to a text, or "".
func (r *compiledRules) meaning(text string) string { return r.synonyms[text] }

// unknown reports whether an action has no canonical meaning.
func (r *compiledRules) unknown(a action) bool {
	return a >= firstUnknownAction && r.meaning(unknownActions[a-firstUnknownAction]) == ""
}

// farFromTransition is longer than any time between a clock time in two offsets, and
// shorter than the time between two transitions.
const farFromTransition = 36 * hour

// fromWall returns the instant at which the clocks of the zone show what the clocks of
// UTC show at wall. Of two such instants it is the first. Of none it is the one that the
// offset before the transition gives (contract §2, stage 2).
func (r *compiledRules) fromWall(wall int64) int64 {
	if r.zone == nil {
		return wall
	}
	offsetAt := func(instant int64) int64 {
		_, seconds := time.UnixMilli(instant).In(r.zone).Zone()
		return int64(seconds) * second
	}
	before, after := offsetAt(wall-farFromTransition), offsetAt(wall+farFromTransition)
	for _, offset := range []int64{before, after} {
		if at := wall - offset; offsetAt(at) == offset {
			return at
		}
	}
	return wall - before
}
