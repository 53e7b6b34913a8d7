package world

// The notations of a boolean, as JSON.
var (
	yesForms = []string{`true`, `1`, `"true"`, `"1"`, `"yes"`, `"t"`, `"YES"`, `" True "`, `"T"`}
	noForms  = []string{`false`, `0`, `"false"`, `"0"`, `"no"`, `"f"`, `"No"`, `"\u0046ALSE"`, `"F"`}
)

// internalFlag writes is_internal_user. A few deliveries of internal users omit it, and
// must be stored.
func (enc *encoder) internalFlag() {
	if enc.person.internal == internalByFlag && !enc.d.chance(0.03) {
		enc.want.internal = true
		enc.name(fIsInternalUser)
		enc.boolean(yesForms[int(enc.event.flag)%len(yesForms)])
		return
	}
	if enc.unusual && enc.d.chance(0.4) || !enc.unusual && enc.d.chance(0.3) {
		enc.absent(fIsInternalUser)
		return
	}
	enc.name(fIsInternalUser)
	if enc.unusual {
		enc.boolean(noForms[enc.d.below(len(noForms))])
		return
	}
	enc.boolean(noForms[0])
}

func (enc *encoder) boolean(form string) {
	if enc.notations != nil {
		enc.count("internal: " + form)
	}
	enc.buf = append(enc.buf, form...)
}
