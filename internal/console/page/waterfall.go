package page

import (
	"html/template"
	"math"

	"github.com/pianola/pianola/internal/console/figures"
)

// Waterfall is how a level becomes another one, step by step from top to bottom. Each row
// of the table is a step.
type Waterfall struct {
	Step   string // column with its name
	Amount string // column with its signed change; of a level, the level
	Level  string // column that is true for a level, which starts at zero
}

// fall is one bar of a waterfall.
type fall struct {
	label        string
	amount       float64
	from, to     float64
	level        bool
	shown, title string
}

// Heights of a row: a line of text above the bar.
const (
	rowHeight = 42
	rowText   = 14
	rowBar    = 20 // where the bar begins
	barHeight = 14
)

func (w Waterfall) falls(t *figures.Table) []fall {
	step, amount, level := t.Index(w.Step), t.Index(w.Amount), t.Index(w.Level)
	if step < 0 || amount < 0 {
		return nil
	}
	var all []fall
	running := 0.0
	for row := range t.Rows {
		one := fall{label: labelOf(t, row, step), amount: numberOf(t, row, amount), level: yes(t, row, level)}
		one.shown = exact(t, row, amount)
		if one.level {
			one.from, one.to = 0, one.amount
		} else {
			one.from, one.to = running, running+one.amount
			if one.amount > 0 {
				one.shown = "+" + one.shown
			}
		}
		one.title = one.label + ": " + one.shown
		running = one.to
		all = append(all, one)
	}
	return all
}

func (w Waterfall) draw(p Panel, t *figures.Table) template.HTML {
	falls := w.falls(t)
	if len(falls) == 0 {
		return ""
	}
	low, high := 0.0, 0.0
	for _, one := range falls {
		low, high = min(low, one.from, one.to), max(high, one.from, one.to)
	}
	at := func(v float64) float64 {
		if high == low {
			return 0
		}
		return (v - low) / (high - low)
	}
	c := newCanvas(p)
	for i, one := range falls {
		y := float64(i * rowHeight)
		class := "f1"
		switch {
		case one.level:
		case one.amount < 0:
			class = "fbad"
		default:
			class = "fgood"
		}
		c.text("0", y+rowText, "start", "", clipped(one.label, 26))
		c.text("100%", y+rowText, "end", "", one.shown)
		left, right := at(min(one.from, one.to)), at(max(one.from, one.to))
		// A bar of nothing is still a mark at its place.
		width := math.Max(right-left, 0.003)
		c.rect(shape{x: percent(math.Min(left, 1-width)), width: percent(width), y: y + rowBar, height: barHeight, class: class, title: one.title, round: true})
		if i+1 < len(falls) {
			c.line(percent(at(one.to)), y+rowBar+barHeight, percent(at(one.to)), y+rowHeight+rowBar)
		}
	}
	return c.legend([]entry{{class: "f1", text: "level"}, {class: "fgood", text: "+ increase"}, {class: "fbad", text: "− decrease"}}) +
		c.svg(p, "rows", "100%", float64(len(falls)*rowHeight))
}
