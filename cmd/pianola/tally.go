package main

import (
	"fmt"
	"strings"

	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// tally counts the outcomes of messages.
type tally struct {
	outcomes map[transform.Outcome]uint64
	reasons  map[schemas.Reason]uint64
	notes    []note
}

// note is the total of one of transform.Notes, which are 32 bits wide and count one
// message.
type note struct {
	name  string
	of    func(transform.Notes) uint32
	total uint64
}

func newTally() *tally {
	return &tally{
		outcomes: map[transform.Outcome]uint64{},
		reasons:  map[schemas.Reason]uint64{},
		notes: []note{
			{name: "unknown fields ignored", of: func(n transform.Notes) uint32 { return n.UnknownFields }},
			{name: "addresses replaced in other text", of: func(n transform.Notes) uint32 { return n.GuardedAddresses }},
			{name: "addresses in the hash field, hashed", of: func(n transform.Notes) uint32 { return n.AddressesInHashField }},
			{name: "hashes that differ from the address", of: func(n transform.Notes) uint32 { return n.EmailHashDisagreements }},
			{name: "hashes of empty text, treated as absent", of: func(n transform.Notes) uint32 { return n.EmptyHashes }},
			{name: "invalid email addresses, ignored", of: func(n transform.Notes) uint32 { return n.IgnoredEmails }},
			{name: "timestamps that mean never", of: func(n transform.Notes) uint32 { return n.NeverTimestamps }},
			{name: "unknown actions kept", of: func(n transform.Notes) uint32 { return n.UnknownActions }},
			{name: "unknown actions dropped", of: func(n transform.Notes) uint32 { return n.DroppedActions }},
		},
	}
}

func (t *tally) add(r *transform.Result) {
	t.outcomes[r.Outcome]++
	if r.Outcome == transform.DeadLettered {
		t.reasons[r.Reason]++
	}
	if r.Notes == (transform.Notes{}) {
		return
	}
	for i := range t.notes {
		t.notes[i].total += uint64(t.notes[i].of(r.Notes))
	}
}

// String is a table of all outcomes, and of the reasons and notes that occurred.
func (t *tally) String() string {
	var b strings.Builder
	line := func(name string, n uint64) { fmt.Fprintf(&b, "%-40s %12d\n", name, n) }
	var messages uint64
	for _, n := range t.outcomes {
		messages += n
	}
	line("messages", messages)
	line("  stored", t.outcomes[transform.Stored])
	line("  filtered", t.outcomes[transform.Filtered])
	line("  dead letters", t.outcomes[transform.DeadLettered])
	for _, reason := range schemas.Reasons() {
		if n := t.reasons[reason]; n > 0 {
			line("    "+string(reason), n)
		}
	}
	line("  skipped", t.outcomes[transform.Skipped])
	for _, one := range t.notes {
		if one.total > 0 {
			line(one.name, one.total)
		}
	}
	return b.String()
}
