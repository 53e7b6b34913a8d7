package transform

import (
	"math"
	"math/bits"

	"github.com/pianola/pianola/schemas"
)

// Stage 1, decode (contract §1): JSON becomes typed fields. Timestamps and
// e-mails stay text; later stages check them.

// decode reads one message without its prefix; skipped is the length of the
// prefix.
func (w *Worker) decode(message []byte, skipped int) bool {
	object, ok := w.read(message)
	switch {
	case !ok:
		w.refusal = w.scan.refusal(skipped)
		return false
	case !object:
		return w.refuse(schemas.NotAnObject, noField, notAnObjectDetail)
	}
	w.readable = true
	w.result.Notes.UnknownFields = w.record.unknown
	if w.record.first != noField {
		return w.refuse(schemas.DuplicateField, w.record.first, duplicateDetail)
	}
	return w.decodeFields()
}

// decodeFields decodes the fields in the documented order.
func (w *Worker) decodeFields() bool {
	for left := w.record.present | required; left != 0; left &= left - 1 {
		f := field(bits.TrailingZeros32(uint32(left)))
		if f == email && w.texts[userEmail] != nil {
			continue // contract §1: used and checked only when user_email is absent
		}
		if !w.decodeField(f) {
			return false
		}
		if w.texts[f] == nil && required.has(f) {
			return w.refuse(schemas.MissingField, f, missingDetail)
		}
	}
	if code := w.texts[billingCountryCode]; len(code) == 2 {
		w.texts[billingCountryCode] = w.countryCode(code)
	}
	return true
}

// decodeField checks the type of one field, then its value.
func (w *Worker) decodeField(f field) bool {
	if !w.record.present.has(f) {
		return true
	}
	v := &w.record.values[f]
	shape := fieldTable[f].shape
	switch v.kind {
	case nullKind:
		return true
	case trueKind, falseKind:
		if shape != flagShape {
			return w.refuse(schemas.InvalidType, f, textOrNumberDetail)
		}
		w.internalFlag = v.kind == trueKind
		return true
	case arrayKind, objectKind:
		if shape == flagShape {
			return w.refuse(schemas.InvalidType, f, flagTypeDetail)
		}
		return w.refuse(schemas.InvalidType, f, textOrNumberDetail)
	}
	text := w.text(v)
	if len(text) == 0 {
		return true
	}
	w.texts[f] = text
	switch shape {
	case amountShape:
		return w.decodeAmount(f, text)
	case countShape:
		return w.decodeCount(f, text)
	case flagShape:
		return w.decodeFlag(f, text)
	}
	if f == subscriptionID && hasControl(text) {
		return w.refuse(schemas.InvalidValue, f, controlDetail)
	}
	return true
}

// text is the trimmed content of a text, or the literal of a number.
func (w *Worker) text(v *value) []byte {
	if v.kind == numberKind {
		return v.raw
	}
	return trim(w.content(v))
}

func (w *Worker) decodeAmount(f field, text []byte) bool {
	d, ok := parseDecimal(text)
	if !ok {
		return w.refuse(schemas.InvalidValue, f, amountDetail)
	}
	n, ok := d.round(4)
	if !ok {
		return w.refuse(schemas.InvalidValue, f, amountDetail)
	}
	w.amount = schemas.NullDecimal4{Decimal4: schemas.Decimal4(n), Valid: true}
	return true
}

func (w *Worker) decodeCount(f field, text []byte) bool {
	d, ok := parseDecimal(text)
	if !ok || !d.isIntegral() || d.negative && !d.isZero() {
		return w.refuse(schemas.InvalidValue, f, countDetail)
	}
	n, ok := d.cut(0)
	if !ok || n > math.MaxInt32 {
		return w.refuse(schemas.InvalidValue, f, countDetail)
	}
	w.count = schemas.NullInt32{Int32: int32(n), Valid: true}
	return true
}

// decodeFlag accepts the documented spellings. Of numbers it accepts the literals
// 1 and 0, but not 1.0.
func (w *Worker) decodeFlag(f field, text []byte) bool {
	for _, yes := range [...]string{"true", "1", "yes", "t"} {
		if equalFoldASCII(text, yes) {
			w.internalFlag = true
			return true
		}
	}
	for _, no := range [...]string{"false", "0", "no", "f"} {
		if equalFoldASCII(text, no) {
			return true
		}
	}
	return w.refuse(schemas.InvalidValue, f, flagDetail)
}

// countryCode is the code in capitals if it is two ASCII letters, otherwise the
// code unchanged.
func (w *Worker) countryCode(code []byte) []byte {
	a, b := code[0]|0x20, code[1]|0x20
	if a-'a' > 'z'-'a' || b-'a' > 'z'-'a' {
		return code
	}
	start := len(w.arena)
	w.arena = append(w.arena, a&^0x20, b&^0x20)
	return w.arena[start:len(w.arena):len(w.arena)]
}
