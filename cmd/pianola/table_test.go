package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTable_Render(t *testing.T) {
	letters := table{titles: []string{"AT", "REASON", "TIME", "DETAIL"}}
	letters.row("piano.subscriber-events/3/1200417", "invalid_timestamp", "2026-01-02 03:04:05", "the timestamp is in no accepted notation · at all")
	for name, c := range map[string]struct {
		width int
		want  string
	}{
		"piped": {0, "" +
			"AT                                 REASON             TIME                 DETAIL\n" +
			"piano.subscriber-events/3/1200417  invalid_timestamp  2026-01-02 03:04:05  the timestamp is in no accepted notation · at all\n"},
		"120_columns_cut_the_widest_text": {120, "" +
			"AT                                 REASON             TIME                 DETAIL\n" +
			"piano.subscriber-events/3/1200417  invalid_timestamp  2026-01-02 03:04:05  the timestamp is in no accepted notation · a…\n"},
		"80_columns_cut_more": {80, "" +
			"AT                                 REASON       TIME                 DETAIL\n" +
			"piano.subscriber-events/3/1200417  invalid_ti…  2026-01-02 03:04:05  the timest…\n"},
		"60_columns_make_blocks": {60, "" +
			"piano.subscriber-events/3/1200417\n" +
			"  REASON invalid_timestamp  TIME 2026-01-02 03:04:05\n" +
			"  DETAIL the timestamp is in no accepted notation · at all\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := letters.render(c.width)
			if got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			for line := range strings.Lines(got) {
				if n := utf8.RuneCountInString(line) - 1; c.width > 0 && n > c.width {
					t.Errorf("%d columns in %q", n, line)
				}
			}
		})
	}
}

func TestTable_RightAlignsNumbers(t *testing.T) {
	numbers := table{right: true, titles: []string{"PARTITION", "ROWS"}}
	numbers.row("a/0", 1)
	numbers.row("a/10", 100)
	want := "PARTITION  ROWS\n      a/0     1\n     a/10   100\n"
	if got := numbers.render(0); got != want {
		t.Errorf("got\n%s", got)
	}
}
