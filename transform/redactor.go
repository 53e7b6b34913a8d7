package transform

// redactor writes the redacted form of one message.
type redactor struct {
	rules   *Rules
	out     []byte
	decoded []byte
	guarded []byte

	addresses addressFinder
	maxText   int // bytes of one written text
}

// object writes the message, a JSON object. It reports whether the output is
// complete.
func (r *redactor) object(body []byte, maxText int) bool {
	r.out, r.maxText = append(r.out[:0], '{'), maxText
	known, unknown := r.members(body, true), r.members(body, false)
	r.out = append(r.out, '}')
	return known && unknown
}

// members writes the known fields or the unknown names in the order of the
// message, as far as they fit.
func (r *redactor) members(body []byte, known bool) bool {
	var s scanner
	var m member
	s.reset(body)
	s.space()
	s.pos++
	full := true
	for s.member(&m) {
		name := r.decode(&m.name)
		f := r.rules.names.find(name)
		if known != (f != noField) {
			continue
		}
		before := len(r.out)
		if before > 1 {
			r.out = append(r.out, ',')
		}
		cut := r.text(r.guard(name))
		r.out = append(r.out, ':')
		if known {
			cut = r.value(f, &m.value) || cut
		} else {
			r.text([]byte(typeName(m.value.kind)))
		}
		if len(r.out) > maxRedacted-1 {
			r.out = r.out[:before]
			return false
		}
		full = full && !cut
	}
	return full
}

// value writes the value of a known field and reports whether it was cut.
func (r *redactor) value(f field, v *value) (cut bool) {
	switch v.kind {
	case nullKind, trueKind, falseKind:
		r.out = append(r.out, v.raw...)
		return false
	case arrayKind, objectKind:
		return r.text([]byte(typeName(v.kind)))
	case numberKind:
		if fieldTable[f].shape != emailShape && len(v.raw) <= r.maxText {
			r.out = append(r.out, v.raw...)
			return false
		}
	}
	text := r.decode(v)
	if fieldTable[f].shape != emailShape {
		return r.text(r.guard(text))
	}
	text = trim(text)
	if address, ok := r.addresses.whole(text); ok {
		r.guarded = r.addresses.appendHash(append(r.guarded[:0], "sha256:"...), address)
		text = r.guarded
	} else if f != userEmailHash || !isHash(text) {
		r.guarded = appendMasked(r.guarded[:0], text, maxRedacted)
		text = r.guarded
	}
	return r.text(text)
}

// text writes a JSON string and reports whether it was cut.
func (r *redactor) text(text []byte) (cut bool) {
	r.out = append(r.out, '"')
	start := len(r.out)
	for len(text) > 0 {
		size := runeSize(text)
		if len(r.out)-start > r.maxText {
			r.out = append(r.out, "…"...)
			cut = true
			break
		}
		r.out = appendEscaped(r.out, text[:size])
		text = text[size:]
	}
	r.out = append(r.out, '"')
	return cut
}

func (r *redactor) decode(v *value) []byte {
	if !v.escaped {
		return v.raw
	}
	r.decoded = appendUnescaped(r.decoded[:0], v.raw)
	return r.decoded
}

func (r *redactor) guard(text []byte) []byte {
	guarded, addresses := r.addresses.appendGuarded(r.guarded[:0], text)
	r.guarded = guarded
	if addresses == 0 {
		return text
	}
	return guarded
}

// typeName is the JSON type of a value in RFC 8259.
func typeName(k kind) string {
	switch k {
	case nullKind:
		return "null"
	case trueKind, falseKind:
		return "boolean"
	case numberKind:
		return "number"
	case textKind:
		return "string"
	case arrayKind:
		return "array"
	}
	return "object"
}
