package world

import (
	"github.com/pianola/pianola/schemas"
)

// outcome is what must become of a message.
type outcome uint8

const (
	stored outcome = iota
	filtered
	deadLettered
	skipped
)

// teller writes deliveries as messages and knows, while it writes, the row that
// must come out. It is reused from message to message and not safe for
// concurrent use.
type teller struct {
	w   *World
	d   dice
	buf []byte // the message
	row schemas.Event

	arena   []byte // what the row's texts point into
	scratch []byte
	address []byte // of the person spoken of

	// What this telling is like.
	e        *event
	s        *subscription
	p        *person
	odd      bool // unusual notations are drawn for every field
	loose    bool // white space between tokens
	fields   int
	faults   [2]*fault
	internal bool // something that was told makes the filter drop the event

	used map[string]int // notations told so far; nil when nobody counts
}

// telling is one told message. Its slices hold until the next tell.
type telling struct {
	outcome outcome
	reason  schemas.Reason
	field   field
	value   []byte
	row     *schemas.Event // of a stored event
	// subscription is the id as the tables hold it, or empty where the message
	// does not give it away for certain.
	subscription string
}

func (w *World) newTeller() *teller {
	return &teller{w: w, buf: make([]byte, 0, 4096), arena: make([]byte, 0, 4096)}
}

// tell writes one delivery. The same delivery is always told alike.
func (t *teller) tell(del *delivery) telling {
	if del.kind == tellTombstone {
		return telling{outcome: skipped, field: noField}
	}
	t.begin(del)
	t.object(del.kind == tellCorrected, del.kind == tellAtLimitPrefixed)
	out := t.judge()
	switch {
	case del.kind == tellAtLimit:
		t.note("message of exactly the limit")
		t.buf = pad(t.buf, MaxMessageBytes)
	case del.kind == tellAtLimitPrefixed:
		t.note("message of exactly the limit, prefixed")
		t.buf = prefixed(pad(t.buf, MaxMessageBytes-5))
	case del.kind == tellDeep:
		t.note("nested as deep as is allowed")
		t.buf = nest(t.buf, maxDepth-1)
	case t.faults[0] != nil && t.faults[0].mangle != nil:
		t.buf = t.faults[0].mangle(t, t.buf)
	case t.odd && t.faults[0] == nil && t.d.chance(0.08):
		t.note("confluent prefix")
		t.buf = prefixed(t.buf)
	}
	out.value = t.buf
	return out
}

func (t *teller) begin(del *delivery) {
	t.d.seed(t.w.cfg.Seed, streamTelling, uint64(del.voice))
	t.e = &t.w.events[del.event]
	t.s = &t.w.subs[t.e.sub]
	t.p = &t.w.people[t.s.person]
	t.row = schemas.Event{}
	t.buf, t.arena = t.buf[:0], t.arena[:0]
	t.address = t.p.appendAddress(t.address[:0])
	t.fields, t.internal = 0, false
	t.odd = t.d.chance(0.35)
	t.loose = t.odd && t.d.chance(0.3)
	t.faults = [2]*fault{}
	if del.kind == tellBroken {
		t.faults[0] = &t.w.faults[del.fault]
		t.second()
	}
}

// second adds, now and then, another fault, so that it shows which one wins.
func (t *teller) second() {
	first := t.faults[0]
	if first.stage == stageWhole || !t.d.chance(0.25) {
		return
	}
	g := &t.w.faults[t.d.below(len(t.w.faults))]
	if g.stage == stageWhole || g.field == first.field || g.field.aboutEmail() && first.field.aboutEmail() {
		return
	}
	t.note("two faults")
	t.faults[1] = g
}

// faultOf is the fault that is told in a field's place.
func (t *teller) faultOf(f field) *fault {
	for _, g := range t.faults {
		if g != nil && g.field == f {
			return g
		}
	}
	return nil
}

// judge says what must become of the object that was told.
func (t *teller) judge() telling {
	out := telling{outcome: stored, field: noField, row: &t.row, subscription: t.s.stored}
	worst := t.faults[0]
	if g := t.faults[1]; g != nil && g.before(worst) {
		worst = g
	}
	if t.e.action >= firstUnknownAction && t.w.cfg.UnknownAction == DeadLetterUnknown && worst == nil {
		worst = &fault{reason: schemas.UnknownAction, field: fSubscriptionAction, stage: stageAction}
	}
	switch {
	case worst != nil && worst.stage < stageFilter, worst != nil && !t.internal:
		out.outcome, out.reason, out.field, out.row = deadLettered, worst.reason, worst.field, nil
		if worst.stage == stageWhole || worst.field == fSubscriptionID || t.faultOf(fSubscriptionID) != nil {
			out.subscription = ""
		}
	case t.internal:
		out.outcome, out.row = filtered, nil
	case t.e.action >= firstUnknownAction && t.w.cfg.UnknownAction == DropUnknown:
		out.outcome, out.row, out.subscription = filtered, nil, ""
	default:
		t.row.ID = eventID(t.row.SubscriptionID, int64(t.row.EventTimestamp), t.row.SubscriptionAction)
	}
	return out
}

// note counts a notation that is being told.
func (t *teller) note(name string) {
	if t.used != nil {
		t.used[name]++
	}
}

// mark counts a notation where it is told, and says whether.
func (t *teller) mark(name string, told bool) bool {
	if told {
		t.note(name)
	}
	return told
}
