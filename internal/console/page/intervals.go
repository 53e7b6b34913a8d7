package page

import (
	"html/template"

	"github.com/pianola/pianola/internal/console/figures"
)

// Intervals is one line for each row, from its low to its high value, with a mark at its
// value. A row without a value is left out. The axis has zero, which is marked where values
// are below it.
type Intervals struct {
	Label, Value, Low, High string // columns
	Unit                    string // after each number, such as " %"
}

func (d Intervals) draw(p Panel, t *figures.Table) template.HTML {
	label, value, low, high := t.Index(d.Label), t.Index(d.Value), t.Index(d.Low), t.Index(d.High)
	if label < 0 || value < 0 || low < 0 || high < 0 {
		return ""
	}
	var rows []int
	var least, most float64
	for row := range t.Rows {
		if _, ok := t.Number(row, value); !ok {
			continue
		}
		rows = append(rows, row)
		least, most = min(least, numberOf(t, row, low)), max(most, numberOf(t, row, high))
	}
	if len(rows) == 0 || least == most {
		return ""
	}
	place := func(v float64) float64 { return (v - least) / (most - least) }
	c := newCanvas(p)
	for i, row := range rows {
		y := float64(i * rowHeight)
		from, at, to := numberOf(t, row, low), numberOf(t, row, value), numberOf(t, row, high)
		name := clipped(labelOf(t, row, label), 30)
		shown := exact(t, row, value) + d.Unit + " (" + exact(t, row, low) + " to " + exact(t, row, high) + ")"
		c.text("0", y+rowText, "start", "", name)
		c.text("100%", y+rowText, "end", "", shown)
		middle := y + rowBar + barHeight/2
		c.rect(shape{x: percent(place(from)), width: percent(place(to) - place(from)), y: middle - 2, height: 4, class: colour(0), opacity: 0.45, title: name + ": " + shown})
		c.rect(shape{x: percent(max(0, place(at)-0.004)), width: "0.8%", y: middle - barHeight/2, height: barHeight, class: colour(0)})
	}
	height := float64(len(rows) * rowHeight)
	if least < 0 {
		c.line(percent(place(0)), 0, percent(place(0)), height)
	}
	return c.svg(p, "rows", "100%", height)
}
