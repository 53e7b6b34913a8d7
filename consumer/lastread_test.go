package consumer

import "testing"

func TestFingerprint_other(t *testing.T) {
	at := func(timestamp int64, value string) Fingerprint {
		return FingerprintOf(Record{Timestamp: timestamp, Value: []byte(value)})
	}
	for name, c := range map[string]struct {
		f, g Fingerprint
		want bool
	}{
		"the same record":   {at(7, "a"), at(7, "a"), false},
		"another timestamp": {at(7, "a"), at(8, "a"), true},
		"with timestamps the payload is not compared": {at(7, "a"), Fingerprint{Timestamp: 7}, false},
		"no timestamp, the same payload":              {at(-1, "a"), at(-1, "a"), false},
		"no timestamp, another payload":               {at(-1, "a"), at(-1, "b"), true},
		"zero, another payload":                       {at(0, "a"), at(0, ""), true},
		"a timestamp where none was":                  {at(-1, "a"), at(7, "a"), true},
	} {
		if got := c.f.other(c.g); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
