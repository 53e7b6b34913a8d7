package transform

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestDecimal_Amounts(t *testing.T) {
	cases := []struct {
		in   string
		want int64
	}{
		{"0", 0}, {"-0", 0}, {"0.0", 0}, {"00012.5", 125000}, {".5", 5000}, {"5.", 50000}, {"+5", 50000},
		{"-1.00005", -10001}, {"1.00005", 10001}, {"1.00004999999999999999999999", 10000},
		{"0.00005", 1}, {"0.000049", 0}, {"-0.00005", -1}, {"5e-5", 1}, {"49e-6", 0}, {"0.5e-4", 1},
		{"1e13", 100000000000000000}, {"1e-999999999999999999999", 0}, {"0e999999999999999999999", 0},
		{"99999999999999.99994", 999999999999999999}, {"-99999999999999.9999", -999999999999999999},
		{"0.00000000000000000000099e22", 99000},
		{strings.Repeat("0", 1000) + "7" + strings.Repeat("0", 1000) + "e-1000", 70000},
		{"." + strings.Repeat("0", 1000) + "7e1001", 70000},
	}
	for _, c := range cases {
		t.Run(c.in[:min(len(c.in), 30)], func(t *testing.T) {
			d, ok := parseDecimal([]byte(c.in))
			if !ok {
				t.Fatal("not read")
			}
			if got, ok := d.round(4); !ok || got != c.want {
				t.Errorf("got %d %t, want %d", got, ok, c.want)
			}
		})
	}
	for _, in := range []string{"1e14", "-1e14", "99999999999999.99995", "1e999999999", "-1e9223372036854775808", "100000000000000"} {
		t.Run(in, func(t *testing.T) {
			d, ok := parseDecimal([]byte(in))
			if !ok {
				t.Fatal("not read")
			}
			if got, ok := d.round(4); ok {
				t.Errorf("got %d, want none", got)
			}
		})
	}
}

func TestDecimal_RefusesWhatIsNoNumber(t *testing.T) {
	for _, in := range []string{"", "+", "-", ".", "e5", ".e5", "1e", "1e+", "1.2.3", "1,5", "1 5", "0x10", "1_000",
		"NaN", "Inf", "--1", "+-1", "1e5.0", "1e5e5", "١٢", "½", "1f"} {
		if _, ok := parseDecimal([]byte(in)); ok {
			t.Errorf("%q was read", in)
		}
	}
}

// numericText is the contract's grammar, written down a second time.
var numericText = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

func FuzzDecimal(f *testing.F) {
	for _, seed := range []string{"0", "-1.00005", "1e14", "99999999999999.99995", ".5", "5.", "3e0", "30e-1", "1704448800.1239", "1e-7"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		d, ok := parseDecimal([]byte(in))
		if ok != numericText.MatchString(in) {
			t.Fatalf("%q: read %t", in, ok)
		}
		if !ok {
			return
		}
		amount, amountOK := d.round(4)
		integral := d.isIntegral()
		whole, wholeOK := d.cut(0)
		exact, ok := exactly(in)
		if !ok {
			return // the exponent is beyond what math/big should be asked for
		}
		limit := new(big.Rat).SetInt64(1e18)

		scaled := new(big.Rat).Mul(exact, big.NewRat(10_000, 1))
		rounded := halfAwayFromZero(scaled)
		inRange := new(big.Rat).SetInt(new(big.Int).Abs(rounded)).Cmp(limit) < 0
		if amountOK != inRange || inRange && rounded.Int64() != amount {
			t.Fatalf("%q: amount %d %t, want %s %t", in, amount, amountOK, rounded, inRange)
		}
		if integral != exact.IsInt() {
			t.Fatalf("%q: integral %t", in, integral)
		}
		magnitude := new(big.Rat).Abs(exact)
		floor := new(big.Int).Quo(magnitude.Num(), magnitude.Denom())
		inRange = magnitude.Cmp(limit) < 0
		if wholeOK != inRange || inRange && floor.Int64() != whole {
			t.Fatalf("%q: cut to %d %t, want %s %t", in, whole, wholeOK, floor, inRange)
		}
		if d.isZero() != (exact.Sign() == 0) {
			t.Fatalf("%q: zero %t", in, d.isZero())
		}
	})
}

// exactly is the number as a fraction, where the exponent is small enough.
func exactly(in string) (*big.Rat, bool) {
	if i := strings.IndexAny(in, "eE"); i >= 0 {
		if e, err := strconv.Atoi(in[i+1:]); err != nil || e > 400 || e < -400 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(in)
}

func halfAwayFromZero(r *big.Rat) *big.Int {
	twice := new(big.Int).Add(new(big.Int).Mul(new(big.Int).Abs(r.Num()), big.NewInt(2)), r.Denom())
	n := twice.Quo(twice, new(big.Int).Mul(r.Denom(), big.NewInt(2)))
	if r.Sign() < 0 {
		n.Neg(n)
	}
	return n
}
