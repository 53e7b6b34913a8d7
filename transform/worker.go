package transform

import (
	"time"

	"github.com/pianola/pianola/schemas"
)

// Worker runs the stages over one message after another and reuses its memory.
// It belongs to one goroutine.
type Worker struct {
	rules *Rules

	scan   scanner
	record record
	// follows is the field that came after a field, or first, in the last message
	// that had one there.
	follows [fieldCount + 1]field
	zone    zoneCursor
	lower   []byte // an address being hashed
	// arena holds the texts that are not in the message as they are: unescaped,
	// hashed, guarded. When it grows, earlier texts keep the old memory.
	arena []byte

	// What the stages have made of the message so far.
	readable     bool // it is one JSON object
	guarded      bool // the texts have been through the guard, which runs once
	texts        [fieldCount][]byte
	at           schemas.Millis
	nextBilled   schemas.NullMillis
	trialEnded   schemas.NullMillis
	amount       schemas.NullDecimal4
	count        schemas.NullInt32
	internalFlag bool
	hash         []byte
	action       []byte

	refusal refusal
	event   schemas.Event
	result  Result
}

// maxArena is how much memory a worker keeps for the next message; one message
// full of escapes and addresses may have needed more.
const maxArena = 256 << 10

// NewWorker makes a worker for one goroutine.
func (r *Rules) NewWorker() *Worker {
	return &Worker{rules: r, arena: make([]byte, 0, 4<<10), lower: make([]byte, 0, 256)}
}

// Apply runs all stages over one message (contract §1 and §2). now is the clock
// against which a timestamp is in the future. The message is not modified; the
// result borrows from it and from the worker until the next Apply.
func (w *Worker) Apply(message []byte, now time.Time) *Result {
	w.reset()
	r := &w.result
	if len(message) == 0 {
		r.Outcome = Skipped
		return r
	}
	r.Outcome = w.run(message, now)
	switch r.Outcome {
	case Stored:
		r.Event, r.SubscriptionID = &w.event, w.event.SubscriptionID
	case DeadLettered:
		r.Reason, r.Field, r.Detail = w.refusal.reason, w.refusal.field.String(), w.refusal.detail
		r.SubscriptionID = w.readableID()
	}
	return r
}

// run is the stages in the contract's order; the first that refuses or filters
// a message decides.
func (w *Worker) run(message []byte, now time.Time) Outcome {
	if len(message) > w.rules.maxBytes {
		w.refuse(schemas.TooLarge, noField, w.rules.tooLarge)
		return DeadLettered
	}
	body := withoutPrefix(message)
	if !w.decode(body, len(message)-len(body)) || !w.normalise(now) {
		return DeadLettered
	}
	if w.isInternal() {
		w.result.SubscriptionID = w.readableID()
		return Filtered
	}
	if !w.hashEmail() {
		return DeadLettered
	}
	w.guardTexts()
	if outcome := w.canonicalise(); outcome != Stored {
		return outcome
	}
	w.finish()
	return Stored
}

// prefixBytes is the length of the Confluent wire prefix: a zero byte and the
// id of a schema.
const prefixBytes = 5

// withoutPrefix steps over the Confluent wire prefix where a { follows it.
func withoutPrefix(message []byte) []byte {
	if len(message) > prefixBytes && message[0] == 0 && message[prefixBytes] == '{' {
		return message[prefixBytes:]
	}
	return message
}

func (w *Worker) reset() {
	w.arena = w.arena[:0]
	if cap(w.arena) > maxArena {
		w.arena = make([]byte, 0, 4<<10)
	}
	if cap(w.lower) > maxArena {
		w.lower = make([]byte, 0, 256)
	}
	w.readable, w.guarded, w.internalFlag = false, false, false
	w.texts = [fieldCount][]byte{}
	w.nextBilled, w.trialEnded = schemas.NullMillis{}, schemas.NullMillis{}
	w.amount, w.count = schemas.NullDecimal4{}, schemas.NullInt32{}
	w.hash, w.action = nil, nil
	w.result = Result{}
}

// refuse notes why the message becomes a dead letter; false, so that a stage can
// return it.
func (w *Worker) refuse(reason schemas.Reason, f field, detail string) bool {
	w.refusal = refusal{reason, f, detail}
	return false
}

// readableID is the subscription's id after the guard, of a message that went no
// further, or nil: where there is no JSON object, or the id in it is absent,
// repeated, no text, or holds a control character.
func (w *Worker) readableID() []byte {
	r := &w.record
	if w.guarded {
		return w.texts[subscriptionID]
	}
	if !w.readable || !r.present.has(subscriptionID) || r.repeated.has(subscriptionID) {
		return nil
	}
	v := &r.values[subscriptionID]
	if v.kind != textKind && v.kind != numberKind {
		return nil
	}
	id := w.text(v)
	if len(id) == 0 || hasControl(id) {
		return nil
	}
	return w.guard(id)
}
