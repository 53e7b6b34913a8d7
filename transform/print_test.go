package transform

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pianola/pianola/schemas"
)

func TestAppendTime_EveryKindOfInstant(t *testing.T) {
	for ms := int64(0); ms < year2200; ms += 987_654_321_123 / 100 {
		want := `,"at":"` + time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") + `"`
		if got := string(appendTime(nil, "at", schemas.NullMillis{Millis: schemas.Millis(ms), Valid: true})); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

func TestAppendAmount_ShortestExact(t *testing.T) {
	for n, want := range map[schemas.Decimal4]string{
		0: "0", 1: "0.0001", 10: "0.001", 10_000: "1", 990_000: "99", -10_001: "-1.0001", -1: "-0.0001", 501: "0.0501",
		999_999_999_999_999_999: "99999999999999.9999", -999_999_999_999_999_999: "-99999999999999.9999",
	} {
		if got := string(appendAmount(nil, "n", schemas.NullDecimal4{Decimal4: n, Valid: true})); got != `,"n":`+want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestAppendQuoted_EveryRune(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		text := "a" + string(r) + "b" + string(r)
		var got string
		if err := json.Unmarshal(appendQuoted(nil, []byte(text)), &got); err != nil || got != text {
			t.Fatalf("%U: %q, %v", r, got, err)
		}
	}
}
