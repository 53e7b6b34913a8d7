package compare

import (
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/bench/lab"
	"github.com/pianola/pianola/internal/bench/messages"
)

// account is a round of a hundred messages.
func account(wall, noise float64) Account {
	return Account{Messages: 100, Wall: wall, Noise: noise, Wanted: 90, Contents: lab.Contents{Rows: 100, Events: 90, Checksum: "a"}}
}

func report(lines ...[]Account) *Report {
	r := &Report{}
	for i, rounds := range lines {
		r.Lines = append(r.Lines, Line{Name: string(rune('A' + i)), Rounds: rounds, Messages: messages.Defaults()})
	}
	return r
}

func TestReport_RatiosAreThoseOfRounds(t *testing.T) {
	// The machine is four times slower in the second round.
	r := report(
		[]Account{account(1, 0), account(4, 0), account(1, 0)},
		[]Account{account(2, 0), account(8, 0), account(2, 0)})
	if ratio := r.Lines[1].Ratio(r.Lines[0], Account.Rate); ratio != 0.5 {
		t.Errorf("ratio %v, want 0.5", ratio)
	}
	if rate := r.Lines[0].Median(Account.Rate); rate != 100 {
		t.Errorf("median %v, want 100", rate)
	}
}

func TestReport_SaysWhatTheFiguresAreWorth(t *testing.T) {
	for name, c := range map[string]struct {
		noise float64
		want  string
		only  bool // the ratios hold
	}{
		"quiet": {0.02, "at most 2 % of the machine", false},
		"loud":  {0.4, "at most 40 % of the machine", true},
	} {
		var b strings.Builder
		if err := report([]Account{account(1, 0), account(1, c.noise)}).Write(&b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), c.want) || strings.Contains(b.String(), "only the ratios hold") != c.only {
			t.Errorf("%s:\n%s", name, b.String())
		}
	}
}

func TestReport_Check(t *testing.T) {
	good := account(1, 0)
	other, lost := good, good
	other.Contents.Checksum = "b"
	lost.Contents.Events = 89
	if err := report([]Account{good, good}, []Account{good}).Check(); err != nil {
		t.Errorf("equal: %v", err)
	}
	for name, c := range map[string]struct {
		report *Report
		want   string
	}{
		"another system": {report([]Account{good}, []Account{other}), "90 events with checksum b: B"},
		"another round":  {report([]Account{good, other}), "90 events with checksum b: A"},
		"one alone":      {report([]Account{lost}), "A: 89 events, the messages have 90"},
	} {
		if err := c.report.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	two := report([]Account{good}, []Account{other})
	two.Lines[1].Messages.Seed = 2
	if err := two.Check(); err != nil {
		t.Errorf("other messages: %v", err)
	}
}
