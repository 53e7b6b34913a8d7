package world

// encoder writes deliveries as messages. It picks every value and notation, and
// tells its oracle what the message must become. It is reused from message to
// message and is not safe for concurrent use.
type encoder struct {
	subject
	fieldWriter
	want    oracle
	scratch []byte
}

// subject is the event of one delivery, and the faults that the message gets.
type subject struct {
	w            *World
	rules        *compiledRules
	event        *event
	sub          *subscription
	person       *person
	emailAddress []byte // of the person, in lower case
	faults       [2]*fault
}

// newEncoder returns an encoder whose oracle knows the default rules.
func (w *World) newEncoder() *encoder { return w.newEncoderUnder(&compiledRules{}) }

// newEncoderUnder returns an encoder whose oracle knows these rules. They do not change
// the messages.
func (w *World) newEncoderUnder(rules *compiledRules) *encoder {
	enc := &encoder{subject: subject{w: w, rules: rules}, fieldWriter: fieldWriter{buf: make([]byte, 0, 4096)}}
	enc.want = oracle{subject: &enc.subject, arena: make([]byte, 0, 4096)}
	return enc
}

// encode writes one delivery. The same delivery always gives the same bytes.
func (enc *encoder) encode(del *delivery) encoded {
	if del.kind == kindTombstone {
		return encoded{outcome: skipped, field: noField}
	}
	enc.begin(del)
	enc.object(del.kind == kindCorrected, del.kind == kindAtLimitPrefixed)
	out := enc.want.result()
	switch {
	case del.kind == kindAtLimit:
		enc.count("message of exactly the limit")
		enc.buf = pad(enc.buf, MaxMessageBytes)
	case del.kind == kindAtLimitPrefixed:
		enc.count("message of exactly the limit, prefixed")
		enc.buf = padPrefixed(enc.buf, MaxMessageBytes)
	case del.kind == kindDeep:
		enc.count("nested as deep as is allowed")
		enc.buf = nest(enc.buf, maxDepth-1)
	case enc.faults[0] != nil && enc.faults[0].corrupt != nil:
		enc.buf = enc.faults[0].corrupt(enc, enc.buf)
	case enc.unusual && enc.faults[0] == nil && enc.d.chance(0.08):
		enc.count("confluent prefix")
		enc.buf = prefixed(enc.buf)
	}
	out.value = enc.buf
	return out
}

func (enc *encoder) begin(del *delivery) {
	enc.d.seed(enc.w.cfg.Seed, streamEncoding, uint64(del.variant))
	enc.event = &enc.w.events[del.event]
	enc.sub = &enc.w.subs[enc.event.sub]
	enc.person = &enc.w.people[enc.sub.person]
	enc.emailAddress = enc.person.appendAddress(enc.emailAddress[:0])
	enc.want.reset()
	enc.buf, enc.fields = enc.buf[:0], 0
	enc.unusual = enc.d.chance(0.35)
	enc.spaced = enc.unusual && enc.d.chance(0.3)
	enc.faults = [2]*fault{}
	if del.kind == kindBroken {
		enc.faults[0] = &enc.w.faults[del.fault]
		enc.addSecondFault()
	}
}

// addSecondFault adds another fault to some messages, which tests which of the
// two the pipeline reports.
func (enc *encoder) addSecondFault() {
	first := enc.faults[0]
	if first.stage == stageMessage || !enc.d.chance(0.25) {
		return
	}
	g := &enc.w.faults[enc.d.below(len(enc.w.faults))]
	if g.stage == stageMessage || g.field == first.field || g.field.aboutEmail() && first.field.aboutEmail() {
		return
	}
	enc.count("two faults")
	enc.faults[1] = g
}

// faultOf returns the fault to write in a field's place, or nil.
func (s *subject) faultOf(f field) *fault {
	for _, g := range s.faults {
		if g != nil && g.field == f {
			return g
		}
	}
	return nil
}
