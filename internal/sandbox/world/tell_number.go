package world

import (
	"math"
	"strconv"

	"github.com/pianola/pianola/schemas"
)

// money tells the transaction's value, exact to ten-thousandths however it is
// written.
func (t *teller) money(correct bool) {
	if !t.e.priced {
		t.absent(fTransactionValue)
		return
	}
	value := t.e.value
	if correct {
		value += 1_00_00
	}
	// The edges of what fits stay out of the terms that revenue is asked about,
	// so that an analyst's sums look like a publisher's.
	if t.odd && (t.s.term == termGift || t.s.term == termOther) && t.d.chance(0.05) {
		t.note("money: an edge")
		value = []int64{999_999_999_999_999_999, -999_999_999_999_999_999, 1, -1, 90_071_992_547_409}[t.d.below(5)]
	}
	t.row.TransactionValue = schemas.NullDecimal4{Decimal4: schemas.Decimal4(value), Valid: true}
	t.name(fTransactionValue)
	form := &moneyForms[0]
	if t.odd {
		form = &moneyForms[t.d.below(len(moneyForms))]
	}
	t.note(form.name)
	t.buf = form.tell(t, t.buf, value)
}

// moneyForms write an amount of ten-thousandths as JSON.
var moneyForms = []struct {
	name string
	tell func(t *teller, b []byte, v int64) []byte
}{
	{"money: number", func(_ *teller, b []byte, v int64) []byte { return appendAmount(b, v) }},
	{"money: text", func(_ *teller, b []byte, v int64) []byte {
		return append(appendAmount(append(b, '"'), v), '"')
	}},
	{"money: four places", func(_ *teller, b []byte, v int64) []byte { return appendPlaces(b, v) }},
	{"money: text with blanks and a plus", func(_ *teller, b []byte, v int64) []byte {
		b = append(b, `"\u3000`...)
		if v >= 0 {
			b = append(b, '+')
		}
		return append(appendPlaces(b, v), ` "`...)
	}},
	{"money: whole with a negative exponent", func(_ *teller, b []byte, v int64) []byte {
		return append(strconv.AppendInt(b, v, 10), `e-4`...)
	}},
	{"money: fraction with an exponent", func(_ *teller, b []byte, v int64) []byte {
		b = appendSign(b, v)
		b = append(b, "0."...)
		digits := strconv.FormatInt(magnitude(v), 10)
		b = append(append(b, digits...), 'E', '+')
		b = strconv.AppendInt(b, int64(len(digits)-4), 10)
		return unsigned(b)
	}},
	{"money: text with leading zeros", func(_ *teller, b []byte, v int64) []byte {
		b = appendSign(append(b, '"'), v)
		return append(appendPlaces(append(b, "00"...), magnitude(v)), '"')
	}},
	{"money: more digits, rounded down", func(_ *teller, b []byte, v int64) []byte {
		return append(appendPlaces(b, v), "4999"...)
	}},
	{"money: more digits, rounded away from zero", func(_ *teller, b []byte, v int64) []byte {
		if v == 0 {
			return append(b, "-0.0e5"...)
		}
		if v < 0 {
			return append(appendPlaces(append(b, '-'), -v-1), '5')
		}
		return append(appendPlaces(b, v-1), '5')
	}},
	{"money: bare point", func(_ *teller, b []byte, v int64) []byte {
		b = appendSign(append(b, '"'), v)
		whole, rest := magnitude(v)/10_000, magnitude(v)%10_000
		if whole > 0 || rest == 0 {
			b = strconv.AppendInt(b, whole, 10)
		}
		b = append(b, '.')
		if rest > 0 {
			b = appendFour(b, rest)
		}
		return append(b, '"')
	}},
}

// unsigned turns E+-3 into E-3: the number of places before the point may be
// negative.
func unsigned(b []byte) []byte {
	for i := len(b) - 1; i > 0; i-- {
		if b[i] == '-' && b[i-1] == '+' {
			return append(b[:i-1], b[i:]...)
		}
	}
	return b
}

func magnitude(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}

func appendSign(b []byte, v int64) []byte {
	if v < 0 {
		return append(b, '-')
	}
	return b
}

// appendFour writes a fraction of ten-thousandths with all its places.
func appendFour(b []byte, rest int64) []byte {
	return append(b, byte('0'+rest/1000), byte('0'+rest/100%10), byte('0'+rest/10%10), byte('0'+rest%10))
}

// appendPlaces writes an amount with four places.
func appendPlaces(b []byte, v int64) []byte {
	b = strconv.AppendInt(appendSign(b, v), magnitude(v)/10_000, 10)
	return appendFour(append(b, '.'), magnitude(v)%10_000)
}

// appendAmount writes an amount with as few places as it takes; ClickHouse
// writes a Decimal alike.
func appendAmount(b []byte, v int64) []byte {
	b = appendPlaces(b, v)
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	if b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	return b
}

// periodNumber tells which billing period it is.
func (t *teller) periodNumber() {
	if t.e.number == 0 {
		t.absent(fSubscriptionPeriodNumber)
		return
	}
	n := int64(t.e.number)
	if t.mark("period number: the largest", t.odd && t.d.chance(0.002)) {
		n = math.MaxInt32
	}
	t.row.SubscriptionPeriodNumber = schemas.NullInt32{Int32: int32(n), Valid: true}
	t.name(fSubscriptionPeriodNumber)
	form := &countForms[0]
	if t.odd {
		form = &countForms[t.d.below(len(countForms))]
	}
	t.note(form.name)
	t.buf = append(t.buf, form.before...)
	t.buf = strconv.AppendInt(t.buf, n, 10)
	t.buf = append(t.buf, form.after...)
}

// countForms are notations of a whole number: what stands around its digits.
var countForms = []struct{ name, before, after string }{
	{"count: number", ``, ``},
	{"count: text", `"`, `"`},
	{"count: with a fraction of zero", ``, `.000`},
	{"count: exponent", ``, `e0`},
	{"count: exponent that takes zeros away", ``, `00E-2`},
	{"count: text with a plus and zeros", `"+00`, `"`},
	{"count: text with a bare point", `" `, `. "`},
	{"count: text with an exponent", `"`, `.0e+0"`},
}
