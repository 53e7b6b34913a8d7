package transform

// decimal is a number as written: exact, with any length and exponent. Its
// magnitude is 0.d₀d₁d₂… × 10^point, where d₀ is not 0; a number without digits
// is zero. The cost of every operation depends on its digits, never on the size
// of its exponent.
type decimal struct {
	negative bool
	whole    []byte // the digits before the point, without leading zeros
	fraction []byte // those after it; where whole is empty, without leading zeros
	point    int64
}

// maxExponent bounds an exponent. It is far more than the digits of any message,
// so the bound changes no result.
const maxExponent = 1 << 40

// parseDecimal reads numeric text (contract §1): an optional sign, ASCII digits
// with an optional point, an optional exponent. JSON's numbers are a subset.
func parseDecimal(b []byte) (decimal, bool) {
	var d decimal
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		d.negative = b[0] == '-'
		b = b[1:]
	}
	n := countDigits(b)
	d.whole, b = b[:n], b[n:]
	if len(b) > 0 && b[0] == '.' {
		n = countDigits(b[1:])
		d.fraction, b = b[1:1+n], b[1+n:]
	}
	if len(d.whole)+len(d.fraction) == 0 {
		return d, false
	}
	exponent, ok := parseExponent(b)
	d.whole = d.whole[countZeros(d.whole):]
	d.point = int64(len(d.whole)) + exponent
	if len(d.whole) == 0 {
		zeros := countZeros(d.fraction)
		d.fraction = d.fraction[zeros:]
		d.point -= int64(zeros)
	}
	return d, ok
}

// parseExponent reads what may follow the digits: nothing, or e, a sign, digits.
func parseExponent(b []byte) (int64, bool) {
	if len(b) == 0 {
		return 0, true
	}
	if b[0]|0x20 != 'e' {
		return 0, false
	}
	b = b[1:]
	negative := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		negative = b[0] == '-'
		b = b[1:]
	}
	if len(b) == 0 || countDigits(b) != len(b) {
		return 0, false
	}
	var exponent int64
	for _, c := range b {
		exponent = min(exponent*10+int64(c-'0'), maxExponent)
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

func countDigits(b []byte) int {
	n := 0
	for n < len(b) && b[n]-'0' <= 9 {
		n++
	}
	return n
}

func countZeros(b []byte) int {
	n := 0
	for n < len(b) && b[n] == '0' {
		n++
	}
	return n
}

func (d *decimal) isZero() bool { return len(d.whole)+len(d.fraction) == 0 }

// digit is the i-th digit of the magnitude, 0 after the last.
func (d *decimal) digit(i int64) byte {
	if i < int64(len(d.whole)) {
		return d.whole[i] - '0'
	}
	if i -= int64(len(d.whole)); i < int64(len(d.fraction)) {
		return d.fraction[i] - '0'
	}
	return 0
}

// cut is the magnitude × 10^places without its fraction. ok is false from 10^18
// on.
func (d *decimal) cut(places int64) (n int64, ok bool) {
	if d.isZero() {
		return 0, true
	}
	if d.point+places > 18 {
		return 0, false
	}
	for i := range d.point + places {
		n = n*10 + int64(d.digit(i))
	}
	return n, true
}

// round is the number × 10^places, rounded half away from zero. ok is false when
// its magnitude reaches 10^18.
func (d *decimal) round(places int64) (int64, bool) {
	n, ok := d.cut(places)
	if next := d.point + places; ok && next >= 0 && d.digit(next) >= 5 {
		n++
	}
	if d.negative {
		return -n, ok && n < 1e18
	}
	return n, ok && n < 1e18
}

// isIntegral reports whether only zeros follow the point.
func (d *decimal) isIntegral() bool {
	for i := max(d.point, 0); i < int64(len(d.whole)+len(d.fraction)); i++ {
		if d.digit(i) != 0 {
			return false
		}
	}
	return true
}
