package world

// The notations of a boolean, as JSON.
var (
	yesForms = []string{`true`, `1`, `"true"`, `"1"`, `"yes"`, `"t"`, `"YES"`, `" True "`, `"T"`}
	noForms  = []string{`false`, `0`, `"false"`, `"0"`, `"no"`, `"f"`, `"No"`, `"\u0046ALSE"`, `"F"`}
)

// flag tells whether the user works here; a few deliveries forget to say so,
// and are stored.
func (t *teller) flag() {
	if t.p.internal == internalByFlag && !t.d.chance(0.03) {
		t.internal = true
		t.name(fIsInternalUser)
		t.boolean(yesForms[int(t.e.flag)%len(yesForms)])
		return
	}
	if t.odd && t.d.chance(0.4) || !t.odd && t.d.chance(0.3) {
		t.absent(fIsInternalUser)
		return
	}
	t.name(fIsInternalUser)
	if t.odd {
		t.boolean(noForms[t.d.below(len(noForms))])
		return
	}
	t.boolean(noForms[0])
}

func (t *teller) boolean(form string) {
	if t.used != nil {
		t.note("internal: " + form)
	}
	t.buf = append(t.buf, form...)
}
