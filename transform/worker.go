package transform

import (
	"time"

	"github.com/pianola/pianola/schemas"
)

// Worker runs the stages over one message after another and reuses its memory. It
// belongs to one goroutine.
type Worker struct {
	rules *Rules

	scan   scanner
	record record
	// follows is the field after each field, and the first field, in the last
	// message that had it.
	follows [fieldCount + 1]field
	zone    zoneCursor

	addresses addressFinder
	// arena holds the texts that differ from the message: unescaped, hashed,
	// guarded. When it grows, earlier texts keep the old memory.
	arena []byte

	// The results of the stages for the current message.
	readable     bool // the message is one JSON object
	guarded      bool // the guard has run over the texts
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

// minArena and maxArena are how much memory a worker has at first, and keeps at most
// for the next message. A message full of escapes and addresses may need more.
const (
	minArena = 4 << 10
	maxArena = 256 << 10
)

// NewWorker returns a worker for one goroutine.
func (r *Rules) NewWorker() *Worker {
	return &Worker{rules: r, arena: make([]byte, 0, minArena)}
}

// Apply runs all stages over one message (contract §1 and §2). now decides
// whether a timestamp is in the future. It does not modify the message. The
// result borrows from the message and the worker until the next Apply.
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
	if list := w.rules.suppression.Load(); list != nil {
		w.suppress(list, message)
	}
	return r
}

// run runs the stages in the contract's order. The first stage that refuses or
// filters a message decides.
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

// prefixBytes is the length of the Confluent wire prefix: a zero byte and a
// schema id.
const prefixBytes = 5

// withoutPrefix removes the Confluent wire prefix if a { follows it.
func withoutPrefix(message []byte) []byte {
	if len(message) > prefixBytes && message[0] == 0 && message[prefixBytes] == '{' {
		return message[prefixBytes:]
	}
	return message
}

// Release frees the memory that only a large message needed, and the references to the
// last message and its result. Call it before the worker waits: of a message full of
// addresses a worker holds ten times the size, and hundreds of workers may wait.
func (w *Worker) Release() {
	w.shrink()
	w.scan.data, w.record = nil, record{}
	w.addresses.normal.text, w.addresses.normal.places = nil, nil
	w.texts = [fieldCount][]byte{}
	w.hash, w.action = nil, nil
	w.event, w.result = schemas.Event{}, Result{}
}

func (w *Worker) shrink() {
	if cap(w.arena) > maxArena {
		w.arena = make([]byte, 0, minArena)
	}
	if w.addresses.size() > maxArena {
		w.addresses = addressFinder{}
	}
}

func (w *Worker) reset() {
	w.shrink()
	w.arena = w.arena[:0]
	w.readable, w.guarded, w.internalFlag = false, false, false
	w.texts = [fieldCount][]byte{}
	w.nextBilled, w.trialEnded = schemas.NullMillis{}, schemas.NullMillis{}
	w.amount, w.count = schemas.NullDecimal4{}, schemas.NullInt32{}
	w.hash, w.action = nil, nil
	w.result = Result{}
}

// refuse records why the message becomes a dead letter. It returns false, for a
// stage to return.
func (w *Worker) refuse(reason schemas.Reason, f field, detail string) bool {
	w.refusal = refusal{reason, f, detail}
	return false
}

// readableID is the guarded subscription id of a message that was not stored. It
// is nil when there is no JSON object, or the id is absent, repeated, not a text,
// or has a control character.
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
