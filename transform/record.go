package transform

// record is a message's known fields as the JSON has them, in one pass over it.
type record struct {
	values   [fieldCount]value // of a field that occurs twice, the first
	present  fieldSet
	repeated fieldSet
	first    field // the first that was repeated, or noField
	unknown  uint32
}

func (r *record) reset() {
	r.present, r.repeated, r.first, r.unknown = 0, 0, noField, 0
}

// read takes in a whole message, and gives false with the scanner's fault set
// where it is no JSON. object is false where it is another JSON value.
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

// fieldAfter reads the name at hand. Publishers keep an order, so the name that
// followed the last time is tried first, as it would be written, before a name
// is read and looked up.
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

// content is what a value says: borrowed from the message, or unescaped into
// the arena.
func (w *Worker) content(v *value) []byte {
	if !v.escaped {
		return v.raw
	}
	start := len(w.arena)
	w.arena = appendUnescaped(w.arena, v.raw)
	return w.arena[start:len(w.arena):len(w.arena)]
}
