package page

import (
	"cmp"
	"html/template"
	"math"
	"slices"

	"github.com/pianola/pianola/internal/console/figures"
)

// Stacked is one column of bars for each value of X, usually a month. A negative value
// goes below the axis.
type Stacked struct {
	X    string
	Up   []string // columns above the axis
	Down []string // columns below it, with positive values

	// Part, Rank and Value instead of Up: a table with a row for each part of each X. The
	// part with the lowest rank stands next to the axis.
	Part, Rank, Value string

	Immature string // column that is true, or NotYetDue, for bars to hatch
	Waiting  string // what a hatched bar means; empty for NotYetDue
}

// segment is one rectangle of a column, in units of the values.
type segment struct {
	from, to float64 // to is further from zero
	series   int
	title    string
}

// column is all segments at one X.
type column struct {
	label    string
	notDue   bool
	known    bool // there is a value, even if it is zero
	segments []segment
	high     float64 // sum of what is above the axis
	low      float64 // sum of what is below it; zero or negative
}

func (c *column) add(value float64, series int, title string) {
	switch {
	case value > 0:
		c.segments = append(c.segments, segment{from: c.high, to: c.high + value, series: series, title: title})
		c.high += value
	case value < 0:
		c.segments = append(c.segments, segment{from: c.low, to: c.low + value, series: series, title: title})
		c.low += value
	}
}

// columns are the bars, and the names of their series.
func (s Stacked) columns(t *figures.Table) (all []column, names []string) {
	x, immature := t.Index(s.X), t.Index(s.Immature)
	if x < 0 {
		return nil, nil
	}
	if s.Part != "" {
		return s.long(t, x, immature)
	}
	up, down := indexes(t, s.Up), indexes(t, s.Down)
	for row := range t.Rows {
		one := column{label: labelOf(t, row, x), notDue: yes(t, row, immature)}
		for i, index := range slices.Concat(up, down) {
			value, known := t.Number(row, index)
			one.known = one.known || known
			if i >= len(up) {
				value = -value
			}
			one.add(value, i, one.label+", "+t.Columns[index].Label()+": "+exact(t, row, index))
		}
		all = append(all, one)
	}
	for _, index := range slices.Concat(up, down) {
		names = append(names, t.Columns[index].Label())
	}
	return all, names
}

func (s Stacked) long(t *figures.Table, x, immature int) (all []column, names []string) {
	part, rank, value := t.Index(s.Part), t.Index(s.Rank), t.Index(s.Value)
	if part < 0 || rank < 0 || value < 0 {
		return nil, nil
	}
	inOrder := make([]int, len(t.Rows))
	for row := range t.Rows {
		inOrder[row] = row
	}
	slices.SortStableFunc(inOrder, func(a, b int) int { return cmp.Compare(numberOf(t, a, rank), numberOf(t, b, rank)) })
	for _, row := range inOrder {
		if name := labelOf(t, row, part); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	at := map[string]int{}
	for row := range t.Rows {
		label := labelOf(t, row, x)
		if _, seen := at[label]; !seen {
			at[label] = len(all)
			all = append(all, column{label: label, known: true})
		}
		one := &all[at[label]]
		one.notDue = one.notDue || yes(t, row, immature)
		name := labelOf(t, row, part)
		one.add(numberOf(t, row, value), slices.Index(names, name), label+", "+name+": "+exact(t, row, value))
	}
	return all, names
}

// Sizes of a drawing with columns, in pixels.
const (
	axisWidth   = 48
	columnWidth = 54
	barWidth    = 42
	plotTop     = 18
	plotHeight  = 210
	xHeight     = 24 // the label below the plot
	totalHeight = 14 // the total of what is negative, above the label
)

func (s Stacked) draw(p Panel, t *figures.Table) template.HTML {
	all, names := s.columns(t)
	if len(all) == 0 || len(names) == 0 {
		return ""
	}
	low, high := 0.0, 0.0
	for _, one := range all {
		low, high = min(low, one.low), max(high, one.high)
	}
	if low == 0 && high == 0 {
		high = 1
	}
	unit := plotHeight / (high - low)
	y := func(v float64) float64 { return plotTop + (high-v)*unit }
	width := float64(axisWidth + len(all)*columnWidth)
	bottom := float64(plotTop + plotHeight + xHeight)
	if low < 0 {
		bottom += totalHeight
	}
	c := newCanvas(p)
	for _, tick := range ticks(low, high) {
		c.line(px(axisWidth), y(tick), px(width), y(tick))
		c.text(px(axisWidth-6), y(tick)+4, "end", "soft", short(tick))
	}
	hatched := false
	for i, one := range all {
		hatched = hatched || one.notDue
		left := float64(axisWidth+i*columnWidth) + (columnWidth-barWidth)/2.0
		middle := px(left + barWidth/2.0)
		for _, part := range one.segments {
			top, height := y(max(part.from, part.to)), math.Abs(part.to-part.from)*unit
			title := part.title
			if one.notDue {
				title += " (" + s.waiting() + ")"
			}
			class := colour(part.series)
			if height > 3 {
				class += " edge"
			}
			c.rect(shape{x: px(left), width: px(barWidth), y: top, height: height, class: class, title: title, notDue: one.notDue})
			if len(one.segments) > 1 && height >= 16 {
				c.text(middle, top+height/2+4, "middle", "halo", short(part.to-part.from))
			}
		}
		switch {
		case !one.known:
			c.text(middle, y(0)-5, "middle", "soft", "–")
		case one.high > 0 || one.low == 0:
			c.text(middle, y(one.high)-5, "middle", "total", short(one.high))
		}
		if one.low < 0 {
			c.text(middle, y(one.low)+14, "middle", "total", short(one.low))
		}
		c.text(middle, bottom-6, "middle", "soft", clipped(one.label, 8))
	}
	svg := scrolled(p, c.svg(p, "", px(width), bottom))
	var entries []entry
	if len(names) > 1 {
		for i, name := range names {
			entries = append(entries, entry{class: colour(i), text: name})
		}
	}
	if hatched {
		entries = append(entries, entry{class: "f1", text: "hatched: " + s.waiting(), notDue: true})
	}
	return c.legend(entries) + svg
}

func (s Stacked) waiting() string {
	if s.Waiting != "" {
		return s.Waiting
	}
	return NotYetDue
}

// ticks are round values from low to high, zero included.
func ticks(low, high float64) []float64 {
	if high <= low {
		return []float64{0}
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*factor) <= 5 {
			step *= factor
			break
		}
	}
	var all []float64
	for i := math.Ceil(low / step); i*step <= high; i++ {
		all = append(all, i*step+0) // without a negative zero
	}
	return all
}
