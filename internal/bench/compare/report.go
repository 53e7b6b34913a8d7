package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/bench/messages"
)

// Report is the results of all rounds.
type Report struct {
	Lines []Line `json:"lines"`
}

// Line is the rounds of one contender.
type Line struct {
	Name      string          `json:"name"`
	System    string          `json:"system"`
	Variation Variation       `json:"variation"`
	Messages  messages.Config `json:"messages"`
	Rounds    []Account       `json:"rounds"`
}

// Median is the median of a figure over the rounds.
func (l Line) Median(figure func(Account) float64) float64 {
	values := make([]float64, 0, len(l.Rounds))
	for _, a := range l.Rounds {
		values = append(values, figure(a))
	}
	return median(values)
}

// Ratio is the median of the ratios to another line, each of one round: what slows a whole
// round down cancels out.
func (l Line) Ratio(to Line, figure func(Account) float64) float64 {
	var values []float64
	for i := range min(len(l.Rounds), len(to.Rounds)) {
		values = append(values, figure(l.Rounds[i])/figure(to.Rounds[i]))
	}
	return median(values)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// figures are the columns of the table.
var figures = []struct {
	name, format string
	of           func(Account) float64
}{
	{"messages/s", "%.0f", Account.Rate},
	{"start-up s", "%.1f", func(a Account) float64 { return a.StartUp }},
	{"CPU s a million: all", "%.2f", Account.CPUPerMillion},
	{"system", "%.2f", func(a Account) float64 { return a.perMillion(a.CPU.System) }},
	{"ClickHouse", "%.2f", func(a Account) float64 { return a.perMillion(a.CPU.ClickHouse) }},
	{"its later merges", "%.2f", func(a Account) float64 { return a.perMillion(a.CPU.Merges) }},
	{"Kafka", "%.2f", func(a Account) float64 { return a.perMillion(a.CPU.Kafka) }},
	{"peak MiB: system", "%.0f", func(a Account) float64 { return mebibytes(a.Peak.System) }},
	{"ClickHouse", "%.0f", func(a Account) float64 { return mebibytes(a.Peak.ClickHouse) }},
	{"inserts", "%.0f", func(a Account) float64 { return float64(a.Inserts) }},
	{"parts written", "%.0f", func(a Account) float64 { return float64(a.Written) }},
	{"parts left", "%.0f", func(a Account) float64 { return float64(a.Contents.Parts) }},
	{"rows", "%.0f", func(a Account) float64 { return float64(a.Contents.Rows) }},
	{"bytes a row", "%.1f", func(a Account) float64 { return a.Contents.RowBytes() }},
	{"other processes", "%.0f %%", func(a Account) float64 { return 100 * a.Noise }},
}

func mebibytes(b int64) float64 { return float64(b) / (1 << 20) }

// Write writes a table in Markdown. The ratio is to the first line.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| system | ratio |")
	for _, f := range figures {
		b.WriteString(" " + f.name + " |")
	}
	b.WriteString(" checksum |\n|---|" + strings.Repeat("---:|", len(figures)+1) + "---|\n")
	for _, l := range r.Lines {
		fmt.Fprintf(&b, "| %s | %.2f |", l.Name, l.Ratio(r.Lines[0], Account.Rate))
		for _, f := range figures {
			fmt.Fprintf(&b, " "+f.format+" |", l.Median(f.of))
		}
		fmt.Fprintf(&b, " %s |\n", strings.Join(l.checksums(), ", "))
	}
	b.WriteString("\n" + r.noise() + "\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

func (l Line) checksums() []string {
	var all []string
	for _, a := range l.Rounds {
		all = append(all, a.Contents.Checksum)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// QuietNoise is the largest share of the machine that other processes may take in a round,
// for its absolute figures to mean something.
const QuietNoise = 0.03

// noise says what the figures are worth.
func (r *Report) noise() string {
	worst := 0.0
	for _, l := range r.Lines {
		for _, a := range l.Rounds {
			worst = max(worst, a.Noise)
		}
	}
	text := fmt.Sprintf("Other processes took at most %.0f %% of the machine in a round.", 100*worst)
	if worst > QuietNoise {
		text += fmt.Sprintf(" Above %.0f %% only the ratios hold.", 100*QuietNoise)
	}
	return text
}
