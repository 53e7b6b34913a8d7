package transform

// record is the known fields of a message as JSON values, read in one pass.
type record struct {
	values   [fieldCount]value // the first value of a repeated field
	present  fieldSet
	repeated fieldSet
	first    field // the first repeated field, or noField
	unknown  uint32
}

func (r *record) reset() {
	r.present, r.repeated, r.first, r.unknown = 0, 0, noField, 0
}

// read reads a whole message. ok is false, with the scanner's fault set, when it
// is not JSON. object is false for another JSON value.
func (w *Worker) read(message []byte) (object, ok bool) {
	s, r := &w.scan, &w.record
	s.reset(message)
	r.reset()
	s.space()
	var ignored value
	if s.peek() != '{' {
		return false, s.value(&ignored, 1) && s.end()
	}
	s.pos++
	for f := noField; s.next(); {
		if f, ok = w.fieldAfter(f); !ok {
			return true, false
		}
		v := &ignored
		switch {
		case f == noField:
			r.unknown++
		case !r.present.has(f):
			r.present = r.present.with(f)
			v = &r.values[f]
		default:
			r.repeated = r.repeated.with(f)
			if r.first == noField {
				r.first = f
			}
		}
		if !s.value(v, 2) {
			return true, false
		}
	}
	return true, s.fault == wellFormed && s.end()
}

// fieldAfter reads the next name. Publishers keep an order, so it first tries the
// name that followed the last time, in its usual form, before it reads and looks
// up a name.
func (w *Worker) fieldAfter(previous field) (field, bool) {
	s := &w.scan
	if f := w.follows[previous]; s.skip(fieldTable[f].quoted) {
		s.space()
		return f, true
	}
	var name value
	if !s.name(&name) {
		return noField, false
	}
	f := w.rules.names.find(w.content(&name))
	if f != noField {
		w.follows[previous] = f
	}
	return f, true
}

// content is the decoded value: borrowed from the message, or unescaped into the
// arena.
func (w *Worker) content(v *value) []byte {
	if !v.escaped {
		return v.raw
	}
	start := len(w.arena)
	w.arena = appendUnescaped(w.arena, v.raw)
	return w.arena[start:len(w.arena):len(w.arena)]
}
