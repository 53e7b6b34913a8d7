package world

import "strconv"

// documented is the usual order in which a message's fields stand; the three
// about the email are told together, in the hash's place.
var documented = [...]field{
	fSubscriptionID, fUserID, fEventTimestamp, fSubscriptionAction, fEventName, fResourceName, fNextBilledAt,
	fBillingPeriod, fTermType, fTermName, fTransactionValue, fTrialPeriodEndedAt, fTrialDuration,
	fBillingCountryCode, fSubscriptionPeriodNumber, fPaymentMode, fUpgradeToSubscriptionID, fUserEmailHash,
	fIsInternalUser, fExperienceName,
}

// object writes the whole message. exact says that nothing may stand before it,
// since its size is counted.
func (t *teller) object(correct, exact bool) {
	order := documented
	if t.mark("fields in another order", t.odd && t.d.chance(0.3)) {
		for i := len(order) - 1; i > 0; i-- {
			j := t.d.below(i + 1)
			order[i], order[j] = order[j], order[i]
		}
	}
	if t.mark("white space before the object", !exact && t.odd && t.d.chance(0.03)) {
		t.buf = append(t.buf, "\r\n "...)
	}
	t.buf = append(t.buf, '{')
	twice := noField
	if g := t.faults[0]; g != nil && g.duplicate {
		twice = g.field
	}
	extraAt := -1
	if t.odd {
		extraAt = t.d.below(len(order))
	}
	for i, f := range order {
		switch {
		case f == twice:
		case f.aboutEmail() && twice.aboutEmail():
		default:
			t.field(f, correct)
		}
		if i == extraAt {
			t.extra()
		}
	}
	if twice != noField {
		t.twice(twice)
	}
	if !t.odd || t.d.chance(0.3) {
		t.unknown(`"schema_version"`, `2`)
	}
	t.space()
	t.buf = append(t.buf, '}')
	if t.mark("white space after the object", t.odd && t.d.chance(0.05)) {
		t.buf = append(t.buf, "\n"...)
	}
}

// field writes one field, or the fault in its place.
func (t *teller) field(f field, correct bool) {
	if f == fUserEmailHash {
		t.email()
		return
	}
	if g := t.faultOf(f); g != nil {
		if g.raw != "" {
			t.name(f)
			t.buf = append(t.buf, g.raw...)
		}
		return
	}
	switch f {
	case fEventTimestamp, fNextBilledAt, fTrialPeriodEndedAt:
		t.timestamp(f)
	case fTransactionValue:
		t.money(correct)
	case fSubscriptionPeriodNumber:
		t.periodNumber()
	case fIsInternalUser:
		t.flag()
	case fSubscriptionAction:
		t.action()
	default:
		t.plainText(f, correct)
	}
}

// twice writes a field two times, whatever its values are; in some messages one
// of the names is escaped.
func (t *teller) twice(f field) {
	values := []string{`null`, `"a"`, `"a"`, `1`, `[]`, `""`}
	for range 2 {
		t.name(f)
		t.buf = append(t.buf, values[t.d.below(len(values))]...)
	}
}

// name writes a field's name and what stands before its value.
func (t *teller) name(f field) {
	t.comma()
	name := fieldNames[f]
	if t.mark("escaped field name", t.odd && t.d.chance(0.02)) {
		at := t.d.below(len(name))
		t.buf = append(t.buf, '"')
		t.buf = append(t.buf, name[:at]...)
		t.buf = appendUnit(t.buf, uint16(name[at]))
		t.buf = append(t.buf, name[at+1:]...)
	} else {
		t.buf = append(append(t.buf, '"'), name...)
	}
	t.buf = append(t.buf, '"')
	t.space()
	t.buf = append(t.buf, ':')
	t.space()
}

func (t *teller) comma() {
	if t.fields > 0 {
		t.space()
		t.buf = append(t.buf, ',')
	}
	t.fields++
	t.space()
}

// space writes white space between tokens, where the message is a loose one.
func (t *teller) space() {
	if !t.loose {
		return
	}
	t.note("white space between tokens")
	for range t.d.below(3) {
		t.buf = append(t.buf, " \t\n\r"[t.d.below(4)])
	}
}

// absent writes one of the ways to say that a field has no value.
func (t *teller) absent(f field) {
	if !t.odd {
		if t.d.chance(0.7) {
			t.note("absent: not told")
			return
		}
		t.note("absent: null")
		t.name(f)
		t.buf = append(t.buf, "null"...)
		return
	}
	switch t.d.below(4) {
	case 0:
		t.note("absent: not told")
	case 1:
		t.note("absent: null")
		t.name(f)
		t.buf = append(t.buf, "null"...)
	case 2:
		t.note("absent: empty text")
		t.name(f)
		t.buf = append(t.buf, `""`...)
	case 3:
		t.note("absent: white space")
		t.name(f)
		t.buf = append(t.buf, `" \t\u3000\u0085"`...)
	}
}

// extra writes fields that the contract ignores: they may nest, repeat, differ
// from a known name in case only, and hold what no known field could.
func (t *teller) extra() {
	t.note("unknown fields")
	switch t.d.below(8) {
	case 0:
		t.unknown(`"source"`, `{"system":"composer","retries":[1,2,{"deep":[null,true,{}]}]}`)
	case 1:
		t.unknown(`"x"`, `1`)
		t.unknown(`"x"`, `[{"y":1,"y":2}]`)
	case 2:
		t.unknown(`"User_ID"`, `"other"`)
		t.unknown(`"USER_EMAIL"`, `"n/a"`)
	case 3:
		t.unknown(`"event-timestamp"`, `"never"`)
		t.unknown(`" user_id"`, `[]`)
	case 4:
		t.unknown(`""`, `1e999`)
		t.unknown(`"ratio"`, `-1.5E-300`)
	case 5:
		t.unknown(`"note"`, `"reply to kim@example.com \ud83d\ude00\u0000\/"`)
	case 6:
		t.unknown(`"subscription_id "`, strconv.Itoa(t.d.below(1000)))
	case 7:
		t.unknown(`"tags"`, `["a","æ","\"",""]`)
	}
}

func (t *teller) unknown(name, value string) {
	t.comma()
	t.buf = append(t.buf, name...)
	t.buf = append(append(t.buf, ':'), value...)
}
