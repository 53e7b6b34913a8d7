package world

import (
	"math"
	"strconv"

	"github.com/pianola/pianola/schemas"
)

// transactionValue writes the amount. In every notation it is exact to four decimal
// places.
func (enc *encoder) transactionValue(correct bool) {
	if !enc.event.hasValue {
		enc.absent(fTransactionValue)
		return
	}
	value := enc.event.value
	if correct {
		value += 1_00_00
	}
	// Extreme amounts occur only in terms outside of revenue queries, so that the
	// sums stay realistic.
	if enc.unusual && (enc.sub.term == termGift || enc.sub.term == termOther) && enc.d.chance(0.05) {
		enc.count("money: an edge")
		value = []int64{999_999_999_999_999_999, -999_999_999_999_999_999, 1, -1, 90_071_992_547_409}[enc.d.below(5)]
	}
	enc.want.row.TransactionValue = schemas.NullDecimal4{Decimal4: schemas.Decimal4(value), Valid: true}
	enc.name(fTransactionValue)
	form := &moneyForms[0]
	if enc.unusual {
		form = &moneyForms[enc.d.below(len(moneyForms))]
	}
	enc.count(form.name)
	enc.buf = form.encode(enc, enc.buf, value)
}

// moneyForms write an amount of ten-thousandths as JSON.
var moneyForms = []struct {
	name   string
	encode func(enc *encoder, b []byte, v int64) []byte
}{
	{"money: number", func(_ *encoder, b []byte, v int64) []byte { return appendAmount(b, v) }},
	{"money: text", func(_ *encoder, b []byte, v int64) []byte {
		return append(appendAmount(append(b, '"'), v), '"')
	}},
	{"money: four places", func(_ *encoder, b []byte, v int64) []byte { return appendPlaces(b, v) }},
	{"money: text with blanks and a plus", func(_ *encoder, b []byte, v int64) []byte {
		b = append(b, `"\u3000`...)
		if v >= 0 {
			b = append(b, '+')
		}
		return append(appendPlaces(b, v), ` "`...)
	}},
	{"money: whole with a negative exponent", func(_ *encoder, b []byte, v int64) []byte {
		return append(strconv.AppendInt(b, v, 10), `e-4`...)
	}},
	{"money: fraction with an exponent", func(_ *encoder, b []byte, v int64) []byte {
		b = appendSign(b, v)
		b = append(b, "0."...)
		digits := strconv.FormatInt(magnitude(v), 10)
		b = append(append(b, digits...), 'E', '+')
		b = strconv.AppendInt(b, int64(len(digits)-4), 10)
		return unsigned(b)
	}},
	{"money: text with leading zeros", func(_ *encoder, b []byte, v int64) []byte {
		b = appendSign(append(b, '"'), v)
		return append(appendPlaces(append(b, "00"...), magnitude(v)), '"')
	}},
	{"money: more digits, rounded down", func(_ *encoder, b []byte, v int64) []byte {
		return append(appendPlaces(b, v), "4999"...)
	}},
	{"money: more digits, rounded away from zero", func(_ *encoder, b []byte, v int64) []byte {
		if v == 0 {
			return append(b, "-0.0e5"...)
		}
		if v < 0 {
			return append(appendPlaces(append(b, '-'), -v-1), '5')
		}
		return append(appendPlaces(b, v-1), '5')
	}},
	{"money: bare point", func(_ *encoder, b []byte, v int64) []byte {
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

// unsigned turns E+-3 into E-3, because the exponent may be negative.
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

// appendAmount writes an amount with as few decimal places as possible, as ClickHouse
// writes a Decimal.
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

// periodNumber writes the number of the billing period.
func (enc *encoder) periodNumber() {
	if enc.event.number == 0 {
		enc.absent(fSubscriptionPeriodNumber)
		return
	}
	n := int64(enc.event.number)
	if enc.countIf("period number: the largest", enc.unusual && enc.d.chance(0.002)) {
		n = math.MaxInt32
	}
	enc.want.row.SubscriptionPeriodNumber = schemas.NullInt32{Int32: int32(n), Valid: true}
	enc.name(fSubscriptionPeriodNumber)
	form := &countForms[0]
	if enc.unusual {
		form = &countForms[enc.d.below(len(countForms))]
	}
	enc.count(form.name)
	enc.buf = append(enc.buf, form.before...)
	enc.buf = strconv.AppendInt(enc.buf, n, 10)
	enc.buf = append(enc.buf, form.after...)
}

// countForms are notations of a whole number: the text before and after its digits.
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
