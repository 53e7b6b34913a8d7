package config

import "testing"

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "17": 17, "17B": 17, "1KiB": 1 << 10, "64MiB": 64 << 20, "3 GiB": 3 << 30} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
		again, err := parseSize(want.String())
		if err != nil || again != want {
			t.Errorf("%d is shown as %q, which reads as %d, %v", want, want, again, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "64MB", "64M", "9999999999GiB", "1e6", "0x10"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}
